//! Drawing a figure with plotters, as SVG without anything from outside.

use std::io;

use minijinja::HtmlEscape;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, EmptyElement, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

use super::{Bar, Figure, Shade};
use crate::reports::ReportError;
use crate::reports::sheet::words::grouped;

const SIZE: (u32, u32) = (760, 300);

/// Width of a group in steps of the horizontal axis, and where in it the column stands.
const STEPS: i32 = 100;
const COLUMN: (i32, i32) = (18, 82);

/// Beyond so many columns their names and amounts would stand in each other's way: then the amounts are left out, and names of
/// columns between.
const LABELLED_MAX: usize = 13;

/// Colours that only stand for a name, which takes their place.
const INK: RGBColor = RGBColor(1, 0, 254);
const FAINT: RGBColor = RGBColor(2, 0, 254);
const GRID: RGBColor = RGBColor(3, 0, 254);
const NAMES: [(RGBColor, &str); 12] = [
    (INK, "--ink"),
    (FAINT, "--faint"),
    (GRID, "--line"),
    (RGBColor(4, 0, 254), "--balance"),
    (RGBColor(5, 0, 254), "--rise"),
    (RGBColor(6, 0, 254), "--fall"),
    (RGBColor(11, 0, 254), "--s1"),
    (RGBColor(12, 0, 254), "--s2"),
    (RGBColor(13, 0, 254), "--s3"),
    (RGBColor(14, 0, 254), "--s4"),
    (RGBColor(15, 0, 254), "--s5"),
    (RGBColor(16, 0, 254), "--s6"),
];

/// How many series have a colour of their own.
pub(super) const SERIES_MAX: usize = 6;

const fn colour(shade: Shade) -> RGBColor {
    match shade {
        Shade::Balance => RGBColor(4, 0, 254),
        Shade::Rise => RGBColor(5, 0, 254),
        Shade::Fall => RGBColor(6, 0, 254),
        Shade::Series(0) => RGBColor(11, 0, 254),
        Shade::Series(1) => RGBColor(12, 0, 254),
        Shade::Series(2) => RGBColor(13, 0, 254),
        Shade::Series(3) => RGBColor(14, 0, 254),
        Shade::Series(4) => RGBColor(15, 0, 254),
        Shade::Series(_) => RGBColor(16, 0, 254),
    }
}

pub(super) fn svg(figure: &Figure, id: &str) -> Result<String, ReportError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(figure, &area).map_err(|problem| ReportError::Write(io::Error::other(problem)))?;
        area.present().map_err(|error| ReportError::Write(io::Error::other(error.to_string())))?;
    }
    for (colour, name) in NAMES {
        let RGBColor(red, green, blue) = colour;
        text = text.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), &format!("var({name})"));
    }
    // The library's own tag names a namespace and fixes the size; in a page there is no need for either.
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let (width, height) = SIZE;
    let (title, about) = (HtmlEscape(&figure.title), HtmlEscape(&figure.about));
    Ok(format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
         <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{about}</desc>{body}"
    ))
}

/// Small print of a colour.
fn small(colour: RGBColor) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", 15).into_font());
    style.color = colour.to_backend_color();
    style
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(figure: &Figure, area: &Area<'_>) -> Result<(), String> {
    let bars = figure.bars();
    // The library computes with differences, which for 64 bits may be too large.
    let (low, high) = reach(&bars);
    let (low, high) = (i128::from(low), i128::from(high));
    let groups = i32::try_from(figure.groups.len()).map_err(|error| error.to_string())?.max(1);
    let width = STEPS.checked_mul(groups).ok_or("too many columns")?;
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(18).margin_right(8).margin_left(4).margin_bottom(30).y_label_area_size(76);
    let mut chart = builder.build_cartesian_2d(0..width, low..high).map_err(|error| error.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(6)
        .y_label_formatter(&|minor| i64::try_from(*minor).map_or_else(|_| String::new(), |minor| in_short(figure, minor)))
        .label_style(small(FAINT))
        .axis_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .draw()
        .map_err(|error| error.to_string())?;
    let span = |group: usize| i32::try_from(group).unwrap_or(groups).saturating_mul(STEPS);
    for bar in &bars {
        let corners = [(span(bar.group) + COLUMN.0, bar.from.into()), (span(bar.group) + COLUMN.1, bar.to.into())];
        let column = Rectangle::new(corners, colour(bar.shade).filled());
        chart.draw_series([column]).map_err(|error| error.to_string())?;
    }
    let zero = PathElement::new([(0, 0), (width, 0)], FAINT.stroke_width(1));
    chart.draw_series([zero]).map_err(|error| error.to_string())?;
    let centred = |style: TextStyle<'static>, place: VPos| style.pos(Pos::new(HPos::Center, place));
    let sums = figure.sums();
    let step = figure.groups.len().div_ceil(LABELLED_MAX).max(1);
    for (group, label) in figure.groups.iter().enumerate().step_by(step) {
        let middle = span(group) + STEPS / 2;
        let below = EmptyElement::at((middle, low)) + Text::new(label.clone(), (0, 8), centred(small(INK), VPos::Top));
        chart.draw_series([below]).map_err(|error| error.to_string())?;
        let top = bars.iter().filter(|bar| bar.group == group).map(|bar| bar.from.max(bar.to)).max();
        if let (Some(top), Some(sum), true) = (top, sums.get(group), step == 1) {
            let above =
                EmptyElement::at((middle, i128::from(top))) + Text::new(in_short(figure, *sum), (0, -4), centred(small(INK), VPos::Bottom));
            chart.draw_series([above]).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// From where to where the vertical axis goes; zero is always in it, and there is room for a line of text.
fn reach(bars: &[Bar]) -> (i64, i64) {
    let ends = || bars.iter().flat_map(|bar| [bar.from, bar.to]);
    let (low, high) = (ends().min().unwrap_or_default().min(0), ends().max().unwrap_or_default().max(0));
    let room = (high / 16).saturating_sub(low / 16).max(1);
    (if low < 0 { low.saturating_sub(room) } else { 0 }, high.saturating_add(room))
}

/// Whole major units, but for figures that have none.
fn in_short(figure: &Figure, minor: i64) -> String {
    let major = figure.amount(minor).major();
    let is_small = figure.bars().iter().all(|bar| bar.from.unsigned_abs().max(bar.to.unsigned_abs()) < 2_000);
    let short = if is_small { major.as_str() } else { major.split('.').next().unwrap_or_default() };
    grouped(if short == "-0" { "0" } else { short })
}
