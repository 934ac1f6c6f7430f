//! PP-3: card numbers are never accepted. What looks like one is refused, wherever it stands.

/// Fewest digits of a card number.
const DIGITS_MIN: usize = 13;
/// Most digits of a card number.
const DIGITS_MAX: usize = 19;

/// Whether a text has a card number in it: 13 to 19 digits with a right check digit (Luhn), in one run, or in groups as
/// they are embossed (`4-4-4-4`, `4-6-5`, …) with one blank, dash, dot or underscore between them.
///
/// Digits within a hexadecimal word (a UUID, a digest) do not count, for one in a thousand of those would fail.
///
/// ```
/// use kasacare::import::looks_like_card_number;
/// assert!(looks_like_card_number("4242 4242 4242 4242"));
/// assert!(looks_like_card_number("visa4242424242424242"));
/// assert!(!looks_like_card_number("Visa ending 4242"));
/// assert!(!looks_like_card_number("4242424242424241"));
/// ```
#[must_use]
pub fn looks_like_card_number(text: &str) -> bool {
    if text.bytes().filter(u8::is_ascii_digit).count() < DIGITS_MIN {
        return false;
    }
    let groups = digit_groups(text);
    (0..groups.len()).any(|first| begins_card_number(groups.get(first..).unwrap_or_default()))
}

/// A run of digits, and whether only one separator stands between it and the run before.
struct Group<'t> {
    digits: &'t str,
    joined: bool,
}

fn digit_groups(text: &str) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut gap_start = 0;
    while let Some(start) = text.get(gap_start..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())) {
        let start = gap_start + start;
        let rest = text.get(start..).unwrap_or_default();
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let gap = text.get(gap_start..start).unwrap_or_default();
        if !within_hexadecimal_word(text, start, start + digits.len()) {
            groups.push(Group { digits, joined: matches!(gap, " " | "-" | "." | "_" | "\u{a0}") });
        }
        gap_start = start + digits.len();
    }
    groups
}

/// Whether the alphanumeric word around `start..end` has letters, and only `a` to `f`.
fn within_hexadecimal_word(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let mut letters = before
        .chars()
        .rev()
        .take_while(|c| c.is_alphanumeric())
        .chain(after.chars().take_while(|c| c.is_alphanumeric()))
        .filter(|c| !c.is_ascii_digit())
        .peekable();
    letters.peek().is_some() && letters.all(|c| c.is_ascii_hexdigit())
}

/// Whether a card number begins with the first of these groups: alone, or with the groups joined to it.
fn begins_card_number(groups: &[Group<'_>]) -> bool {
    let mut digits = String::new();
    for (index, group) in groups.iter().enumerate() {
        if index > 0 && !(group.joined && digits.len() < DIGITS_MAX && group.digits.len() <= 6) {
            return false;
        }
        digits.push_str(group.digits);
        if is_card_number(&digits) {
            return true;
        }
        if !(4..=6).contains(&group.digits.len()) {
            return false;
        }
    }
    false
}

fn is_card_number(digits: &str) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && luhn(digits) && digits.bytes().any(|digit| digit != b'0')
}

fn luhn(digits: &str) -> bool {
    let weighted = digits.bytes().rev().map(|digit| u32::from(digit - b'0')).enumerate().map(|(index, digit)| match (index % 2, digit) {
        (0, digit) => digit,
        (_, digit @ 0..=4) => digit * 2,
        (_, digit) => digit * 2 - 9,
    });
    weighted.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_seen_however_they_are_written() {
        let numbers = [
            "4242424242424242",
            "4242-4242-4242-4242",
            "Visa 4242 4242 4242 4242 exp 12/30",
            "378282246310005",
            "3782 822463 10005",
            "3056 930902 5904",
            "4222222222222",
            "6304000000000000000",
            "x 4242\u{a0}4242\u{a0}4242\u{a0}4242",
            "a-1;4242.4242.4242.4242",
            "tok_4242424242424242",
        ];
        for text in numbers {
            assert!(looks_like_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_let_through() {
        let others = [
            "",
            "Visa ending 4242",
            "4242 4242 4242",
            "4242424242424243",
            "0000000000000000",
            "42424242424242424242424242424242",
            "9b4242424242424242ff",
            "2025-01-31 2026-01-31 2027-02-28",
            "+1 415 555 2671",
            "4242, 4242, 4242, 4242",
        ];
        for text in others {
            assert!(!looks_like_card_number(text), "{text}");
        }
    }
}
