//! Progress bars: on standard error where that is a terminal, nowhere else.

use std::io::Read;

use indicatif::{ProgressBar, ProgressBarIter, ProgressStyle};

/// A bar of so many steps. It draws nothing where standard error is no terminal.
#[must_use]
pub fn bar(steps: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    styled(bar, &format!("{{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{eta}} left"))
}

/// A file that is being read, with a bar over its bytes.
pub fn reading<R: Read>(file: R, bytes: u64) -> ProgressBarIter<R> {
    styled(ProgressBar::new(bytes), "{wide_bar} {bytes}/{total_bytes}, {eta} left").wrap_read(file)
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
