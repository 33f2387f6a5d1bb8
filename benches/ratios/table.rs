//! The table of the report: figures and their targets, as Markdown.

use std::fmt::Write;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: String,
    target: Option<(String, bool)>,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Times,
    Share,
    Seconds,
    MiB,
}

impl Unit {
    fn write(self, figure: f64) -> String {
        match self {
            Self::Times if figure < 10.0 => format!("{figure:.2}x"),
            Self::Times => format!("{figure:.0}x"),
            Self::Share => format!("{figure:.2}"),
            Self::Seconds => format!("{figure:.2} s"),
            Self::MiB => format!("{figure:.1} MiB"),
        }
    }
}

/// A row whose target is not set yet.
pub(crate) struct Figure {
    row: Row,
    figure: f64,
    unit: Unit,
}

impl Figure {
    /// A figure. `parts` are the values that it was computed from, shown in parentheses unless empty.
    pub(crate) fn new(what: impl Into<String>, (figure, unit): (f64, Unit), parts: &str) -> Self {
        let measured = unit.write(figure);
        let measured = if parts.is_empty() { measured } else { format!("{measured} ({parts})") };
        Self { row: Row { what: what.into(), measured, target: None }, figure, unit }
    }

    /// Sets an upper bound. The figure is compared as it is shown, so 1.004 counts as 1.00.
    pub(crate) fn at_most(mut self, limit: f64) -> Row {
        let met = (self.figure * 100.0).round() <= limit * 100.0;
        self.row.target = Some((format!("<= {}", self.unit.write(limit)), met));
        self.row
    }

    /// Sets a lower bound, compared likewise.
    pub(crate) fn at_least(mut self, limit: f64) -> Row {
        let met = (self.figure * 100.0).round() >= limit * 100.0;
        self.row.target = Some((format!(">= {}", self.unit.write(limit)), met));
        self.row
    }

    /// Sets no target.
    pub(crate) fn no_target(self) -> Row {
        self.row
    }
}

/// The rows as a Markdown table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut table = "| what | measured | target | met |\n|---|---|---|---|\n".to_owned();
    for Row { what, measured, target } in rows {
        let (target, met) = match target {
            Some((target, true)) => (target.as_str(), "yes"),
            Some((target, false)) => (target.as_str(), "**no**"),
            None => ("", ""),
        };
        writeln!(table, "| {what} | {measured} | {target} | {met} |")
            .expect("a string takes any text");
    }
    table
}

/// A duration in seconds, written in microseconds.
pub(crate) fn microseconds(seconds: f64) -> String {
    format!("{:.1} us", seconds * 1e6)
}

/// A whole number with commas between the thousands.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
