//! Small elements of pages: names, values, times, amounts.
//!
//! Every external text passes through here: hidden characters are made visible, and text direction is isolated.

use maud::{Markup, html};

use crate::base::printable::printable;
use crate::base::time::Timestamp;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// External text within a sentence.
pub fn shown(text: &str) -> Markup {
    html! { bdi { (printable(text)) } }
}

/// An external name or value.
pub fn code(text: &str) -> Markup {
    html! { code { bdi { (printable(text)) } } }
}

/// `22 November 2026, 03:10 UTC`; the attribute has the seconds.
pub fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (day(at)) ", " (clock(at)) " UTC" } }
}

/// `03:10`
pub fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

/// `22 November 2026`
pub fn day(at: Timestamp) -> String {
    let (_, month, day) = parts(at);
    format!("{day} {month} {}", year(at))
}

/// `22 Nov`
pub fn short_day(at: Timestamp) -> String {
    let (_, month, day) = parts(at);
    format!("{day} {}", month.get(..3).unwrap_or_default())
}

/// `November 2026`
pub fn month(at: Timestamp) -> String {
    let (_, month, _) = parts(at);
    format!("{month} {}", year(at))
}

fn year(at: Timestamp) -> String {
    at.to_string().get(..4).unwrap_or_default().to_owned()
}

fn parts(at: Timestamp) -> (String, &'static str, String) {
    let text = at.to_string();
    let month: usize = text.get(5..7).and_then(|month| month.parse().ok()).unwrap_or(1);
    let day = text.get(8..10).unwrap_or_default().trim_start_matches('0').to_owned();
    (text, MONTHS.get(month - 1).copied().unwrap_or_default(), day)
}

/// A table that scrolls horizontally on a narrow screen, also by keyboard.
pub fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// Lines of a definition, unchanged.
pub fn block(text: &str) -> Markup {
    html! { pre { @for line in text.lines() { (printable(line)) "\n" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let at = Timestamp::parse("2026-11-02T03:10:05Z").unwrap();
        assert_eq!(
            (day(at), short_day(at), month(at)),
            ("2 November 2026".into(), "2 Nov".into(), "November 2026".into())
        );
        let told = "<time datetime=\"2026-11-02T03:10:05Z\">2 November 2026, 03:10 UTC</time>";
        assert_eq!(time(at).into_string(), told);
    }

    #[test]
    fn what_hides_is_seen_and_what_is_markup_is_text() {
        assert_eq!(code("<b>\u{202e}\n").into_string(), "<code><bdi>&lt;b&gt;\\u{202e}\\n</bdi></code>");
        assert_eq!(block("a<\u{1b}\nb").into_string(), "<pre>a&lt;\\u{1b}\nb\n</pre>");
    }
}
