//! The index page: the newest run, problems, the history, and every run in a table by month.
//!
//! Every run has a row, a missing one too.

use maud::{Markup, html};

use super::PAGE;
use super::frame::document;
use super::history;
use super::post_report;
use super::report::href;
use super::sign::{badge, class, sign};
use super::text::{clock, day, month, shown, time, wide};
use crate::base::text::{bytes, duration, grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::post_report::PostReport;
use crate::model::status::Status;
use crate::storage::history::{ChainState, Content, NightEntry, ReviewState, SignatureState, Summary};

/// Number of months that are open.
const OPEN_MONTHS: usize = 2;
/// Number of runs with a problem that are open.
const OPEN: usize = 20;
/// Number of problems of one run that are shown; its own page has all of them.
const OPEN_LINES: usize = 3;

/// The whole file; `nights` are newest first, as [`crate::storage::history::read`] returns them.
pub fn index(nights: &[NightEntry], now: Timestamp) -> String {
    let status = nights.first().map_or(Status::NoReport, NightEntry::status);
    let title = format!("{}: newest of {}", status.word(), grouped_noun(nights.len() as u64, "night"));
    document(&title, status, &body(nights, status, now))
}

fn body(nights: &[NightEntry], status: Status, now: Timestamp) -> Markup {
    html! {
        header {
            h1 { "Nights" }
            @if let Some(newest) = nights.first() { (newest_night(newest, status)) } @else { p { "There are no reports." } }
            (facts(nights))
        }
        main {
            (attention(nights))
            (after(nights))
            @if !nights.is_empty() { (history::section(nights)) (all(nights)) }
        }
        footer {
            p { "Made by pgwitness " (env!("CARGO_PKG_VERSION")) " on " (time(now)) ". This page is not signed; the reports are: "
                code { "pgwitness report verify --allowed-signers allowed_signers ." } }
            p { "The chain of hashes shows removed and edited reports. It cannot show that the newest ones \
                were removed: check the date." }
        }
    }
}

fn newest_night(newest: &NightEntry, status: Status) -> Markup {
    html! {
        div class={ "verdict " (class(status)) } {
            (sign(status))
            div {
                p.answer { (status.word()) }
                p { "Newest night: " (link(newest)) }
                @if let Some(summary) = newest.summary() {
                    @if newest.verdict().is_some() {
                        p { (shown(&summary.verdict_line)) }
                        @if let Some(line) = newest.dump_line() { p { strong { (shown(line)) } } }
                    } @else { p { (status.meaning()) } }
                } @else { p { (status.meaning()) } }
                (post_report::lines(newest))
            }
        }
    }
}

fn facts(nights: &[NightEntry]) -> Markup {
    let sound = nights.iter().find(|night| night.is_sound());
    let proven = nights.iter().find(|night| night.is_dump_proven());
    let is_other = proven.map(|night| &night.id) != sound.map(|night| &night.id);
    let count = |status| nights.iter().filter(|night| night.status() == status).count() as u64;
    html! {
        dl.facts {
            div { dt { "Newest sound night" } dd { @if let Some(night) = sound { (link(night)) } @else { span.word.damaged { "none" } } } }
            @if let Some(night) = proven.filter(|_| is_other) { div { dt { "Newest proven dump" } dd { (link(night)) } } }
            div { dt { "Nights" } dd { (grouped(nights.len() as u64)) } }
            @for status in Status::ALL { @let count = count(status); @if count > 0 { div { dt { (badge(status)) } dd { (grouped(count)) } } } }
        }
    }
}

/// A link to the page of the run, if it has one.
fn link(night: &NightEntry) -> Markup {
    let name = match night.started_at {
        Some(at) => html! { time datetime=(at) { (day(at)) " " span.clock { (clock(at)) } } },
        None => html! { "a night, " (shown(&night.id)) },
    };
    html! { @if night.summary().is_some() { a href=(format!("{}/{PAGE}", href(&night.id))) { (name) } } @else { (name) } }
}

/// Problems after the reports were signed.
fn after(nights: &[NightEntry]) -> Markup {
    let brief = |mut lines: Vec<String>| {
        let hidden = lines.len().saturating_sub(OPEN_LINES);
        if hidden > 1 {
            lines.truncate(OPEN_LINES);
            lines.push(format!("and {hidden} more"));
        }
        lines
    };
    let wrong: Vec<(&NightEntry, Vec<String>)> =
        nights.iter().map(|night| (night, brief(night.wrongs()))).filter(|(_, lines)| !lines.is_empty()).collect();
    section(
        "after",
        "After the report",
        "What failed or was left behind after the signature; the next run cleans up, if possible.",
        &wrong,
    )
}

/// Problems of the reports themselves, independent of their verdicts.
fn attention(nights: &[NightEntry]) -> Markup {
    let disordered: Vec<(&NightEntry, Vec<String>)> =
        nights.iter().map(|night| (night, night.disorder())).filter(|(_, lines)| !lines.is_empty()).collect();
    section(
        "attention",
        "Not in order",
        "Problems of the report files; the verdicts on the database are in the table.",
        &disordered,
    )
}

/// Runs with their problems; no section without runs.
fn section(id: &str, title: &str, meaning: &str, nights: &[(&NightEntry, Vec<String>)]) -> Markup {
    let (open, folded) = nights.split_at(nights.len().min(OPEN));
    html! {
        @if !nights.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                p.quiet { (meaning) }
                (disorder(open))
                @if !folded.is_empty() { details { summary { (grouped_noun(folded.len() as u64, "more night")) } (disorder(folded)) } }
            }
        }
    }
}

