//! The blocks of a rendered body, and how each of the two forms shows them.
//!
//! A body is lines. An indented line `  Label: value` is a fact; consecutive ones make a table. Other lines up to a
//! blank one make a paragraph. Facts are single lines without leading blanks, so no value can open or close a block.

/// A part of a body.
enum Block<'a> {
    Paragraph(Vec<&'a str>),
    Table(Vec<&'a str>),
}

/// The indentation that marks a fact.
const FACT_INDENT: &str = "  ";

fn blocks(body: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut fresh = true;
    for line in body.lines().map(str::trim_end) {
        if line.is_empty() {
            fresh = true;
            continue;
        }
        let fact = line.strip_prefix(FACT_INDENT);
        match (blocks.last_mut(), fact) {
            (Some(Block::Table(facts)), Some(fact)) if !fresh => facts.push(fact),
            (Some(Block::Paragraph(lines)), None) if !fresh => lines.push(line),
            (_, Some(fact)) => blocks.push(Block::Table(vec![fact])),
            (_, None) => blocks.push(Block::Paragraph(vec![line])),
        }
        fresh = false;
    }
    blocks
}

/// The body as plain text: one line a paragraph, facts indented, a blank line between blocks.
pub(super) fn as_text(body: &str) -> String {
    let written: Vec<String> = blocks(body)
        .into_iter()
        .map(|block| match block {
            Block::Paragraph(lines) => lines.join(" "),
            Block::Table(facts) => facts.iter().map(|fact| format!("{FACT_INDENT}{fact}")).collect::<Vec<_>>().join("\n"),
        })
        .collect();
    written.join("\n\n")
}

/// The body as HTML. `body` is escaped already.
pub(super) fn as_html(body: &str) -> String {
    let mut html = String::with_capacity(body.len() * 2);
    for block in blocks(body) {
        match block {
            Block::Paragraph(lines) => {
                html.push_str("<p>");
                html.push_str(&lines.join(" "));
                html.push_str("</p>\n");
            }
            Block::Table(facts) => {
                html.push_str("<table>\n");
                for fact in facts {
                    let (label, value) = fact.split_once(": ").unwrap_or((fact, ""));
                    html.push_str("<tr><th scope=\"row\">");
                    html.push_str(label);
                    html.push_str("</th><td>");
                    html.push_str(value);
                    html.push_str("</td></tr>\n");
                }
                html.push_str("</table>\n");
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "\n\nFirst line\nof a paragraph. \n  Plan: Plus: annual\n  Total: 1\n\n\n  Other: 2\nSecond.\n";

    #[test]
    fn text_has_one_line_a_paragraph() {
        assert_eq!(as_text(BODY), "First line of a paragraph.\n\n  Plan: Plus: annual\n  Total: 1\n\n  Other: 2\n\nSecond.");
    }

    #[test]
    fn html_has_paragraphs_and_tables() {
        assert_eq!(
            as_html(BODY),
            "<p>First line of a paragraph.</p>\n\
             <table>\n<tr><th scope=\"row\">Plan</th><td>Plus: annual</td></tr>\n<tr><th scope=\"row\">Total</th><td>1</td></tr>\n</table>\n\
             <table>\n<tr><th scope=\"row\">Other</th><td>2</td></tr>\n</table>\n\
             <p>Second.</p>\n"
        );
    }

    #[test]
    fn an_empty_body_is_empty() {
        assert_eq!(as_text(" \n\n"), "");
        assert_eq!(as_html(""), "");
    }
}
