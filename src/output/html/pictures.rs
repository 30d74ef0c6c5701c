//! The runs side by side: a strip of answers, and charts of sizes and durations.

use maud::{Markup, html};

use super::PAGE;
use super::chart::{self, ChartLine};
use super::sign::{badge, sign};
use super::text::{day, short_day};
use crate::base::printable::printable;
use crate::base::text::{duration, grouped};
use crate::output::views::history::{counts, href};
use crate::storage::history::{ReportEntry, Summary};

/// Number of runs in the charts; the table has all of them.
const DRAWN: usize = 90;

/// The section; `runs` are newest first.
pub fn section(runs: &[ReportEntry]) -> Markup {
    let drawn: Vec<&ReportEntry> = runs.iter().take(DRAWN).rev().collect();
    let lines = [
        picture("rows", "Rows", &drawn, &rows_read, &grouped),
        picture("dump", "Size of the dump", &drawn, &|summary| summary.dump_bytes, &fine_bytes),
        picture("took", "Duration", &drawn, &|summary| Some(summary.duration_ms), &duration),
        picture("age", "Age of the data when it was verified (RPO)", &drawn, &data_age, &duration),
        picture("restore", "Duration of the restore (RTO)", &drawn, &restore, &duration),
    ];
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            @if runs.len() > DRAWN { p.quiet { "The newest " (DRAWN) " of " (grouped(runs.len() as u64)) ", oldest first." } }
            ol.strip aria-label="Runs, oldest first" { @for run in &drawn { li { (cell(run)) } } }
            p.legend { @for (status, count) in counts(&drawn) { span { (badge(status)) " " (count) } } }
            div.charts { @for line in lines.iter().flatten() { (line) } }
        }
    }
}

/// A run that read nothing is a gap, not an empty database.
fn rows_read(summary: &Summary) -> Option<u64> {
    (summary.tables_expected > 0).then_some(summary.rows)
}

/// In milliseconds. Without a proven dump nothing was verified.
fn data_age(summary: &Summary) -> Option<u64> {
    summary.data_age_s().filter(|_| summary.is_dump_proven).map(|age_s| age_s.saturating_mul(1000))
}

/// A restore that did not prove the dump says nothing about the next one.
fn restore(summary: &Summary) -> Option<u64> {
    summary.restore_ms().filter(|_| summary.is_dump_proven)
}

/// Enough digits to distinguish two runs: `1,840 MB`, not `1.8 GB`.
fn fine_bytes(count: u64) -> String {
    let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let fitting = units.into_iter().find(|(_, size)| count / size >= 1000);
    fitting.map_or_else(|| format!("{} B", grouped(count)), |(unit, size)| format!("{} {unit}", grouped(count / size)))
}

fn cell(run: &ReportEntry) -> Markup {
    let status = run.status();
    let label = format!("{}: {}", run.started_at.map_or_else(|| run.id.clone(), day), status.word());
    let label = printable(&label);
    html! {
        @if run.summary().is_some() {
            a href=(format!("{}/{PAGE}", href(&run.id))) title=(label) aria-label=(label) { (sign(status)) }
        } @else {
            span role="img" title=(label) aria-label=(label) { (sign(status)) }
        }
    }
}

/// A report without a good signature has no number here, because its contents are not proven.
fn picture(
    id: &str,
    title: &str,
    drawn: &[&ReportEntry],
    of: &dyn Fn(&Summary) -> Option<u64>,
    tell: &dyn Fn(u64) -> String,
) -> Option<Markup> {
    let value = |run: &&ReportEntry| run.verdict().and_then(|_| run.summary()).and_then(of);
    let values: Vec<Option<u64>> = drawn.iter().map(value).collect();
    let known: Vec<(u64, &ReportEntry)> =
        drawn.iter().zip(&values).filter_map(|(run, value)| Some(((*value)?, *run))).collect();
    let (first, last) = (known.first()?, known.last()?);
    let named = |run: &ReportEntry| run.started_at.map(short_day).unwrap_or_default();
    let description = format!("{} on {}, {} on {}.", tell(first.0), named(first.1), tell(last.0), named(last.1));
    let edge = |run: Option<&&ReportEntry>| run.map(|run| named(run)).unwrap_or_default();
    let ends = [edge(drawn.first()), edge(drawn.last())];
    chart::line(&ChartLine { id, title, description: &description, values: &values, tell, ends: [&ends[0], &ends[1]] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_two_runs_are_told_apart() {
        let told = [999, 1_000_000, 1_840_000_000, 1_846_400_000].map(fine_bytes);
        assert_eq!(told, ["999 B", "1,000 kB", "1,840 MB", "1,846 MB"]);
    }
}
