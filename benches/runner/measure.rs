//! Ratios of runs in turn, and the table that shows them.

/// Above this the yardstick itself has swung so much that a run says little.
const NOISY: f64 = 1.5;

/// What was measured in several pairs.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds a figure.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The middle figure.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match (sorted.len() / 2, sorted.len() % 2) {
            (0, 0) => f64::NAN,
            (middle, 1) => sorted[middle],
            (middle, _) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The least and the greatest.
    pub fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    /// Whether the greatest is more than half as much again as the least.
    pub fn is_noisy(&self) -> bool {
        let (least, greatest) = self.range();
        greatest > least * NOISY
    }
}

/// Whether more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// At least the goal.
    More,
    /// At most the goal.
    Less,
}

/// A goal and what was reached.
#[derive(Debug)]
pub struct Goal {
    name: &'static str,
    must: f64,
    stretch: f64,
    better: Better,
    reached: Series,
    note: String,
}

impl Goal {
    /// A goal with what was measured.
    pub fn new(name: &'static str, better: Better, must: f64, stretch: f64, reached: Series, note: String) -> Self {
        Self { name, must, stretch, better, reached, note }
    }

    fn verdict(&self) -> &'static str {
        let median = self.reached.median();
        let reaches = |goal: f64| match self.better {
            Better::More => median >= goal,
            Better::Less => median <= goal,
        };
        match (reaches(self.must), reaches(self.stretch)) {
            (_, true) => "stretch",
            (true, false) => "must",
            (false, false) => "MISSED",
        }
    }
}

/// Prints goals as a table.
pub fn print(title: &str, goals: &[Goal]) {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["goal", "must", "stretch", "measured: median (min-max)", "reached", "note"]);
    for goal in goals {
        let sign = if goal.better == Better::More { ">=" } else { "<=" };
        let (least, greatest) = goal.reached.range();
        table.add_row([
            goal.name.to_owned(),
            format!("{sign} {}", goal.must),
            format!("{sign} {}", goal.stretch),
            format!("{:.4} ({least:.4}-{greatest:.4})", goal.reached.median()),
            goal.verdict().to_owned(),
            goal.note.clone(),
        ]);
    }
    println!("\n## {title}\n\n{table}");
}
