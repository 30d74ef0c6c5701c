//! The page of one command.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::help_text::{HelpText, exit_codes, prose, verbatim};
use super::topics::{self, ManualEntry};
use crate::base::error::Result;

/// What [`Roff::render`] begins with: the apostrophe, which troff would print as a quotation mark.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// `pgwitness-report-list`.
pub fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The command and those below it.
pub fn all(command: &Command) -> Vec<&Command> {
    std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
}

/// The page in the language of man(7).
pub fn render(root: &Command, command: &Command, date: &str) -> Result<String> {
    let usage = command.clone().render_usage().to_string();
    let forms = usage.trim_start_matches("Usage: ").to_owned();
    let version = format!("pgwitness {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone().override_usage(forms)).title(name(command).to_uppercase());
    let man = man.date(date).source(version).manual("User Commands");
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let text = HelpText::split(&text);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    page.extend(section(None, |roff| prose(roff, text.description)));
    if command.has_subcommands() {
        let mut commands = Vec::new();
        man.render_subcommands_section(&mut commands)?;
        page.extend(String::from_utf8_lossy(&commands).replacen(".SH SUBCOMMANDS", ".SH COMMANDS", 1).bytes());
    }
    let mut options = Vec::new();
    man.render_options_section(&mut options)?;
    page.extend(with_subsections(command, &String::from_utf8_lossy(&options)).bytes());
    page.extend(section(Some("EXIT STATUS"), |roff| exit_codes(roff, text.exit_codes)));
    let topic = topics::of(&path(command));
    page.extend(section(Some("ENVIRONMENT"), |roff| entries(roff, &topic.environment)));
    page.extend(section(Some("FILES"), |roff| entries(roff, &topic.files)));
    let examples = text.examples.lines().map(str::trim).filter(|line| !line.is_empty());
    page.extend(section(Some("EXAMPLES"), |roff| verbatim(roff, examples)));
    page.extend(section(Some("SEE ALSO"), |roff| see_also(roff, root, command, &topic.see)));
    Ok(tidy(&String::from_utf8_lossy(&page)))
}

/// A section of our own, or what belongs to the one before it.
pub fn section(heading: Option<&str>, fill: impl FnOnce(&mut Roff)) -> Vec<u8> {
    let mut roff = Roff::new();
    if let Some(heading) = heading {
        roff.control("SH", [heading]);
    }
    fill(&mut roff);
    roff.render().into_bytes()
}

/// Names with what they are for.
pub fn entries(roff: &mut Roff, entries: &[ManualEntry]) {
    for (names, text) in entries {
        let mut line = Vec::new();
        for name in names {
            line.extend((!line.is_empty()).then(|| roman(", ")));
            line.push(bold(name));
        }
        roff.control("TP", []).text(line).text([roman(text)]);
    }
}

/// `report list`; empty for the program itself.
fn path(command: &Command) -> String {
    let whole = command.get_bin_name().unwrap_or_default();
    whole.split_once(' ').map(|(_, path)| path.to_owned()).unwrap_or_default()
}

/// A heading of options is a section of clap_mangen's, in capitals.
fn with_subsections(command: &Command, options: &str) -> String {
    let headings = command.get_arguments().filter_map(clap::Arg::get_help_heading);
    headings.fold(options.to_owned(), |text, heading| {
        let (upper, quoted) = (heading.to_uppercase(), heading.contains(' '));
        let quote = if quoted { "\"" } else { "" };
        text.replace(&format!(".SH {quote}{upper}{quote}\n"), &format!(".SS {quote}{heading}{quote}\n"))
    })
}

/// The program, the group or its commands, and the pages of the topics.
fn see_also(roff: &mut Roff, root: &Command, command: &Command, more: &[&str]) {
    let group = root.get_subcommands().find(|group| all(group).iter().any(|below| name(below) == name(command)));
    let near = group.filter(|group| group.has_subcommands()).map(all).unwrap_or_default();
    let pages = std::iter::once(root).chain(near).filter(|page| name(page) != name(command));
    let pages = pages.map(|page| format!("{}(1)", name(page))).chain(more.iter().map(|page| (*page).to_owned()));
    let mut line = Vec::new();
    for page in pages {
        let (name, section) =
            page.split_once('(').map(|(name, rest)| (name.to_owned(), format!("({rest}"))).unwrap_or_default();
        line.extend((!line.is_empty()).then(|| roman(", ")));
        line.extend([italic(name), roman(section)]);
    }
    roff.text(line);
}

/// One definition of the apostrophe for all sections; no paragraph where a heading has begun one, and no line break after another.
/// Names are not hyphenated, so that they can be searched for and copied.
pub fn tidy(page: &str) -> String {
    let page = page.replace(APOSTROPHE, "");
    let mut lines: Vec<&str> = Vec::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        let last = lines.last().copied().unwrap_or_default();
        let is_begun = last.starts_with(".SH") || last.starts_with(".SS") || last == ".PP";
        if (line == ".PP" && is_begun) || (line == ".br" && last == ".br") {
            continue;
        }
        lines.push(line);
        if line.starts_with(".TH") {
            lines.extend([".nh", ".ad l"]);
        }
    }
    // A date that is not known; clap_mangen leaves it out, so that the version would take its place.
    format!("{APOSTROPHE}{}\n", lines.join("\n").replacen("  \"pgwitness", " \"\" \"pgwitness", 1))
}
