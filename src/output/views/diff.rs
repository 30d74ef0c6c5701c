//! The difference between two texts, line by line.
//!
//! Common lines are omitted, except for one line around each change.

use crate::base::printable::printable;
use crate::output::document;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiffLine<'a> {
    /// In both texts.
    Same(&'a str),
    /// Only in the expected text.
    Expected(&'a str),
    /// Only in the actual text.
    Actual(&'a str),
    /// Omitted common lines.
    Gap,
}

/// Above this the table of the longest common subsequence would be too large, and the result too long to read.
const MAX_CELLS: usize = 1 << 20;

/// The changed lines with one line of context, printable.
pub fn diff(expected: &str, actual: &str) -> Vec<document::RowLine> {
    let line = |line: DiffLine<'_>| match line {
        DiffLine::Same(text) => document::RowLine::Same(printable(text)),
        DiffLine::Expected(text) => document::RowLine::Expected(printable(text)),
        DiffLine::Actual(text) => document::RowLine::Actual(printable(text)),
        DiffLine::Gap => document::RowLine::Gap,
    };
    changes(expected, actual).into_iter().map(line).collect()
}

fn changes<'a>(expected: &'a str, actual: &'a str) -> Vec<DiffLine<'a>> {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.split('\n').collect(), actual.split('\n').collect());
    shorten(&full(&expected, &actual))
}

fn full<'a>(expected: &[&'a str], actual: &[&'a str]) -> Vec<DiffLine<'a>> {
    let head = expected.iter().zip(actual).take_while(|(e, a)| e == a).count();
    let (expected_rest, actual_rest) = (&expected[head..], &actual[head..]);
    let tail = expected_rest.iter().rev().zip(actual_rest.iter().rev()).take_while(|(e, a)| e == a).count();
    let mut lines: Vec<DiffLine<'a>> = expected[..head].iter().map(|line| DiffLine::Same(line)).collect();
    let expected_middle = &expected_rest[..expected_rest.len() - tail];
    middle(expected_middle, &actual_rest[..actual_rest.len() - tail], &mut lines);
    lines.extend(expected_rest[expected_middle.len()..].iter().map(|line| DiffLine::Same(line)));
    lines
}

/// Longest common subsequence, by dynamic programming.
fn middle<'a>(expected: &[&'a str], actual: &[&'a str], lines: &mut Vec<DiffLine<'a>>) {
    let wide = actual.len() + 1;
    let is_small = expected.len().saturating_mul(actual.len()) <= MAX_CELLS;
    let mut common = vec![0_u32; if is_small { (expected.len() + 1) * wide } else { 0 }];
    if is_small {
        for i in (0..expected.len()).rev() {
            for j in (0..actual.len()).rev() {
                common[i * wide + j] = if expected[i] == actual[j] {
                    common[(i + 1) * wide + j + 1] + 1
                } else {
                    common[(i + 1) * wide + j].max(common[i * wide + j + 1])
                };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < expected.len() && j < actual.len() && is_small {
        if expected[i] == actual[j] {
            lines.push(DiffLine::Same(expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * wide + j] >= common[i * wide + j + 1] {
            lines.push(DiffLine::Expected(expected[i]));
            i += 1;
        } else {
            lines.push(DiffLine::Actual(actual[j]));
            j += 1;
        }
    }
    lines.extend(expected[i..].iter().map(|line| DiffLine::Expected(line)));
    lines.extend(actual[j..].iter().map(|line| DiffLine::Actual(line)));
}

fn shorten<'a>(lines: &[DiffLine<'a>]) -> Vec<DiffLine<'a>> {
    let is_change = |line: Option<&DiffLine<'_>>| matches!(line, Some(DiffLine::Expected(_) | DiffLine::Actual(_)));
    let mut short = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|before| lines.get(before));
        if is_change(Some(line)) || is_change(before) || is_change(lines.get(i + 1)) {
            short.push(*line);
        } else if short.last() != Some(&DiffLine::Gap) {
            short.push(DiffLine::Gap);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_changed_line_comes_with_its_neighbours() {
        let lines = changes("a\nb\nc\nd\ne", "a\nb\nX\nd\ne");
        let wanted = [
            DiffLine::Gap,
            DiffLine::Same("b"),
            DiffLine::Expected("c"),
            DiffLine::Actual("X"),
            DiffLine::Same("d"),
            DiffLine::Gap,
        ];
        assert_eq!(lines, wanted);
    }

    proptest! {
        #[test]
        fn each_side_can_be_read_from_the_difference(e in "[abc\n]{0,12}", a in "[abc\n]{0,12}") {
            let (expected, actual): (Vec<_>, Vec<_>) = (e.split('\n').collect(), a.split('\n').collect());
            let lines = full(&expected, &actual);
            let side = |is_expected: bool| lines.iter().filter_map(|line| match *line {
                DiffLine::Same(text) => Some(text),
                DiffLine::Expected(text) => Some(text).filter(|_| is_expected),
                DiffLine::Actual(text) => Some(text).filter(|_| !is_expected),
                DiffLine::Gap => None,
            }).collect::<Vec<_>>();
            prop_assert_eq!(side(true), expected);
            prop_assert_eq!(side(false), actual);
        }
    }
}
