//! One figure: what was measured, and what came out.

use serde::{Deserialize, Serialize};

/// One figure of `results.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The part of the benchmarks that it belongs to, such as `path`.
    pub section: String,
    /// What was measured: a crate, a program, a floor.
    pub subject: String,
    /// Under which circumstances, such as `8 threads`; empty if there is only one.
    pub setting: String,
    /// Which of its figures this is, such as `time`.
    pub metric: String,
    /// The unit of the values, such as `ns`.
    pub unit: String,
    /// The median of the samples, or the count.
    pub value: f64,
    /// The lower quartile of the samples; the value itself of a count.
    pub low: f64,
    /// The upper quartile of the samples; the value itself of a count.
    pub high: f64,
}

/// What rows of one subject in one setting have in common.
#[derive(Clone, Debug)]
pub struct Of {
    section: String,
    subject: String,
    setting: String,
}

impl Of {
    /// Rows of `subject` in a section, in its only setting.
    pub fn new(section: &str, subject: &str) -> Self {
        Self { section: section.into(), subject: subject.into(), setting: String::new() }
    }

    /// The same subject in this setting.
    #[must_use]
    pub fn at(&self, setting: impl Into<String>) -> Self {
        Self { setting: setting.into(), ..self.clone() }
    }

    /// A figure that has one value, such as a count.
    pub fn value(&self, metric: &str, unit: &str, value: f64) -> Row {
        self.row(metric, unit, [value; 3])
    }

    /// A figure that was sampled: the median, between the quartiles.
    pub fn samples(&self, metric: &str, unit: &str, samples: &[f64]) -> Row {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        self.row(metric, unit, [1, 2, 3].map(|quarters| quantile(&sorted, quarters)))
    }

    fn row(&self, metric: &str, unit: &str, [low, value, high]: [f64; 3]) -> Row {
        Row {
            section: self.section.clone(),
            subject: self.subject.clone(),
            setting: self.setting.clone(),
            metric: metric.into(),
            unit: unit.into(),
            value: rounded(value),
            low: rounded(low),
            high: rounded(high),
        }
    }
}

/// `1 thread`, `10,000 callers`: a number with its noun, as settings are written.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A whole number with commas between its thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// The value below which so many quarters of the sorted samples are; 0 without samples.
fn quantile(sorted: &[f64], quarters: usize) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let (below, part) = (last * quarters / 4, (last * quarters % 4) as f64 / 4.0);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

/// Four digits that count, since no figure here is known better; whole numbers are kept.
fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 || !value.is_finite() {
        return value;
    }
    let places = 3.0 - value.abs().log10().floor();
    let scale = 10_f64.powi(places.clamp(0.0, 9.0) as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::{Of, counted};

    #[test]
    fn samples_become_their_median_between_their_quartiles() {
        let row = Of::new("path", "ours").at("1 thread").samples("time", "ns", &[4.0, 1.0, 2.0]);
        assert_eq!([row.low, row.value, row.high], [1.5, 2.0, 3.0]);
        let none = Of::new("path", "ours").samples("time", "ns", &[]);
        assert_eq!([none.low, none.value, none.high], [0.0; 3]);
    }

    #[test]
    fn four_digits_are_kept_and_whole_numbers_are_kept_whole() {
        let of = Of::new("path", "ours");
        let kept = |value| of.value("time", "ns", value).value;
        assert_eq!(kept(123.456_789), 123.5);
        assert_eq!(kept(0.012_345_6), 0.012_35);
        assert_eq!(kept(123_456.789), 123_457.0);
        assert_eq!(kept(10_000_000.0), 10_000_000.0);
    }

    #[test]
    fn numbers_are_written_with_their_noun() {
        assert_eq!(counted(1, "thread"), "1 thread");
        assert_eq!(counted(100, "caller"), "100 callers");
        assert_eq!(counted(10_000_000, "call"), "10,000,000 calls");
    }
}
