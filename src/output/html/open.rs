//! Unchecked objects, waivers and remarks.

use maud::{Markup, html};

use super::text::{code, shown, wide};
use crate::base::marked::MarkedText;
use crate::base::text::{grouped, grouped_noun};
use crate::model::finding::{AppliedWaiver, Unchecked};

/// Number of covered objects that are open.
const OPEN: usize = 12;
/// Number of unchecked objects that are open.
const OPEN_UNCHECKED: usize = 30;

/// The section of unchecked objects.
pub fn unchecked(unchecked: &[Unchecked]) -> Markup {
    html! {
        section aria-labelledby="unchecked" {
            h2 #unchecked { "Unchecked" }
            @if unchecked.is_empty() { p { "None." } } @else {
                p.quiet { "What could not be checked: it is not known whether it is right." }
                @let (open, folded) = unchecked.split_at(unchecked.len().min(OPEN_UNCHECKED));
                (things(open, &format!("{} could not be checked", grouped_noun(unchecked.len() as u64, "thing"))))
                @if !folded.is_empty() {
                    @let more = format!("{} more", grouped(folded.len() as u64));
                    details { summary { (more) } (things(folded, &more)) }
                }
            }
        }
    }
}

fn things(unchecked: &[Unchecked], caption: &str) -> Markup {
    wide(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { "What" } th scope="col" { "Side" } th scope="col" { "Why" } } }
                tbody { @for thing in unchecked {
                    tr { th scope="row" { (code(&thing.object)) } td { (shown(&thing.side)) } td { (shown(thing.reason.full())) } }
                } }
            }
        },
    )
}

/// The section of waivers.
pub fn waivers(waivers: &[AppliedWaiver]) -> Markup {
    html! {
        section aria-labelledby="waivers" {
            h2 #waivers { "Waivers" }
            @if waivers.is_empty() { p { "None." } } @else {
                p.quiet { "Differences that are declared as expected. They are signed with the report." }
                (wide("Waivers", &html! {
                    table {
                        caption { (grouped_noun(waivers.len() as u64, "waiver")) }
                        thead { tr { th scope="col" { "Waived" } th scope="col" { "Why" } th scope="col" { "Who asked" } th scope="col" { "Covered" } } }
                        tbody { @for applied in waivers { (waiver(applied)) } }
                    }
                }))
            }
        }
    }
}

fn waiver(applied: &AppliedWaiver) -> Markup {
    let waiver = &applied.waiver;
    html! {
        tr {
            th scope="row" { (code(&format!("{} {}", waiver.kind, waiver.object))) }
            td { (shown(&waiver.reason)) }
            td { (shown(&waiver.by)) }
            td { (covered(&applied.covered)) }
        }
    }
}

fn covered(covered: &[String]) -> Markup {
    let list = |objects: &[String]| html! { ul.plain { @for object in objects { li { (code(object)) } } } };
    match covered.len() {
        0 => html! { span.quiet { "not needed" } },
        1..=OPEN => list(covered),
        count => html! { details { summary { (grouped_noun(count as u64, "object")) } (list(covered)) } },
    }
}

/// The section of remarks, if there are any.
pub fn remarks(remarks: &[MarkedText]) -> Markup {
    html! {
        @if !remarks.is_empty() {
            section aria-labelledby="remarks" {
                h2 #remarks { "Remarks" }
                ul { @for remark in remarks { li { (shown(remark.full())) } } }
            }
        }
    }
}
