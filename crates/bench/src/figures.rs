//! Defines the figures of the benchmark and their goals.

use serde::Serialize;

use crate::numbers::median;

/// Target for a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// The value must be at least this.
    AtLeast(f64),
    /// The value must be at most this.
    AtMost(f64),
}

impl Goal {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(min) => value >= min,
            Self::AtMost(max) => value <= max,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(min) => format!("≥ {min}"),
            Self::AtMost(max) => format!("≤ {max}"),
        }
    }
}

/// One row of the results table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Name in the table and the report.
    pub name: String,
    /// Median of the samples.
    pub value: f64,
    /// Lowest sample.
    pub low: f64,
    /// Highest sample.
    pub high: f64,
    /// Number of samples.
    pub samples: usize,
    /// Unit; empty for a ratio.
    pub unit: &'static str,
    /// Goal, if there is one.
    pub goal: Option<Goal>,
    /// Whether the median meets the goal.
    pub met: Option<bool>,
    /// Whether one of the samples stayed noisy in all attempts.
    pub noisy: bool,
}

impl Figure {
    /// Summarizes samples. Returns None if there are none.
    pub fn new(name: impl Into<String>, values: &[f64], unit: &'static str, goal: Option<Goal>) -> Option<Self> {
        let value = median(values)?;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let met = goal.map(|goal| goal.met(value));
        Some(Self { name: name.into(), value, low, high, samples: values.len(), unit, goal, met, noisy: false })
    }
}

/// Formats a number with about three significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Formats all figures as a table for the terminal.
pub fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:<40} {:>9} {:<12} {:>19} {:>3}  {:<8}\n", "figure", "median", "", "range", "n", "goal");
    for figure in figures {
        let range = if figure.samples > 1 { format!("{} … {}", short(figure.low), short(figure.high)) } else { String::new() };
        let verdict = match figure.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let goal = figure.goal.map(Goal::text).unwrap_or_default();
        let noisy = if figure.noisy { " noisy" } else { "" };
        let line = format!(
            "{:<40} {:>9} {:<12} {:>19} {:>3}  {:<8} {verdict}{noisy}",
            figure.name,
            short(figure.value),
            figure.unit,
            range,
            figure.samples,
            goal
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_the_median() {
        let figure = Figure::new("x", &[1.0, 3.0, 2.0], "", Some(Goal::AtLeast(2.0))).unwrap();
        assert_eq!((figure.value, figure.low, figure.high, figure.met), (2.0, 1.0, 3.0, Some(true)));
        assert_eq!(Figure::new("x", &[2.0], "", Some(Goal::AtMost(1.9))).unwrap().met, Some(false));
        assert!(Figure::new("x", &[], "", None).is_none());
    }
}
