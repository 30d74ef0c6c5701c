//! The manual pages, as `pgwitness man` writes them, and the completions.

#![allow(clippy::unwrap_used, reason = "in a test, that is how to fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use pgwitness::cli::args::Arguments;
use pgwitness::config::examples;
use regex::Regex;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pgwitness");

/// In the order of man-pages(7).
const SECTIONS: [&str; 9] =
    ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"];

fn pgwitness(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).env("SOURCE_DATE_EPOCH", "1796000000").output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = pgwitness(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every page by the name of its file, below man1 and man5.
fn pages() -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    printed(&["man", "--directory", dir.path().to_str().unwrap()]);
    let mut pages = BTreeMap::new();
    for section in ["man1", "man5"] {
        for entry in fs::read_dir(dir.path().join(section)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            pages.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    pages
}

/// Without the escapes of roff: what a reader sees.
fn text(page: &str) -> String {
    let plain = Regex::new(r"\\f[BIRP]|\\&").unwrap().replace_all(page, "").replace("\\*(Aq", "'");
    plain.replace("\\-", "-").replace("\\\\", "\\")
}

/// The lines of each section.
fn sections(page: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in page.lines() {
        match (line.strip_prefix(".SH "), sections.last_mut()) {
            (Some(title), _) => sections.push((title.trim_matches('"').to_owned(), String::new())),
            (None, Some((_, lines))) => *lines += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    sections
}

/// Every command, built, by the words of its name: `pgwitness report list`.
fn commands() -> Vec<clap::Command> {
    fn below(command: &clap::Command, all: &mut Vec<clap::Command>) {
        all.push(command.clone());
        command.get_subcommands().for_each(|command| below(command, all));
    }
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    below(&root, &mut all);
    all
}

fn name(command: &clap::Command) -> String {
    command.get_bin_name().unwrap_or("pgwitness").replace(' ', "-")
}

#[test]
fn every_command_has_a_page_with_every_section_and_every_option_of_its_help() {
    let pages = pages();
    let commands = commands();
    assert_eq!(pages.len(), commands.len() + 1, "{:?}", pages.keys());
    for command in commands {
        let page = &pages[&format!("{}.1", name(&command))];
        let sections = sections(&text(page));
        let titles: Vec<&str> = sections.iter().map(|(title, _)| title.as_str()).filter(|t| *t != "COMMANDS").collect();
        assert_eq!(titles, SECTIONS, "{}", name(&command));
        for (title, lines) in &sections {
            assert!(lines.lines().any(|line| !line.starts_with('.')), "{}: {title} is empty", name(&command));
        }
        let section = |title: &str| sections.iter().find(|(t, _)| t == title).unwrap().1.clone();
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let found = argument
                .get_long()
                .map_or_else(|| argument.get_value_names().unwrap()[0].to_string(), |long| format!("--{long}"));
            assert!(section("OPTIONS").contains(&found), "{}: {found}", name(&command));
            let variable = argument.get_env().map(|name| name.to_str().unwrap());
            assert!(variable.is_none_or(|name| section("ENVIRONMENT").contains(name)), "{}", name(&command));
        }
    }
}

/// One text, two places: nothing of a help is lost in its page.
#[test]
fn a_page_has_every_word_of_the_help() {
    let pages = pages();
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    for command in commands() {
        let help = command.get_after_help().unwrap().to_string();
        let page = text(&pages[&format!("{}.1", name(&command))]);
        let page: BTreeSet<String> = words(&page).into_iter().collect();
        let marks = ["*", "Exit", "codes:", "Examples:"];
        let lost: Vec<String> =
            words(&help).into_iter().filter(|word| !marks.contains(&word.as_str()) && !page.contains(word)).collect();
        assert!(lost.is_empty(), "{}: {lost:?}", name(&command));
    }
}

/// A variable that the program sets or reads is in a page, so that a new one cannot be forgotten.
#[test]
fn every_variable_of_ours_is_explained() {
    let all: String = pages().values().map(|page| text(page)).collect();
    let name = Regex::new(r#""(PGWITNESS_[A-Z_]+)""#).unwrap();
    let mut found = BTreeSet::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = fs::read_to_string(&path).unwrap();
                let code = code.split("#[cfg(test)]").next().unwrap();
                found.extend(name.captures_iter(code).map(|found| found[1].to_owned()));
            }
        }
    }
    assert!(found.len() > 8, "{found:?}");
    let missing: Vec<&String> = found.iter().filter(|name| !all.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What is not a request of these would be text that roff obeys.
#[test]
fn no_text_is_taken_for_a_request_of_roff() {
    let known = Regex::new(r#"^\.(TH|SH|SS|PP|TP|IP|RS|RE|EX|EE|br|nh|ad l|ie|el)( |$)"#).unwrap();
    for (name, page) in pages() {
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(known.is_match(line), "{name}: {line}");
        }
        assert!(!page.contains("\n\n"), "{name} has an empty line");
        let opened = page.matches("\n.EX\n").count();
        assert_eq!(opened, page.matches("\n.EE\n").count(), "{name}");
    }
}

#[test]
fn mandoc_finds_nothing_to_warn_of_and_man_renders_80_columns() {
    let dir = tempfile::tempdir().unwrap();
    printed(&["man", "--directory", dir.path().to_str().unwrap()]);
    let files: Vec<_> = ["man1", "man5"]
        .iter()
        .flat_map(|section| fs::read_dir(dir.path().join(section)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    let mandoc = crate::support::packages::mandoc();
    let output = Command::new(&mandoc).args(["-T", "lint", "-W", "warning"]).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let rendered = Command::new(mandoc).args(["-T", "utf8", "-O", "width=78"]).args(&files).output().unwrap();
    let rendered = String::from_utf8(rendered.stdout).unwrap();
    // A character that is overstruck is bold.
    let rendered = Regex::new("(?s).\u{8}").unwrap().replace_all(&rendered, "");
    assert!(rendered.contains("PGWITNESS-REPORT-LIST(1)") && rendered.contains("EXIT STATUS"), "{rendered}");
    let is_verbatim = |line: &&str| line.starts_with("           ");
    for line in rendered.lines().filter(|line| !is_verbatim(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_page_of_the_configuration_has_every_line_of_the_example() {
    let page = printed(&["man", "pgwitness.toml"]);
    let page = text(&page);
    let lines: BTreeSet<&str> = page.lines().collect();
    for line in examples::TOML.lines().filter(|line| !matches!(*line, "" | "#")) {
        let heading = line.strip_prefix("# ---- ").map(|title| title.trim_end_matches(['-', ' ']));
        let expected = heading.map_or_else(
            || line.strip_prefix("# ").unwrap_or(line).to_owned(),
            |title| format!(".SS {}", if title.contains(' ') { format!("\"{title}\"") } else { title.to_owned() }),
        );
        assert!(lines.contains(expected.as_str()), "{expected}");
    }
}

#[test]
fn one_page_is_printed_and_an_unknown_command_is_named() {
    assert!(printed(&["man"]).contains(".TH PGWITNESS 1 2026-11-30 \"pgwitness "));
    assert!(printed(&["man", "report", "list"]).contains(".TH PGWITNESS-REPORT-LIST 1 2026-11-30"));
    let undated = Command::new(PROGRAM).args(["man", "init"]).env_remove("SOURCE_DATE_EPOCH").output().unwrap();
    assert!(String::from_utf8(undated.stdout).unwrap().contains(".TH PGWITNESS-INIT 1 \"\" \"pgwitness "));
    for (arguments, message) in [
        (&["man", "reports"][..], "error: there is no command \"reports\"\n  try: pgwitness --help lists"),
        (&["man", "report", "lists"], "there is no command \"report lists\""),
        (&["man", "init", "--directory", "/tmp"], "cannot be used with"),
        (&["man", "--directory", "/dev/null/man"], "error: write /dev/null/man/man"),
    ] {
        let output = pgwitness(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.contains(message), "{arguments:?}: {errors}");
    }
    let output = Command::new(PROGRAM).arg("man").env("SOURCE_DATE_EPOCH", "today").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for command in commands().iter().skip(1) {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
    }
}
