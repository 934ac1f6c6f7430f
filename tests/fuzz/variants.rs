//! Variants of good inputs. The bytes that the fuzzer makes are a list of changes, so that the same bytes are the same variant, and fewer
//! bytes are fewer changes.

/// What is put in: where numbers, texts and brackets have their edges, and words that mean something to the readers.
const WORDS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"-0",
    b"1.5",
    b"1e3",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"253402300800",
    b"null",
    b"true",
    b"false",
    b"[]",
    b"{}",
    b"[[]]",
    b"{\"id\":\"x\"}",
    b"{\"id\":null}",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"\"\\\"\"",
    b"\"jo@example.com\"",
    b"\"../acc\"",
    b"\"usd\"",
    b"\"isk\"",
    b"\"kwd\"",
    b"\"xxx\"",
    b"\"succeeded\"",
    b"\"failed\"",
    b"\"lost\"",
    b"\"won\"",
    b"\"refund.failed\"",
    b"\"charge.dispute.closed\"",
    b"\"payment_intent.succeeded\"",
    b"\"charge.succeeded\"",
    b"\"kasacare_account\"",
    b"\"id\"",
    b"\"type\"",
    b"\"id\":1,",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
    b"t=",
    b"v1=",
    b",v1=",
    b",t=1",
    b" ",
    b"\n",
];

/// The list of changes, read byte by byte.
struct Changes<'a>(&'a [u8]);

impl Changes<'_> {
    fn number(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    /// A number below a limit.
    fn below(&mut self, limit: usize) -> usize {
        let number = self.number() << 8 | self.number();
        if limit == 0 { 0 } else { number % limit }
    }

    fn word(&mut self) -> &'static [u8] {
        let word = self.below(WORDS.len());
        WORDS[word]
    }
}

/// The variant that these changes make of one of the seeds.
pub fn of(seeds: &[Vec<u8>], changes: &[u8]) -> Vec<u8> {
    let mut changes = Changes(changes);
    let seed = changes.below(seeds.len());
    let mut bytes = seeds[seed].clone();
    for _ in 0..changes.number() % 4 {
        if changes.0.is_empty() {
            break;
        }
        change(&mut bytes, seeds, &mut changes);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], changes: &mut Changes<'_>) {
    let kind = changes.number() % 10;
    let place = changes.below(bytes.len() + 1);
    match kind {
        // Most of them leave the whole in one piece: a value for another.
        0..=4 => {
            let (from, to) = value_after(bytes, place);
            let word = changes.word();
            bytes.splice(from..to, word.iter().copied());
        }
        5 => {
            let word = changes.word();
            bytes.splice(place..place, word.iter().copied());
        }
        6 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << (changes.number() % 8);
            }
        }
        7 => {
            let end = (place + 1 + changes.number()).min(bytes.len());
            bytes.drain(place.min(end)..end);
        }
        8 => {
            let end = (place + 1 + changes.number()).min(bytes.len());
            let again = bytes[place.min(end)..end].to_vec();
            bytes.splice(end..end, again);
        }
        _ => {
            let other = &seeds[changes.below(seeds.len())];
            let from = changes.below(other.len() + 1);
            bytes.truncate(place);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

/// The next text, number or word after a place; from the place to the end where there is none.
fn value_after(bytes: &[u8], place: usize) -> (usize, usize) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
    let Some(from) = bytes[place..].iter().position(|byte| *byte == b'"' || is_word(byte)).map(|at| place + at) else {
        return (place, bytes.len());
    };
    let is_text = bytes[from] == b'"';
    let rest = &bytes[from + 1..];
    let end =
        if is_text { rest.iter().position(|byte| *byte == b'"').map(|at| at + 1) } else { rest.iter().position(|byte| !is_word(byte)) };
    (from, end.map_or(bytes.len(), |at| from + 1 + at))
}
