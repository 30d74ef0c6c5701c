//! Charts as inline SVG: bars within a table, a line over the runs.
//!
//! Each number also appears as text beside the chart.

use maud::{Markup, html};

/// Width of a chart in its own units; it is stretched to the available width.
const WIDTH: u64 = 1000;
const HEIGHT: u64 = 100;

/// A bar for a part of a whole, starting at `from`, with a minimum width so that it stays visible.
pub fn bar(from: u64, length: u64, whole: u64, class: &str, label: &str) -> Markup {
    let left = scaled(from, whole, WIDTH - 4);
    let width = scaled(length, whole, WIDTH).max(4).min(WIDTH - left);
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" {
            title { (label) }
            rect.track x="0" y="0" width=(WIDTH) height="10" {}
            rect class=(class) x=(left) y="0" width=(width) height="10" {}
        }
    }
}

/// `part` of `whole`, scaled to `top`; 0 for a whole of 0.
fn scaled(part: u64, whole: u64, top: u64) -> u64 {
    let scaled = u128::from(part) * u128::from(top) / u128::from(whole.max(1));
    u64::try_from(scaled).unwrap_or(top).min(top)
}

/// One number for each run, oldest first.
pub struct ChartLine<'a> {
    /// For the ids of title and description.
    pub id: &'a str,
    /// The title: what the numbers are.
    pub title: &'a str,
    /// The curve in words.
    pub description: &'a str,
    /// `None`: this run has no number, and the line has a gap.
    pub values: &'a [Option<u64>],
    /// Formats a number for people.
    pub tell: &'a dyn Fn(u64) -> String,
    /// Labels below the first and the last value.
    pub ends: [&'a str; 2],
}

/// The line with its scale and dates as text. `None`: fewer than two numbers.
pub fn line(line: &ChartLine<'_>) -> Option<Markup> {
    let known: Vec<u64> = line.values.iter().copied().flatten().collect();
    let (low, high) = (known.iter().min().copied()?, known.iter().max().copied()?);
    if known.len() < 2 {
        return None;
    }
    let (title, description) = (format!("{}-title", line.id), format!("{}-desc", line.id));
    let (curve, dots) = paths(line.values, low, high);
    Some(html! {
        figure.chart {
            figcaption { strong { (line.title) } " " span.quiet { (line.description) } }
            div.plot {
                div.scale aria-hidden="true" { span { ((line.tell)(high)) } @if low != high { span { ((line.tell)(low)) } } }
                svg viewBox="0 -6 1000 112" preserveAspectRatio="none" role="img" aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (line.title) }
                    desc id=(description) { (line.description) " Every number is in the table below." }
                    path.rule d="M0 0H1000M0 50H1000M0 100H1000" {}
                    path.curve d=(curve) {}
                    path.dots d=(dots) {}
                }
                div.dates aria-hidden="true" { span { (line.ends[0]) } span { (line.ends[1]) } }
            }
        }
    })
}

/// The curve with its gaps, and a dot for each number.
fn paths(values: &[Option<u64>], low: u64, high: u64) -> (String, String) {
    let last = u64::try_from(values.len().saturating_sub(1)).unwrap_or(1).max(1);
    let (mut curve, mut dots, mut is_drawing) = (String::new(), String::new(), false);
    for (index, value) in (0u64..).zip(values) {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let x = scaled(index, last, WIDTH);
        // Equal values are drawn as a line through the middle.
        let y = if low == high { HEIGHT / 2 } else { HEIGHT - scaled(value - low, high - low, HEIGHT) };
        curve.push_str(&format!("{}{x} {y}", if is_drawing { 'L' } else { 'M' }));
        dots.push_str(&format!("M{x} {y}h0"));
        is_drawing = true;
    }
    (curve, dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_without_a_number_is_a_gap_not_a_zero() {
        let (curve, dots) = paths(&[Some(10), Some(20), None, Some(15), Some(20)], 10, 20);
        assert_eq!(curve, "M0 100L250 0M750 50L1000 0");
        assert_eq!(dots.matches('M').count(), 4);
    }

    #[test]
    fn numbers_of_any_size_stay_in_the_picture() {
        let (curve, _) = paths(&[Some(0), Some(u64::MAX)], 0, u64::MAX);
        assert_eq!(curve, "M0 100L1000 0");
        assert_eq!(paths(&[Some(7), Some(7)], 7, 7).0, "M0 50L1000 50");
        let bar = bar(u64::MAX, u64::MAX, 1, "done", "x").into_string();
        assert!(bar.contains("x=\"996\" y=\"0\" width=\"4\""), "{bar}");
    }
}
