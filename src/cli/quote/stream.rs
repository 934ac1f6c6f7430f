//! Lines in, lines out, in constant memory: one buffer for the line, one for the answer.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::CliError;
use super::fields::Fields;
use super::problem::{Code, Problem};

/// Bytes of the input and the output buffer.
pub(super) const BUFFER_BYTES: usize = 1 << 16;
/// Longest question in bytes; a longer line is skipped and answered with an error.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;

/// Answers one question: appends one JSON object to the buffer.
pub(super) type Answer = fn(&Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem>;

/// How many lines were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Answered with an error.
    pub(super) errors: u64,
}

/// One line of input.
enum Line {
    Whole,
    TooLong,
    End,
}

/// Answers every line of `input`. What was answered is written out before waiting for more input, so that the filter
/// can be talked to.
pub(super) fn answer_all<R: Read>(mut input: BufReader<R>, output: impl Write, explain: bool, answer: Answer) -> Result<Tally, CliError> {
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
    let mut tally = Tally::default();
    // Room for the longest line from the start: memory is taken when it is written to, and a line that grows leaves nothing behind.
    let (mut line, mut out) = (Vec::with_capacity(LINE_BYTES_MAX), Vec::new());
    loop {
        if input.buffer().is_empty() {
            output.flush().map_err(CliError::Write)?;
        }
        let problem = match read_line(&mut input, &mut line).map_err(CliError::Read)? {
            Line::End => break,
            Line::Whole if line.iter().all(u8::is_ascii_whitespace) => continue,
            Line::Whole => answer_line(&line, explain, answer, &mut out).err(),
            Line::TooLong => {
                let message = format!("a question has at most {LINE_BYTES_MAX} bytes");
                Some((None, Problem::of_line(Code::LineTooLong, message)))
            }
        };
        if let Some((id, problem)) = problem {
            tally.errors += 1;
            write_problem(id.as_deref(), &problem, &mut out);
        }
        out.push(b'\n');
        output.write_all(&out).map_err(CliError::Write)?;
    }
    output.flush().map_err(CliError::Write)?;
    Ok(tally)
}

/// Answers one line into `out`, or tells the question's id, as far as it is known, and what is wrong.
fn answer_line(line: &[u8], explain: bool, answer: Answer, out: &mut Vec<u8>) -> Result<(), (Option<Box<RawValue>>, Problem)> {
    out.clear();
    let fields = Fields::parse(line).map_err(|problem| (None, problem))?;
    answer(&fields, explain, out).map_err(|problem| (fields.id().map(ToOwned::to_owned), problem))
}

/// Appends an answer. Serialising plain structs into memory cannot fail.
pub(super) fn write_answer(answer: &impl Serialize, out: &mut Vec<u8>) {
    out.clear();
    serde_json::to_writer(out, answer).expect("answers are plain data");
}

fn write_problem(id: Option<&RawValue>, problem: &Problem, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Failed<'a> {
        id: Option<&'a RawValue>,
        error: &'a Problem,
    }
    write_answer(&Failed { id, error: problem }, out);
}

/// Reads up to the next line break, of which nothing is kept. The rest of an overlong line is skipped, unstored.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Line> {
    line.clear();
    let mut too_long = false;
    let mut anything = false;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(if too_long {
                Line::TooLong
            } else if anything {
                Line::Whole
            } else {
                Line::End
            });
        }
        anything = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        too_long |= line.len() + part.len() > LINE_BYTES_MAX;
        if !too_long {
            line.extend_from_slice(part);
        }
        let consumed = part.len() + usize::from(end.is_some());
        input.consume(consumed);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}
