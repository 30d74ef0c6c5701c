//! `pgwitness report` and `pgwitness keygen`.

mod acknowledge;
mod diff;
mod list;
mod verify;

use std::path::{Path, PathBuf};

use super::args::{ConfigArguments, Format, KeygenArguments, PartChoice, PlaceArguments, ReportCommand, ShowArguments};
use super::config;
use super::inputs;
use super::terminal::{Terminal, print_json, print_result};
use crate::error::{Context, Result};
use crate::files;
use crate::nights;
use crate::render::{self, Part};
use crate::report::{self, Report};
use crate::store;
pub(super) use crate::userfiles::allowed_signers as read_signers;

/// One of the report commands. `show` gives the exit code of the verdict that it shows.
pub fn run(command: &ReportCommand) -> Result<u8> {
    match command {
        ReportCommand::List(arguments) => list::run(arguments),
        ReportCommand::Show(arguments) => show(arguments),
        ReportCommand::Verify(arguments) => verify::run(arguments),
        ReportCommand::Diff(arguments) => diff::run(arguments),
        ReportCommand::Acknowledge(arguments) => acknowledge::run(arguments),
        ReportCommand::Html(arguments) => super::report_html::run(arguments),
        ReportCommand::Schema => print_result(report::SCHEMA).map(|()| 0),
    }
}

fn show(arguments: &ShowArguments) -> Result<u8> {
    let path = find(&arguments.report, &arguments.place)?;
    let doing = || format!("read report {}", path.display());
    let bytes = files::read(&path, files::REPORT).doing(doing)?;
    let report = Report::from_bytes(&bytes).doing(doing)?;
    match arguments.format {
        Format::Json => print_json(&String::from_utf8_lossy(&bytes))?,
        Format::Table => {
            let all_tables = arguments.all_tables || arguments.only == Some(PartChoice::Tables);
            let style = Terminal::stdout().style(all_tables);
            let aftermath = store::aftermath(&path, &report, &store::sha256(&bytes), None);
            let aftermath = aftermath.if_running(nights::is_pending(&path, inputs::now()));
            print_result(&render::report(&report, &aftermath, arguments.only.map(part), style))?;
        }
    }
    Ok(report.verdict.exit_code())
}

/// The directory of reports: as given, or as the configuration has it.
pub fn directory(given: Option<&Path>, config: &ConfigArguments) -> Result<PathBuf> {
    match given {
        Some(dir) => Ok(dir.to_owned()),
        None => config::load(config).map(|config| config.report.directory).doing(|| "find the directory of reports"),
    }
}

/// The report that the user means; a path needs no directory of reports.
pub fn find(text: &str, place: &PlaceArguments) -> Result<PathBuf> {
    if place.directory.is_none() && Path::new(text).exists() {
        return nights::find(None, text);
    }
    nights::find(Some(&directory(place.directory.as_deref(), &place.config)?), text)
}

fn part(choice: PartChoice) -> Part {
    match choice {
        PartChoice::Findings => Part::Findings,
        PartChoice::Tables => Part::Tables,
        PartChoice::Steps => Part::Steps,
        PartChoice::Waivers => Part::Waivers,
    }
}

/// `pgwitness keygen`
pub fn keygen(arguments: &KeygenArguments) -> Result<u8> {
    let made = store::keygen(&arguments.file, &arguments.identity)?;
    print_result(&format!(
        "private key: {}\npublic key:  {}\n\nFor the allowed_signers file of whoever checks reports:\n{}\n",
        made.private.display(),
        made.public.display(),
        made.allowed_signers_line.trim_end()
    ))?;
    Ok(0)
}
