//! Foreign keys and assertions on both sides, and where the two sides were read.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::text::{code, shown, wide};
use crate::base::text::{grouped, grouped_noun};
use crate::model::manifest::{EndpointFacts, Observed, Violations};
use crate::model::report::{Report, Sides};

/// The section of foreign keys, or of assertions.
pub fn violations(id: &str, heading: &str, noun: &str, results: &BTreeMap<String, Sides>) -> Markup {
    let (open, quiet): (Vec<_>, Vec<_>) = results.iter().partition(|(_, sides)| has_news(sides));
    html! {
        @if !results.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (heading) }
                @if open.is_empty() {
                    p { (grouped_noun(results.len() as u64, noun)) ", no violating row on either side." }
                } @else { (table("Violated, or not the same on both sides", &open)) }
                @if !quiet.is_empty() {
                    details { summary { (grouped_noun(quiet.len() as u64, noun)) " without a violating row" } (table("No violating row", &quiet)) }
                }
            }
        }
    }
}

fn has_news(sides: &Sides) -> bool {
    let is_clean = |side: &Option<Observed<Violations>>| matches!(side, Some(Observed::Seen(found)) if found.rows == 0);
    !is_clean(&sides.expected) || !is_clean(&sides.actual)
}

fn table(caption: &str, results: &[(&String, &Sides)]) -> Markup {
    wide(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Expected: violating rows" } th scope="col" { "Actual: violating rows" } } }
                tbody { @for (name, sides) in results {
                    tr { th scope="row" { (code(name)) } td { (side(sides.expected.as_ref())) } td { (side(sides.actual.as_ref())) } }
                } }
            }
        },
    )
}

fn side(side: Option<&Observed<Violations>>) -> Markup {
    match side {
        None => html! { span.quiet { "not there" } },
        Some(Observed::Unseen(reason)) => html! { span.word.inconclusive { "unchecked" } " " (shown(reason.full())) },
        Some(Observed::Seen(found)) if found.rows == 0 => html! { "0" },
        Some(Observed::Seen(found)) => html! {
            span.word.damaged { (grouped(found.rows)) }
            @for row in &found.sample { " " (code(row)) }
        },
    }
}

/// The section on the two sides and the programs.
pub fn endpoints(report: &Report) -> Markup {
    let (expected, actual) = (&report.endpoints.expected, &report.endpoints.actual);
    let known = |text: Option<&String>| text.map_or_else(|| html! { span.quiet { "not known" } }, |text| shown(text));
    let line = |what: &str, of: &dyn Fn(&EndpointFacts) -> Markup| {
        html! {
            tr { th scope="row" { (what) } td { (of(expected)) } td { (of(actual)) } }
        }
    };
    html! {
        section aria-labelledby="sides" {
            h2 #sides { "The two sides" }
            (wide("The two sides", &html! {
                table {
                    caption { "Where the two sides were read. Passwords are never kept." }
                    thead { tr { th scope="col" { "" } th scope="col" { "Expected" } th scope="col" { "Actual" } } }
                    tbody {
                        (line("Kind", &|facts| shown(&facts.kind)))
                        (line("Place", &|facts| code(&facts.description)))
                        (line("PostgreSQL", &|facts| known(facts.server_version.as_ref())))
                        (line("Peer", &|facts| known(facts.peer.as_ref())))
                        (line("CopyEvent at", &|facts| shown(&facts.taken_at)))
                        (line("Settings", &settings))
                    }
                }
            }))
            p.quiet { "Compared by pgwitness " (shown(&report.tools.pgwitness))
                @if let Some(version) = &report.tools.pg_restore { ", pg_restore " (shown(version)) }
                "; run " code { (report.run_id) } ", command " (code(&report.command)) "." }
        }
    }
}

fn settings(facts: &EndpointFacts) -> Markup {
    html! {
        @if facts.settings.is_empty() { span.quiet { "none" } } @else {
            details {
                summary { (grouped_noun(facts.settings.len() as u64, "setting")) }
                ul.plain { @for (name, value) in &facts.settings { li { (code(&format!("{name} = {value}"))) } } }
            }
        }
    }
}
