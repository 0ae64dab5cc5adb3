//! Figures by name, with their goals.

use serde::Serialize;

use crate::numbers::median;

/// What a figure should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// The median.
    pub value: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// How often it was measured.
    pub samples: usize,
    /// What it counts; empty for a ratio.
    pub unit: &'static str,
    /// What it should reach.
    pub goal: Option<Goal>,
    /// Whether it does.
    pub met: Option<bool>,
    /// Whether one of its slices stayed noisy.
    pub noisy: bool,
}

impl Figure {
    /// A figure out of several measurements; none without any.
    pub fn new(name: impl Into<String>, values: &[f64], unit: &'static str, goal: Option<Goal>) -> Option<Self> {
        let value = median(values)?;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let met = goal.map(|goal| goal.met(value));
        Some(Self { name: name.into(), value, low, high, samples: values.len(), unit, goal, met, noisy: false })
    }
}

/// A number with three digits that say something.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The table that is printed.
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
