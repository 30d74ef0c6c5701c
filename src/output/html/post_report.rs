//! Problems after a report was signed, beside its verdict: a sound run may have left an instance that costs money.
//!
//! They never replace the verdict, and are as visible with a sound verdict as with another.

use maud::{Markup, html};

use super::text::shown;
use crate::base::text::grouped_noun;
use crate::model::post_report::PostReport;
use crate::storage::history::NightEntry;

/// Number of lines that are open.
const OPEN: usize = 12;

/// All lines; empty without a problem. Problems of the report itself are in [`NightEntry::disorder`].
pub fn lines(night: &NightEntry) -> Markup {
    let wrongs = night.wrongs();
    let (open, folded) = wrongs.split_at(wrongs.len().min(OPEN));
    html! {
        @if !wrongs.is_empty() {
            p.after { strong { "After the report was signed:" } }
            (list(open))
            @if !folded.is_empty() { details { summary { (grouped_noun(folded.len() as u64, "more line")) } (list(folded)) } }
        }
        @if let Some(open) = night.aftermath.pending() { p.after { (shown(open)) } }
    }
}

fn list(lines: &[String]) -> Markup {
    html! { ul { @for line in lines { li { strong { (shown(line)) } } } } }
}

/// `2 problems, 1 left behind`; empty without a problem.
pub fn counted(night: &NightEntry) -> String {
    let Some(closing) = night.aftermath.closing().filter(|_| !night.wrongs().is_empty()) else { return String::new() };
    let troubles = Some(closing.troubles.len()).filter(|count| *count > 0);
    let debts = Some(closing.debts.len()).filter(|count| *count > 0);
    let parts = [
        troubles.map(|count| grouped_noun(count as u64, "problem")),
        debts.map(|count| format!("{count} left behind")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { format!("exit code {}", closing.exit_code) } else { parts.join(", ") }
}

/// The state of closing.json.
pub fn state(aftermath: &PostReport, is_checked: bool) -> Markup {
    match aftermath {
        PostReport::Nothing => html! { "nothing: no night" },
        PostReport::Told(_) if is_checked => html! { span.word.sound { "signed" } " by itself" },
        PostReport::Told(_) => html! { span.word.inconclusive { "not checked" } ": it is of this report" },
        PostReport::Absent { may_be_running: true } => html! { span.word.inconclusive { "not yet" } },
        PostReport::Absent { may_be_running: false } => {
            html! { span.word.damaged { "not known" } ": there is no closing.json" }
        }
        PostReport::Void(why) => html! { span.word.damaged { "no proof" } ": " (shown(why)) },
    }
}
