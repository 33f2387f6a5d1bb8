//! The table: what was measured beside what it should be, as Markdown.
//!
//! Must not know how anything is measured.

use std::fmt::Write;

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: String,
    target: Option<(String, bool)>,
}

/// What a figure counts.
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

/// A row whose target is still to be named.
pub(crate) struct Figure {
    row: Row,
    figure: f64,
    unit: Unit,
}

impl Figure {
    /// A figure, with what it was made of.
    pub(crate) fn new(what: impl Into<String>, (figure, unit): (f64, Unit), of: &str) -> Self {
        let measured = unit.write(figure);
        let measured = if of.is_empty() { measured } else { format!("{measured} ({of})") };
        Self { row: Row { what: what.into(), measured, target: None }, figure, unit }
    }

    /// With an upper bound. What is shown is what is compared, so 1.004 is 1.00.
    pub(crate) fn at_most(mut self, limit: f64) -> Row {
        let met = (self.figure * 100.0).round() <= limit * 100.0;
        self.row.target = Some((format!("<= {}", self.unit.write(limit)), met));
        self.row
    }

    /// With a lower bound.
    pub(crate) fn at_least(mut self, limit: f64) -> Row {
        let met = (self.figure * 100.0).round() >= limit * 100.0;
        self.row.target = Some((format!(">= {}", self.unit.write(limit)), met));
        self.row
    }

    /// For comparison only.
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
        writeln!(table, "| {what} | {measured} | {target} | {met} |").expect("memory");
    }
    table
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
