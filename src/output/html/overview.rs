//! The page over several report directories: the newest run of each, and everything that is not in order.

use maud::{Markup, html};

use super::blocks::{block, section, text};
use super::frame::document;
use super::index::{after, attention};
use super::sign::{class, sign};
use super::text::time;
use crate::base::time::Timestamp;
use crate::model::status::Status;
use crate::output::document::{Block, Section, Text, outside, status_tone};
use crate::output::views::sources;
use crate::storage::history::ReportDirectory;

/// The whole file; the pages of each directory are below it, in [`ReportDirectory::pages`].
pub fn overview(directories: &[ReportDirectory], now: Timestamp) -> String {
    let status = worst(directories);
    let closing = sources::closing(directories);
    document(&closing.plain(), status, &body(directories, status, &closing, now))
}

/// The status of the page: of a directory that cannot be read, nothing is known.
fn worst(directories: &[ReportDirectory]) -> Status {
    let of = |directory| sources::status(directory).unwrap_or(Status::Unreadable);
    let rank = |status: &Status| match status.exit_code() {
        1 => 4,
        2 => 3,
        3 => 2,
        _ => u8::from(*status != Status::Sound),
    };
    directories.iter().map(of).max_by_key(rank).unwrap_or(Status::NoReport)
}

fn body(directories: &[ReportDirectory], status: Status, closing: &Text, now: Timestamp) -> Markup {
    let one = |of: fn(&[_], &Text, &str) -> Section| {
        let mut lines = directories.iter().map(|directory| {
            let (source, urls) = (sources::source(directory).and(": "), format!("{}/", directory.pages()));
            of(directory.entries(), &source, &urls)
        });
        let first = lines.next().unwrap_or_default();
        lines.fold(first, |all, more| all.with(more.blocks))
    };
    html! {
        header {
            h1 { "Sources" }
            div class={ "verdict " (class(status_tone(status))) } { (sign(status)) div { p.answer { (text(closing)) } } }
        }
        main {
            (block(&Block::DocumentTable(sources::table(directories, now)), 2))
            @for one in [unread(directories), one(attention), one(after)] { @if !one.blocks.is_empty() { (section(&one)) } }
        }
        footer {
            p { "Made by pgwitness " (env!("CARGO_PKG_VERSION")) " on " (time(now)) ". This page is not signed; the reports are: "
                code { "pgwitness report verify --allowed-signers allowed_signers DIR" } }
            p { "It cannot show that the newest reports of a directory were removed: check the ages." }
        }
    }
}

/// The directories that cannot be read.
fn unread(directories: &[ReportDirectory]) -> Section {
    let lines: Vec<Text> = directories.iter().filter_map(sources::failure).map(|line| outside(&line)).collect();
    let section = Section::new("unread", "Cannot be read").note("Nothing is known of the runs in these directories.");
    section.with((!lines.is_empty()).then_some(Block::List(lines)))
}
