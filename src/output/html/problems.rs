//! Problems after a report was signed, beside its verdict: a sound run may have left an instance that costs money.
//!
//! They never replace the verdict, and are as visible with a sound verdict as with another.

use maud::{Markup, html};

use super::blocks::text;
use crate::base::text::grouped_noun;
use crate::output::document::strong;

/// Number of lines that are open.
const OPEN: usize = 12;

/// All lines; empty without a problem.
pub fn after(lines: &[String], pending: Option<&str>) -> Markup {
    let (open, folded) = lines.split_at(lines.len().min(OPEN));
    html! {
        @if !lines.is_empty() {
            p.after { strong { "After the report was signed:" } }
            (list(open))
            @if !folded.is_empty() { details { summary { (grouped_noun(folded.len() as u64, "more line")) } (list(folded)) } }
        }
        @if let Some(pending) = pending { p.after { (pending) } }
    }
}

/// Lines that must not be overlooked.
pub fn list(lines: &[String]) -> Markup {
    html! { ul { @for line in lines { li { (text(&strong(line))) } } } }
}
