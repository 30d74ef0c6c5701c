//! How much was compared, and how much exists.
//!
//! The numbers beside a bar are not rounded: they show whether a bar is really full.

use maud::{Markup, html};

use super::chart::bar;
use super::text::{shown, wide};
use crate::base::text::grouped;
use crate::model::aspect::Aspect;
use crate::model::report::Report;

/// The section.
pub fn section(report: &Report) -> Markup {
    let coverage = &report.coverage;
    let (compared, waived) = (coverage.tables_compared, (coverage.waived_expected, coverage.waived_actual));
    html! {
        section aria-labelledby="coverage" {
            h2 #coverage { "Coverage" }
            (scope(report))
            (wide("Coverage", &html! {
            table.coverage {
                caption { "How much was compared, of what both sides hold" }
                thead { tr { th scope="col" { "What" } th.n scope="col" { "Expected" } th.n scope="col" { "Actual" }
                    th.n scope="col" { "Compared" } th scope="col" { "Share" } } }
                tbody {
                    (line("Tables", (coverage.tables_expected, coverage.tables_actual), Some(compared)))
                    @if waived != (0, 0) { (line("Tables left out by a waiver", waived, None)) }
                    @if coverage.derived > 0 {
                        (line("Materialized views that differ", (coverage.derived, coverage.derived), None))
                    }
                    (line("Rows read", (coverage.rows_expected, coverage.rows_actual), None))
                    (line("Schema objects", (coverage.objects_expected, coverage.objects_actual), None))
                    (line("Foreign keys", keys(report), Some(coverage.foreign_keys)))
                    (line("Assertions", assertions(report), Some(coverage.assertions)))
                    tr { th scope="row" { "Sequences" } td.n { "" } td.n { "" } td.n { (grouped(coverage.sequences)) } td { } }
                }
            }
            }))
        }
    }
}

fn scope(report: &Report) -> Markup {
    let list = |aspects: &[Aspect]| aspects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    html! {
        p {
            @if report.scope.compared.is_empty() { "Nothing was compared." } @else {
                "The verdict covers: " strong { (list(&report.scope.compared)) } "."
            }
            @if !report.scope.not_compared.is_empty() {
                " Not compared, for one of the sides cannot answer: " strong { (list(&report.scope.not_compared)) } "."
            }
        }
        @if !report.selection.is_empty() {
            p { "Selected by options:"
                @for (option, values) in &report.selection { @for value in values { " " code { "--" (shown(option)) " " (shown(value)) } } }
            }
        }
    }
}

fn keys(report: &Report) -> (u64, u64) {
    let count = |is: &dyn Fn(&crate::model::report::Sides) -> bool| {
        report.foreign_keys.values().filter(|s| is(s)).count() as u64
    };
    (count(&|sides| sides.expected.is_some()), count(&|sides| sides.actual.is_some()))
}

fn assertions(report: &Report) -> (u64, u64) {
    let count =
        |is: &dyn Fn(&crate::model::report::Sides) -> bool| report.assertions.values().filter(|s| is(s)).count() as u64;
    (count(&|sides| sides.expected.is_some()), count(&|sides| sides.actual.is_some()))
}

fn line(what: &str, (expected, actual): (u64, u64), compared: Option<u64>) -> Markup {
    let whole = expected.max(actual);
    html! {
        tr {
            th scope="row" { (what) }
            td.n { (grouped(expected)) }
            td.n { (grouped(actual)) }
            td.n { @if let Some(compared) = compared { (grouped(compared)) } }
            td { @if let Some(compared) = compared { @if whole > 0 {
                (bar(0, compared, whole, if compared == whole { "done" } else { "part" },
                    &format!("{} of {}", grouped(compared), grouped(whole))))
            } } }
        }
    }
}
