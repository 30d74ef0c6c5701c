//! What was measured in several runs: smallest, middle and largest value, and whether it grows.

use serde::Serialize;

/// Runs from which on there is a trend: two in each third.
const MIN_TREND: usize = 6;

/// Values of a period, in the unit of the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// Number of runs that have a value.
    pub runs: u64,
    /// The smallest.
    pub min: u64,
    /// The middle one, or the smaller of the two.
    pub median: u64,
    /// The largest.
    pub max: u64,
    /// `None`: too few runs.
    pub trend: Option<MeasureTrend>,
}

/// The first third of the runs beside the last third.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeasureTrend {
    /// Median of the first third.
    pub first: u64,
    /// Median of the last third.
    pub last: u64,
    /// Change from the first to the last, in percent of the first; `None`: the first is 0.
    pub change_percent: Option<i64>,
}

impl Measure {
    /// Of values in the order of their runs; `None`: nothing was measured.
    pub fn new(values: &[u64]) -> Option<Self> {
        let (min, max) = (*values.iter().min()?, *values.iter().max()?);
        Some(Self { runs: values.len() as u64, min, median: median(values), max, trend: MeasureTrend::new(values) })
    }
}

impl MeasureTrend {
    fn new(values: &[u64]) -> Option<Self> {
        if values.len() < MIN_TREND {
            return None;
        }
        let third = values.len() / 3;
        let (first, last) = (median(values.get(..third)?), median(values.get(values.len() - third..)?));
        let change = (i128::from(last) - i128::from(first)) * 100;
        let change_percent = change.checked_div(i128::from(first)).and_then(|percent| i64::try_from(percent).ok());
        Some(Self { first, last, change_percent })
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_needs_enough_runs_and_one_outlier_is_none() {
        assert_eq!(Measure::new(&[]), None);
        let few = Measure::new(&[30, 10, 20, 40, 50]).unwrap();
        assert_eq!((few.runs, few.min, few.median, few.max, few.trend), (5, 10, 30, 50, None));
        let trend = |values: &[u64]| Measure::new(values).unwrap().trend.unwrap().change_percent;
        assert_eq!(trend(&[100, 100, 100, 110, 120, 130, 140, 150, 150]), Some(50));
        assert_eq!(trend(&[100, 100, 100, 100, 100, 100, 100, 100, 9000]), Some(0));
        assert_eq!(trend(&[0, 0, 0, 5, 5, 5]), None);
    }
}
