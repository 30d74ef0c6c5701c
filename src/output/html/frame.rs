//! The frame of every page, and the mark that identifies a page of pgwitness.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::sign::icon;
use crate::model::status::Status;

const STYLE: &str = include_str!("style.css");

/// No script, no request of any kind, whatever text the page contains.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The beginning of every page; our version follows.
const MARK: &str =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" content=\"pgwitness ";

/// Whether a file with this beginning was written by pgwitness, and so may be replaced.
pub fn is_ours(beginning: &[u8]) -> bool {
    beginning.starts_with(MARK.as_bytes())
}

/// The whole page.
pub fn document(title: &str, status: Status, body: &Markup) -> String {
    document_with(title, status, "", body)
}

/// The whole page, with style rules of its own, which hold no text of others.
pub fn document_with(title: &str, status: Status, rules: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(format!("pgwitness {}", env!("CARGO_PKG_VERSION")));
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex, nofollow";
                title { (title) }
                link rel="icon" href=(icon(status));
                // A constant without `<`: nothing to escape.
                style { (PreEscaped(STYLE)) (rules_without_markup(rules)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// Within a style element nothing is escaped, so rules with markup are left out.
fn rules_without_markup(rules: &str) -> PreEscaped<&str> {
    PreEscaped(if rules.contains('<') { "" } else { rules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_ours_is_known_by_its_beginning() {
        let page = document("t", Status::Sound, &html! {});
        assert!(is_ours(page.as_bytes()));
        assert!(!is_ours(b"<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>mine"));
        assert!(!is_ours(b""));
    }

    #[test]
    fn the_style_asks_for_nothing_and_cannot_end_itself() {
        for forbidden in ["<", "@import", "url("] {
            assert!(!STYLE.contains(forbidden), "{forbidden}");
        }
    }

    /// The value of `--name` in the light or the dark half of the style.
    fn color(name: &str, is_dark: bool) -> [f64; 3] {
        let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
        let half = if is_dark { dark } else { light };
        let hex = half.split_once(&format!("--{name}: #")).unwrap_or_else(|| panic!("{name}")).1;
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
    }

    /// Relative luminance, WCAG 2.2.
    fn luminance(color: [f64; 3]) -> f64 {
        let linear = color.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_has_contrast_in_light_and_dark() {
        let texts = ["ink", "quiet", "link", "sound", "damaged", "inconclusive"];
        let grounds = ["ground", "sheet", "band", "sound-ground", "damaged-ground", "inconclusive-ground"];
        for is_dark in [false, true] {
            for (text, ground) in texts.iter().flat_map(|text| grounds.map(|ground| (*text, ground))) {
                let found = contrast(color(text, is_dark), color(ground, is_dark));
                assert!(found >= 4.5, "{text} on {ground}, dark {is_dark}: {found:.2}");
            }
            for mark in ["bar", "rule-strong"] {
                let found = contrast(color(mark, is_dark), color("sheet", is_dark));
                assert!(found >= 3.0, "{mark}, dark {is_dark}: {found:.2}");
            }
        }
    }
}
