//! What went wrong after a report was signed, beside its verdict: a copy that is sound may have left an instance that costs money.
//!
//! Never in place of the verdict, and never less loud because the verdict is good.

use maud::{Markup, html};

use super::text::shown;
use crate::base::text::grouped_noun;
use crate::model::post_report::PostReport;
use crate::storage::history::NightEntry;

/// So many lines are shown at once.
const OPEN: usize = 12;

/// All of it; nothing where nothing is to be said. What is wrong with the paper itself is in [`NightEntry::disorder`].
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

/// `2 troubles, 1 left behind`; empty where there is nothing to count.
pub fn counted(night: &NightEntry) -> String {
    let Some(closing) = night.aftermath.closing().filter(|_| !night.wrongs().is_empty()) else { return String::new() };
    let troubles = Some(closing.troubles.len()).filter(|count| *count > 0);
    let debts = Some(closing.debts.len()).filter(|count| *count > 0);
    let parts = [
        troubles.map(|count| grouped_noun(count as u64, "trouble")),
        debts.map(|count| format!("{count} left behind")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { format!("exit code {}", closing.exit_code) } else { parts.join(", ") }
}

/// What is known of the closing itself.
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
