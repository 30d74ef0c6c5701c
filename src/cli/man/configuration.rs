//! The page of the configuration file, made from the example, which explains every key.

use clap_mangen::roff::{Roff, roman};

use super::help_text::verbatim;
use super::page::{entries, section, tidy};
use super::topics;
use crate::config::examples;

/// The file, and the page in section 5.
pub const NAME: &str = "pgwitness.toml";

/// The page in the language of man(7).
pub fn render(date: &str) -> String {
    let mut page = section(None, |roff| {
        let version = format!("pgwitness {}", env!("CARGO_PKG_VERSION"));
        roff.control("TH", ["PGWITNESS.TOML", "5", date, &version, "File Formats"]);
        roff.control("SH", ["NAME"]).text([roman(format!("{NAME} - configuration of pgwitness"))]);
    });
    page.extend(section(Some("DESCRIPTION"), |roff| body(roff, examples::TOML)));
    let topic = topics::of("config example");
    page.extend(section(Some("ENVIRONMENT"), |roff| entries(roff, &topic.environment)));
    page.extend(section(Some("FILES"), |roff| entries(roff, &topic.files)));
    let lines = ["pgwitness config example toml", "pgwitness config example club", "pgwitness config check"];
    page.extend(section(Some("EXAMPLES"), |roff| verbatim(roff, lines)));
    let pages = "pgwitness(1), pgwitness-nightly(1), pgwitness-config-example(1), pgwitness-config-check(1)";
    page.extend(section(Some("SEE ALSO"), |roff| {
        roff.text([roman(pages)]);
    }));
    tidy(&String::from_utf8_lossy(&page))
}

/// A line of the example.
enum Line<'a> {
    Heading(&'a str),
    Prose(&'a str),
    /// A key or the head of a table, commented or not.
    Setting(&'a str),
    Empty,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        if let Some(title) = line.strip_prefix("# ---- ") {
            return Self::Heading(title.trim_end_matches(['-', ' ']));
        }
        match line.strip_prefix("# ") {
            Some(prose) => Self::Prose(prose),
            None if line.is_empty() || line == "#" => Self::Empty,
            None => Self::Setting(line),
        }
    }
}

/// Comments are text; settings stay as they are.
fn body(roff: &mut Roff, example: &str) {
    let mut settings: Vec<&str> = Vec::new();
    let mut is_inside = false;
    for line in example.lines().map(Line::of).chain([Line::Empty]) {
        if let Line::Setting(setting) = line {
            settings.push(setting);
            continue;
        }
        if !settings.is_empty() {
            verbatim(roff, settings.drain(..));
            is_inside = false;
        }
        match line {
            Line::Heading(title) => {
                roff.control("SS", [title]);
            }
            Line::Prose(text) => {
                if !is_inside {
                    roff.control("PP", []);
                }
                roff.text([roman(text)]);
            }
            Line::Setting(_) | Line::Empty => {}
        }
        is_inside = matches!(line, Line::Prose(_));
    }
}
