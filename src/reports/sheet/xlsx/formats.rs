//! How the cells of a workbook look.

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder};

use crate::domain::money::Money;

/// A look, and the same for totals.
type Pair = [Format; 2];

/// All looks. Made once: a workbook stores each but once.
pub(super) struct Formats {
    pub(super) header: Format,
    pub(super) header_right: Format,
    pub(super) title: Format,
    pub(super) faint: Format,
    pub(super) link: Format,
    pub(super) date: Format,
    text: Pair,
    count: Pair,
    number_as_text: Pair,
    /// By the number of decimals, 0 to 3.
    money: [Pair; 4],
}

/// Grey that is read on white.
const FAINT: u32 = 0x0059_6673;
const LINE: u32 = 0x00C9_D1D9;
const BAND: u32 = 0x00EE_F2F6;

fn pair(format: Format) -> Pair {
    let total = format.clone().set_bold().set_border_top(FormatBorder::Thin);
    [format, total]
}

fn of(pair: &Pair, is_total: bool) -> &Format {
    let [plain, total] = pair;
    if is_total { total } else { plain }
}

impl Formats {
    pub(super) fn new() -> Self {
        let header =
            Format::new().set_bold().set_background_color(BAND).set_border_bottom(FormatBorder::Thin).set_border_bottom_color(LINE);
        let numbers = |format: &str| pair(Format::new().set_num_format(format).set_align(FormatAlign::Right));
        Self {
            header_right: header.clone().set_align(FormatAlign::Right),
            header,
            title: Format::new().set_bold().set_font_size(14),
            faint: Format::new().set_font_color(FAINT),
            link: Format::new().set_font_color(0x0009_4FA3).set_underline(rust_xlsxwriter::FormatUnderline::Single),
            date: Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            text: pair(Format::new()),
            count: numbers("#,##0"),
            number_as_text: pair(Format::new().set_num_format("@").set_align(FormatAlign::Right)),
            money: ["#,##0", "#,##0.0", "#,##0.00", "#,##0.000"].map(numbers),
        }
    }

    pub(super) fn text(&self, is_total: bool) -> &Format {
        of(&self.text, is_total)
    }

    pub(super) fn count(&self, is_total: bool) -> &Format {
        of(&self.count, is_total)
    }

    pub(super) fn number_as_text(&self, is_total: bool) -> &Format {
        of(&self.number_as_text, is_total)
    }

    pub(super) fn money(&self, amount: Money, is_total: bool) -> &Format {
        let [none, one, two, three] = &self.money;
        of(
            match amount.currency().exponent() {
                0 => none,
                1 => one,
                2 => two,
                _ => three,
            },
            is_total,
        )
    }
}
