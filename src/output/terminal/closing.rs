//! The end of the output: unchecked objects, waivers, remarks, coverage, the verdict.
//!
//! Every waiver is printed; the text of the verdict comes from `Outcome`.

use super::style::Style;
use crate::base::marked::MarkedText;
use crate::base::printable::printable;
use crate::base::text::{grouped, grouped_noun, wrap};
use crate::model::finding::{AppliedWaiver, Unchecked};
use crate::model::verdict::{Coverage, DumpVerdict, Outcome, Verdict};

/// Number of objects covered by a waiver that are listed.
const COVERED_SHOWN: usize = 10;

/// Unchecked objects, with the reason.
pub fn unchecked(unchecked: &[Unchecked], style: Style) -> Vec<String> {
    let mut lines = heading(unchecked.len(), "thing", " unchecked", style);
    for thing in unchecked {
        let side = style.dim(&format!("({})", printable(&thing.side)));
        lines.push(format!("  {} {side}", style.yellow(&printable(&thing.object))));
        lines.extend(paragraph(&printable(thing.reason.full()), 4, style));
    }
    lines
}

/// Waivers: the reason, the author, and what they cover.
pub fn waivers(waivers: &[AppliedWaiver], style: Style) -> Vec<String> {
    let mut lines = heading(waivers.len(), "waiver", "", style);
    for applied in waivers {
        let waiver = &applied.waiver;
        let what = printable(&format!("{} {}", waiver.kind, waiver.object));
        lines.push(format!("  {what}  {}", style.dim(&format!("by {}", printable(&waiver.by)))));
        lines.extend(paragraph(&printable(&waiver.reason), 4, style));
        lines.extend(paragraph(&covered(&applied.covered), 4, style).iter().map(|line| style.dim(line)));
    }
    lines
}

fn covered(covered: &[String]) -> String {
    if covered.is_empty() {
        return "not needed".to_owned();
    }
    let shown: Vec<String> = covered.iter().take(COVERED_SHOWN).map(|object| printable(object)).collect();
    let hidden = covered.len() - shown.len();
    let more = if hidden == 0 { String::new() } else { format!(", and {} more", grouped(hidden as u64)) };
    format!("covered {}{more}", shown.join(", "))
}

/// Notes for the user.
pub fn remarks(remarks: &[MarkedText], style: Style) -> Vec<String> {
    let mut lines = heading(remarks.len(), "remark", "", style);
    lines.extend(remarks.iter().flat_map(|remark| paragraph(&printable(remark.full()), 2, style)));
    lines
}

/// The coverage, and last the verdict.
pub fn verdict(outcome: &Outcome, style: Style) -> Vec<String> {
    let paint = match outcome.verdict() {
        Verdict::Sound => Style::green,
        Verdict::Damaged => Style::red,
        Verdict::Inconclusive => Style::yellow,
    };
    let mut lines: Vec<String> = wrap(&coverage(&outcome.coverage), style.width.saturating_sub(10).max(20))
        .iter()
        .enumerate()
        .map(|(i, line)| format!("{}{line}", if i == 0 { "coverage  " } else { "          " }))
        .map(|line| style.dim(&line))
        .collect();
    lines.push(style.bold(&paint(style, &printable(&outcome.verdict_line()))));
    lines
}

/// The line on the dump, where it differs from the verdict; empty for a sound run.
pub fn dump(dump: &DumpVerdict, style: Style) -> Vec<String> {
    let paint = if dump.is_proven() { Style::green } else { Style::red };
    let lines = dump.line().map(|line| wrap(&printable(&line), style.width.max(20))).unwrap_or_default();
    lines.iter().map(|line| style.bold(&paint(style, line))).collect()
}

/// Two numbers are always expected / actual; a single number applies to both.
fn coverage(coverage: &Coverage) -> String {
    let compared = grouped(coverage.tables_compared);
    let tables = |all| format!("{compared} of {}", grouped(all));
    let mut parts = vec![
        format!("tables {} / {}", tables(coverage.tables_expected), tables(coverage.tables_actual)),
        format!("rows {} / {}", grouped(coverage.rows_expected), grouped(coverage.rows_actual)),
        format!("foreign keys {}", grouped(coverage.foreign_keys)),
        format!("sequences {}", grouped(coverage.sequences)),
        format!("objects {}", both(coverage.objects_expected, coverage.objects_actual)),
    ];
    let waived = (coverage.waived_expected, coverage.waived_actual);
    if waived != (0, 0) {
        parts.insert(1, format!("tables waived {}", both(waived.0, waived.1)));
    }
    if coverage.derived > 0 {
        parts.insert(1, format!("materialized views that differ {}", grouped(coverage.derived)));
    }
    if coverage.assertions > 0 {
        parts.push(format!("assertions {}", grouped(coverage.assertions)));
    }
    parts.join(", ")
}

fn both(expected: u64, actual: u64) -> String {
    if expected == actual { grouped(expected) } else { format!("{} / {}", grouped(expected), grouped(actual)) }
}

fn heading(count: usize, noun: &str, suffix: &str, style: Style) -> Vec<String> {
    let text = format!("{}{suffix}", grouped_noun(count as u64, noun));
    if count == 0 { Vec::new() } else { vec![style.bold(&text)] }
}

fn paragraph(text: &str, indent: usize, style: Style) -> Vec<String> {
    let width = style.width.saturating_sub(indent).max(20);
    wrap(text, width).iter().map(|line| format!("{:indent$}{line}", "")).collect()
}
