//! PP-3: card numbers are never accepted. What looks like one is refused, wherever it stands.

/// Fewest digits of a card number.
const DIGITS_MIN: usize = 13;
/// Most digits of a card number.
const DIGITS_MAX: usize = 19;
/// Fewest digits of one group of an embossed number, but for the last.
const GROUP_DIGITS_MIN: usize = 4;
/// Most digits of one group of an embossed number.
const GROUP_DIGITS_MAX: usize = 6;

/// Whether a text has a card number in it: 13 to 19 digits with a right check digit (Luhn), in one run, or in groups as they are
/// embossed (`4-4-4-4`, `4-6-5`, …) or all of one length, with any blanks, dashes, dots, slashes and other punctuation between
/// them. Digits are those of any script: full-width ones are read by people, too.
///
/// A comma or semicolon with a blank parts two things and joins no groups. Digits within a hexadecimal word (a UUID, a digest) do
/// not count, for one in a thousand of those would fail; nor do numbers that begin as no card does, such as most counts of
/// milliseconds.
///
/// ```
/// use kasacare::import::looks_like_card_number;
/// assert!(looks_like_card_number("4242 4242 4242 4242"));
/// assert!(looks_like_card_number("visa4242424242424242"));
/// assert!(looks_like_card_number("4242  4242 – 4242/4242"));
/// assert!(!looks_like_card_number("Visa ending 4242"));
/// assert!(!looks_like_card_number("4242424242424241"));
/// ```
#[must_use]
pub fn looks_like_card_number(text: &str) -> bool {
    // Bytes first: hardly any text has so many, and this is asked of every field of every row.
    let may_be_digits = text.bytes().filter(|byte| byte.is_ascii_digit() || !byte.is_ascii()).count();
    if may_be_digits < DIGITS_MIN {
        return false;
    }
    let text: String = text.chars().map(plain).collect();
    let groups = digit_groups(&text);
    (0..groups.len()).any(|first| begins_card_number(groups.get(first..).unwrap_or_default()))
}

/// A digit of any script as an ASCII digit; everything else as it is.
fn plain(c: char) -> char {
    if c.is_ascii() || !c.is_numeric() {
        return c;
    }
    let code = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code);
    zero.and_then(|zero| char::from_digit(code - zero, 10)).unwrap_or(c)
}

/// The zeros of the scripts whose decimal digits stand in a row of ten (Unicode, general category Nd), ascending.
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040,
    0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50,
    0xABF0, 0xFF10, 0x1_04A0, 0x1_0D30, 0x1_1066, 0x1_10F0, 0x1_1136, 0x1_11D0, 0x1_12F0, 0x1_1450, 0x1_14D0, 0x1_1650, 0x1_16C0, 0x1_1730,
    0x1_18E0, 0x1_1950, 0x1_1C50, 0x1_1D50, 0x1_1DA0, 0x1_6A60, 0x1_6AC0, 0x1_6B50, 0x1_D7CE, 0x1_D7D8, 0x1_D7E2, 0x1_D7EC, 0x1_D7F6,
    0x1_E140, 0x1_E2F0, 0x1_E4F0, 0x1_E950, 0x1_FBF0,
];

/// A run of digits, and whether only separators stand between it and the run before.
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
            groups.push(Group { digits, joined: joins(gap) });
        }
        gap_start = start + digits.len();
    }
    groups
}

/// Whether a gap is nothing but separators, and not the end of one thing and the beginning of the next.
fn joins(gap: &str) -> bool {
    let parts_things = gap.contains([',', ';']) && gap.contains(char::is_whitespace);
    !gap.chars().any(char::is_alphanumeric) && !parts_things
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
    let first = groups.first().map_or(0, |group| group.digits.len());
    // Short groups are all of one length; longer ones are as on cards.
    let longest = if first < GROUP_DIGITS_MIN { first } else { GROUP_DIGITS_MAX };
    let mut digits = String::new();
    for (index, group) in groups.iter().enumerate() {
        if index > 0 && !(group.joined && digits.len() < DIGITS_MAX && group.digits.len() <= longest) {
            return false;
        }
        digits.push_str(group.digits);
        if is_card_number(&digits) {
            return true;
        }
        // Only the last one may be shorter: the parts of a date are no card number.
        if group.digits.len() != first && !(GROUP_DIGITS_MIN..=GROUP_DIGITS_MAX).contains(&group.digits.len()) {
            return false;
        }
    }
    false
}

fn is_card_number(digits: &str) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && luhn(digits) && begins_as_cards_do(digits)
}

/// ISO/IEC 7812: no card begins with 0, and with 1 only those of airlines, which have 15 digits.
fn begins_as_cards_do(digits: &str) -> bool {
    !digits.starts_with('0') && (!digits.starts_with('1') || digits.len() == 15)
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
            "Visa 4242  4242   4242 4242",
            "4242\u{2013}4242\u{2014}4242\u{2212}4242",
            "4242/4242/4242/4242",
            "4242 - 4242 - 4242 - 4242",
            "4242,4242,4242,4242",
            "4242\u{200b}4242\u{200b}4242\u{200b}4242",
            "42 42 42 42 42 42 42 42",
            "4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2",
            "\u{ff14}\u{ff12}\u{ff14}\u{ff12}4242\u{ff14}\u{ff12}\u{ff14}\u{ff12}4242",
            "٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢",
            "४२४२४२४२४२४२४२४२",
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
            "2025-01-31 10:20:30, 2026-01-31 10:20:30",
            "2025-01-31 10:20:30.123457",
            "+1 415 555 2671",
            "4242, 4242, 4242, 4242",
            "4242 and 4242 and 4242 and 4242",
            "1764454731126",
            "½½½½½½½½½½½½½½½½",
        ];
        for text in others {
            assert!(!looks_like_card_number(text), "{text}");
        }
        assert!(luhn("1764454731126"), "not for its check digit");
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        assert!(ZEROS.is_sorted());
        for zero in ZEROS {
            let ten: String = (0..10).filter_map(|digit| char::from_u32(zero + digit)).map(plain).collect();
            assert_eq!(ten, "0123456789", "{zero:x}");
        }
    }
}
