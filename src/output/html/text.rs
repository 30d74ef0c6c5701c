//! Times on pages.

use maud::{Markup, html};

use crate::base::time::Timestamp;

const MONTHS: &str = "January February March April May June July August September October November December";

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
    (text, MONTHS.split(' ').nth(month.saturating_sub(1)).unwrap_or_default(), day)
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
}
