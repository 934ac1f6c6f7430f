//! Rust source with comments and the insides of literals blanked out, so that a search finds code alone.

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

/// One file of the project.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the project's folder, with `/` between the parts.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// The same, line by line, without comments and literals.
    pub code: String,
}

impl Source {
    /// A file as if it stood at `path`.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code_of(text) }
    }

    /// Every Rust file under the given folders of the project, in the order of their paths.
    pub fn all_in(folders: &[&str]) -> Vec<Self> {
        let mut paths: Vec<PathBuf> = folders.iter().flat_map(|folder| files_in(&root().join(folder))).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inside = path.strip_prefix(root()).expect("a path inside the project");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        Self::new(&parts.join("/"), &text)
    }

    /// Where a word occurs in the code: byte positions at which nothing that belongs to a name stands before or after it.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_name = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let code = self.code.as_bytes();
        let starts_with_name = is_name(word.as_bytes().first());
        let ends_with_name = is_name(word.as_bytes().last());
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let before = at.checked_sub(1).and_then(|before| code.get(before));
            let after = code.get(at + word.len());
            let goes_on = (starts_with_name && is_name(before)) || (ends_with_name && is_name(after));
            !goes_on
        })
    }

    /// The number of the line, from 1, in which a byte of the code stands.
    pub fn line_of(&self, at: usize) -> usize {
        1 + self.code.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
    }
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder; none where there is no such folder.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry of a folder").path());
    paths.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

/// Blanks comments and the insides of literals; what is left has the same bytes at the same places.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut last = ' ';
    while let Some(first) = rest.chars().next() {
        let after_name = last.is_alphanumeric() || last == '_';
        let (length, blank) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => (block_comment(rest), true),
            '"' => (quoted(rest, '"'), true),
            'r' | 'b' if !after_name && raw_string(rest).is_some() => (raw_string(rest).unwrap_or(1), true),
            '\'' if is_character(rest) => (quoted(rest, '\''), true),
            _ => (first.len_utf8(), false),
        };
        let (piece, remaining) = rest.split_at(length);
        if blank {
            piece.chars().for_each(|c| code.extend(iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8())));
        } else {
            code.push_str(piece);
        }
        last = first;
        rest = remaining;
    }
    code
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a literal that begins with its quote; a backslash takes the next character with it.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#`, `br"…"`, if one begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after_r = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let inside = after_r.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + length)
}

/// Whether this quote begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => true,
        (Some(_), Some(second)) => second == '\'',
        _ => false,
    }
}

#[test]
fn comments_and_literals_are_blank_and_code_stays_where_it_is() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d\n*/ e", "a               \n   e"),
        (r#"f("todo!\"", 'x', '\'')"#, "f(         ,    ,     )"),
        (r##"(r#"a "b" // c"#, br"\", d)"##, "(               ,      , d)"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("\"ä\" ü", "     ü"),
        ("for_r\"x\"", "for_r   "),
    ] {
        assert_eq!(code_of(text), code, "{text}");
        assert_eq!(code_of(text).len(), text.len(), "{text}");
    }
}

#[test]
fn words_are_whole() {
    let source = Source::new("src/x.rs", "async fn f() { basync; async_; a.async }\n// async\nasync");
    let lines: Vec<usize> = source.words("async").map(|at| source.line_of(at)).collect();
    assert_eq!(lines, [1, 1, 3]);
}