fn disorder(nights: &[(&NightEntry, Vec<String>)]) -> Markup {
    html! {
        ul { @for (night, lines) in nights {
            li { (sign(night.status())) " " (link(night)) ": "
                @for (i, line) in lines.iter().enumerate() { @if i > 0 { "; " } (shown(line)) } }
        } }
    }
}

/// A table for each month; a run without a time belongs to the newer run that names it, above it.
fn all(nights: &[NightEntry]) -> Markup {
    let mut months: Vec<(String, Vec<&NightEntry>)> = Vec::new();
    for night in nights {
        let name = night.started_at.map(month);
        match months.last_mut() {
            Some((last, of_month)) if name.as_ref().is_none_or(|name| name == last) => of_month.push(night),
            _ => months.push((name.unwrap_or_else(|| "Without a date".to_owned()), vec![night])),
        }
    }
    html! {
        section aria-labelledby="all" {
            h2 #all { "All nights" }
            @for (i, (name, of_month)) in months.iter().enumerate() {
                details open[i < OPEN_MONTHS] {
                    summary { strong { (name) } " " span.quiet { (counts(of_month)) } }
                    (wide(&format!("Nights of {name}"), &month_table(name, of_month)))
                }
            }
        }
    }
}

/// `29 nights: 27 sound, 2 damaged`
fn counts(nights: &[&NightEntry]) -> String {
    let counted = Status::ALL.iter().filter_map(|status| {
        let count = nights.iter().filter(|night| night.status() == *status).count();
        (count > 0).then(|| format!("{count} {}", status.word()))
    });
    format!("{}: {}", grouped_noun(nights.len() as u64, "night"), counted.collect::<Vec<_>>().join(", "))
}

fn month_table(name: &str, nights: &[&NightEntry]) -> Markup {
    html! {
        table.nights {
            caption { "Nights of " (name) ", newest first" }
            thead { tr {
                th scope="col" { "Night" } th scope="col" { "Verdict" } th.n scope="col" { "Tables" } th.n scope="col" { "Rows" }
                th.n scope="col" { "Findings" } th.n scope="col" { "Unchecked" } th.n scope="col" { "Waivers" } th.n scope="col" { "Dump" }
                th.n scope="col" { "Took" } th scope="col" { "Signature" } th scope="col" { "Chain" } th scope="col" { "Reviewed" }
            } }
            tbody { @for night in nights { (row(night)) } }
        }
    }
}

fn row(night: &NightEntry) -> Markup {
    let status = night.status();
    let summary = night.summary();
    let number = |of: &dyn Fn(&Summary) -> Option<String>| {
        html! { td.n { (summary.and_then(of).unwrap_or_else(|| "–".to_owned())) } }
    };
    html! {
        tr class=(class(status)) {
            th scope="row" { (link(night)) }
            td { (badge(status)) @let counted = post_report::counted(night); @if !counted.is_empty() { div.after { (counted) } } }
            (number(&|s| Some(grouped(s.tables))))
            (number(&|s| Some(grouped(s.rows))))
            (number(&|s| Some(grouped(s.findings))))
            (number(&|s| Some(grouped(s.unchecked))))
            (number(&|s| Some(grouped(s.waivers))))
            (number(&|s| s.dump_bytes.map(bytes)))
            (number(&|s| Some(duration(s.duration_ms))))
            td { (signature(night)) }
            td { (chain(&night.chain)) }
            td { (reviewed(night)) }
        }
    }
}

fn signature(night: &NightEntry) -> Markup {
    let (word, class) = match (&night.content, &night.signature) {
        (Content::NoReport { .. } | Content::Missing { .. }, _) => ("–", ""),
        (_, SignatureState::Unsigned) => ("unsigned", if night.is_checked { "word damaged" } else { "" }),
        (_, SignatureState::Bad(_)) => ("bad", "word damaged"),
        (_, SignatureState::UnknownSigner(_)) => ("not allowed", "word damaged"),
        _ if matches!(night.aftermath, PostReport::Void(_)) => ("closing bad", "word damaged"),
        _ if night.aftermath == (PostReport::Absent { may_be_running: false }) => ("no closing", "word damaged"),
        (_, SignatureState::Good(_)) => ("good", ""),
        (_, SignatureState::NotChecked) => ("not checked", ""),
    };
    html! { span class=(class) { (word) } }
}

fn chain(state: &ChainState) -> Markup {
    match state {
        ChainState::First => html! { "first" },
        ChainState::Linked(_) => html! { "linked" },
        ChainState::PreviousPruned => html! { "pruned" },
        ChainState::PreviousMissing | ChainState::PreviousEdited(_) => html! { span.word.damaged { "broken" } },
        ChainState::Misplaced(_) => html! { span.word.damaged { "misplaced" } },
        ChainState::Unknown => html! { "–" },
    }
}

fn reviewed(night: &NightEntry) -> Markup {
    let counts = |state: &ReviewState| !matches!(state, ReviewState::Void(_));
    let names: Vec<&str> =
        night.reviews.iter().filter(|review| counts(&review.state)).map(|review| review.identity.as_str()).collect();
    html! { @for (i, name) in names.iter().enumerate() { @if i > 0 { ", " } (shown(name)) } }
}
