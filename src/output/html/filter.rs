//! Radio buttons that show only the runs of one verdict or of one source, without a script.
//!
//! The style sheet hides the other rows of the tables, on a screen only: in print all rows are there. A browser without `:has()` shows
//! all rows and no buttons.

use maud::{Markup, html};

use crate::base::printable::printable;
use crate::base::text::grouped;
use crate::model::status::Status;

/// The groups of statuses, with their labels; the style sheet knows them too.
const GROUPS: [(&str, &str); 5] = [
    ("sound", "sound"),
    ("warnings", "sound with warnings"),
    ("damaged", "damaged"),
    ("inconclusive", "inconclusive"),
    ("unproven", "not proven or missing"),
];

/// The group of a status.
pub fn group(status: Status) -> &'static str {
    match status {
        Status::Sound | Status::SoundSoFar => "sound",
        Status::SoundWithWarnings => "warnings",
        Status::Damaged => "damaged",
        Status::Inconclusive | Status::Interrupted => "inconclusive",
        Status::Unproven | Status::Unreadable | Status::NoReport | Status::Running | Status::Missing => "unproven",
    }
}

/// The buttons for these statuses and sources; none where there is nothing to choose.
pub fn buttons(statuses: &[Status], sources: &[String]) -> Markup {
    let count = |wanted: &str| statuses.iter().filter(|status| group(**status) == wanted).count();
    let verdicts: Vec<(String, String)> = GROUPS
        .into_iter()
        .map(|(name, label)| (name, label, count(name)))
        .filter(|(.., count)| *count > 0)
        .map(|(name, label, count)| (name.to_owned(), format!("{label} ({})", grouped(count as u64))))
        .collect();
    let sources: Vec<(String, String)> =
        sources.iter().enumerate().map(|(place, name)| (place.to_string(), printable(name))).collect();
    html! {
        @if verdicts.len() > 1 || sources.len() > 1 {
            div.filter {
                (choice("verdict", "Show the verdict", &verdicts))
                (choice("source", "Show the source", &sources))
            }
        }
    }
}

fn choice(name: &str, legend: &str, choices: &[(String, String)]) -> Markup {
    html! {
        @if choices.len() > 1 {
            fieldset {
                legend { (legend) }
                (button(name, "all", "all", true))
                @for (value, label) in choices { (button(name, value, label, false)) }
            }
        }
    }
}

fn button(name: &str, value: &str, label: &str, is_first: bool) -> Markup {
    html! {
        label { input type="radio" name=(format!("filter-{name}")) id=(format!("{name}-{value}")) checked[is_first]; " " bdi { (label) } }
    }
}

/// The rules that hide the runs of other sources: numbers only.
pub fn style(sources: usize) -> String {
    let rule = |place| {
        format!("body:has(#source-{place}:checked) tr[data-source]:not([data-source=\"{place}\"]) {{ display: none; }}")
    };
    match sources {
        0 | 1 => String::new(),
        _ => format!("@media screen {{ {} }}", (0..sources).map(rule).collect::<Vec<_>>().join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_button_and_the_style_knows_it() {
        let style = include_str!("style.css");
        for status in Status::ALL {
            let name = group(status);
            assert!(GROUPS.iter().any(|(group, _)| *group == name), "{name}");
            let rule = format!("#verdict-{name}:checked) tr[data-verdict]:not([data-verdict=\"{name}\"])");
            assert!(style.contains(&rule), "{rule}");
        }
    }

    #[test]
    fn without_a_choice_there_is_no_button() {
        assert_eq!(buttons(&[Status::Sound, Status::SoundSoFar], &["a".into()]).into_string(), "");
        let page = buttons(&[Status::Sound, Status::Damaged], &["a".into(), "<b>".into()]).into_string();
        assert_eq!((page.matches("<input").count(), page.contains("&lt;b&gt;")), (6, true), "{page}");
        assert_eq!(style(1), "");
    }
}
