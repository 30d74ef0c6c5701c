//! The nights side by side: a strip of answers, and lines of what grows and shrinks.

use maud::{Markup, html};

use super::PAGE;
use super::answer::Answer;
use super::chart::{self, Line};
use super::report::href;
use super::text::{day, short_day};
use crate::nights::{NightEntry, Summary};
use crate::render::{bytes, duration, grouped};

/// So many nights are drawn; the table has all of them.
const DRAWN: usize = 90;

/// The section; `nights` are newest first.
pub fn section(nights: &[NightEntry]) -> Markup {
    let drawn: Vec<&NightEntry> = nights.iter().take(DRAWN).rev().collect();
    let lines = [
        picture("rows", "Rows", &drawn, &|summary| Some(summary.rows), &grouped),
        picture("dump", "Size of the dump", &drawn, &|summary| summary.dump_bytes, &bytes),
        picture("took", "Duration", &drawn, &|summary| Some(summary.duration_ms), &duration),
    ];
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            @if nights.len() > DRAWN { p.quiet { "The newest " (DRAWN) " of " (grouped(nights.len() as u64)) ", oldest first." } }
            ol.strip aria-label="Answers, oldest first" { @for night in &drawn { li { (cell(night)) } } }
            (legend(&drawn))
            div.charts { @for line in lines.iter().flatten() { (line) } }
        }
    }
}

fn cell(night: &NightEntry) -> Markup {
    let answer = Answer::of(night);
    let label = format!("{}: {}", night.started_at.map_or_else(|| night.id.clone(), day), answer.word());
    let label = crate::render::printable(&label);
    html! {
        @if night.summary().is_some() {
            a href=(format!("{}/{PAGE}", href(&night.id))) title=(label) aria-label=(label) { (answer.sign()) }
        } @else {
            span role="img" title=(label) aria-label=(label) { (answer.sign()) }
        }
    }
}

fn legend(drawn: &[&NightEntry]) -> Markup {
    let count = |answer| drawn.iter().filter(|night| Answer::of(night) == answer).count();
    html! {
        p.legend { @for answer in Answer::ALL { @let count = count(answer); @if count > 0 { (answer.badge()) " " (count) " " } } }
    }
}

/// A night whose report is no proof has no number here: nobody should draw conclusions from it.
fn picture(
    id: &str,
    title: &str,
    drawn: &[&NightEntry],
    of: &dyn Fn(&Summary) -> Option<u64>,
    tell: &dyn Fn(u64) -> String,
) -> Option<Markup> {
    let value = |night: &&NightEntry| night.verdict().and_then(|_| night.summary()).and_then(of);
    let values: Vec<Option<u64>> = drawn.iter().map(value).collect();
    let known: Vec<(u64, &NightEntry)> =
        drawn.iter().zip(&values).filter_map(|(night, value)| Some(((*value)?, *night))).collect();
    let (first, last) = (known.first()?, known.last()?);
    let named = |night: &NightEntry| night.started_at.map(short_day).unwrap_or_default();
    let description = format!("{} on {}, {} on {}.", tell(first.0), named(first.1), tell(last.0), named(last.1));
    let edge = |night: Option<&&NightEntry>| night.map(|night| named(night)).unwrap_or_default();
    let ends = [edge(drawn.first()), edge(drawn.last())];
    chart::line(&Line { id, title, description: &description, values: &values, tell, ends: [&ends[0], &ends[1]] })
}
