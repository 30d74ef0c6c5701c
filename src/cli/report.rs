//! `pgwitness report` and `pgwitness keygen`.

mod acknowledge;
mod diff;
mod html;
mod list;
mod places;
mod summary;
mod verify;

use std::path::{Path, PathBuf};

use super::args::{
    Format, KeyTypeChoice, KeygenArguments, PartChoice, PlaceArguments, ReportCommand, SchemaChoice, ShowArguments,
};
use super::config;
use super::inputs;
use super::terminal::{Terminal, print_json, print_note, print_result};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::model::period;
use crate::model::report::{self, Report};
use crate::output::terminal::{self, Part};
use crate::storage::history;
use crate::storage::reports::{self, KeyKind, Trust};
use crate::storage::signature;
use crate::storage::signers::AllowedSigners;
pub(super) use crate::storage::user_files::allowed_signers as read_signers;

/// Runs one of the `report` commands. `show` returns the exit code of the verdict that it shows.
pub fn run(command: &ReportCommand) -> Result<u8> {
    match command {
        ReportCommand::List(arguments) => list::run(arguments),
        ReportCommand::Show(arguments) => show(arguments),
        ReportCommand::Verify(arguments) => verify::run(arguments),
        ReportCommand::Diff(arguments) => diff::run(arguments),
        ReportCommand::Acknowledge(arguments) => acknowledge::run(arguments),
        ReportCommand::Html(arguments) => html::run(arguments),
        ReportCommand::Summary(arguments) => summary::run(arguments),
        ReportCommand::Schema(arguments) => {
            let schema = match arguments.of {
                SchemaChoice::Report => report::SCHEMA,
                SchemaChoice::Summary => period::SCHEMA,
            };
            print_result(schema).map(|()| 0)
        }
    }
}

fn show(arguments: &ShowArguments) -> Result<u8> {
    let path = match arguments.report.as_str() {
        text if arguments.place.directory.is_none() && is_directory_of_reports(text) => {
            history::find(Some(Path::new(text)), "latest")?
        }
        text => find(text, &arguments.place)?,
    };
    let is_configured = !Path::new(&arguments.report).exists();
    // The report first: what is wrong with the signers or the signature comes after it.
    let allowed = signers(arguments.allowed_signers.as_deref(), &arguments.place, is_configured);
    let now = inputs::now();
    let doing = || format!("read report {}", path.display());
    let bytes = files::read(&path, files::REPORT).doing(doing)?;
    let report = Report::from_bytes(&bytes).doing(doing)?;
    match arguments.format {
        Format::Json => print_json(&String::from_utf8_lossy(&bytes))?,
        Format::Table => {
            let all_tables = arguments.all_tables || arguments.only == Some(PartChoice::Tables);
            let style = Terminal::stdout().style(all_tables);
            let trusted = allowed.as_ref().ok().and_then(Option::as_ref);
            let trust = trusted.map(|allowed| Trust { allowed, identity: None, now });
            let closing_state = reports::closing_state(&path, &report, &reports::sha256(&bytes), trust);
            let closing_state = closing_state.if_running(history::is_pending(&path, now));
            print_result(&terminal::report(&report, &closing_state, arguments.only.map(part), style))?;
        }
    }
    if let Some(allowed) = allowed? {
        let trust = Trust { allowed: &allowed, identity: None, now };
        let signer = reports::authorship(&path, &bytes, signature::NAMESPACE, trust)?.signer();
        let signer = signer.map_err(|check| Error::new(check.to_string()));
        let signer = signer.doing(|| format!("check the signature of {}", path.display()))?;
        print_note(&format!("signed by {}", printable(&signer)));
    }
    Ok(report.verdict.exit_code())
}

/// The directory of reports: as given, or as the configuration has it.
pub fn directory(place: &PlaceArguments) -> Result<PathBuf> {
    match &place.directory {
        Some(dir) => Ok(dir.clone()),
        None => {
            Ok(configured(place, "--directory DIR says where the reports are; --config FILE names a configuration")?
                .directory)
        }
    }
}

/// What the configuration says of reports. Without one, the options of this command do as well.
fn configured(place: &PlaceArguments, hint: &str) -> Result<crate::config::ReportSettings> {
    let loaded = config::load_or(&place.config, hint).map(|config| config.report);
    loaded.doing(|| "find the directory of reports")
}

/// Who may sign: as given; of the reports that the configuration names, also as it says.
pub fn signers(given: Option<&Path>, place: &PlaceArguments, is_configured: bool) -> Result<Option<AllowedSigners>> {
    match given {
        Some(file) => read_signers(file).map(Some),
        None if !is_configured || place.directory.is_some() => Ok(None),
        None => configured(place, "--directory DIR says where the reports are")?
            .allowed_signers
            .as_deref()
            .map(read_signers)
            .transpose(),
    }
}

/// Who may sign, where nothing can be said without.
pub fn demand_signers(given: Option<&Path>, place: &PlaceArguments) -> Result<AllowedSigners> {
    if let Some(file) = given {
        return read_signers(file);
    }
    let hint = "--allowed-signers FILE; `pgwitness keygen` prints the line for it";
    let loaded = config::load_or(&place.config, hint);
    match loaded.doing(|| "find the allowed signers")?.report.allowed_signers {
        Some(file) => read_signers(&file),
        None => Err(Error::new("the configuration has no report.allowed_signers").hint(hint))
            .doing(|| "find the allowed signers"),
    }
}

/// Whether it is the path of a directory with reports in it, not of one report.
pub fn is_directory_of_reports(text: &str) -> bool {
    Path::new(text).is_dir() && !reports::is_report_directory(Path::new(text))
}

/// The report that the user means; a path needs no directory of reports.
pub fn find(text: &str, place: &PlaceArguments) -> Result<PathBuf> {
    if place.directory.is_none() && Path::new(text).exists() {
        return history::find(None, text);
    }
    history::find(Some(&directory(place)?), text)
}

fn part(choice: PartChoice) -> Part {
    match choice {
        PartChoice::Findings => Part::Findings,
        PartChoice::Tables => Part::Tables,
        PartChoice::Steps => Part::Steps,
        PartChoice::Waivers => Part::Waivers,
    }
}

/// The signer's name where none is given.
const DEFAULT_IDENTITY: &str = "pgwitness";

fn show_key(arguments: &KeygenArguments) -> Result<u8> {
    let key = reports::public_key_of(&arguments.file)?;
    let identity = arguments.identity.as_deref().unwrap_or(key.comment());
    let line = signature::allowed_signers_line(identity, &key);
    print_result(&line.map_err(|error| error.hint("--identity NAME"))?)?;
    Ok(0)
}

/// `pgwitness keygen`
pub fn keygen(arguments: &KeygenArguments) -> Result<u8> {
    if arguments.show {
        return show_key(arguments);
    }
    let kind = match arguments.kind {
        KeyTypeChoice::Ed25519 => KeyKind::Ed25519,
        KeyTypeChoice::Ecdsa => KeyKind::Ecdsa,
        KeyTypeChoice::Rsa => KeyKind::Rsa,
        KeyTypeChoice::Ed25519Sk => KeyKind::Ed25519Sk,
        KeyTypeChoice::EcdsaSk => KeyKind::EcdsaSk,
    };
    let identity = arguments.identity.as_deref().unwrap_or(DEFAULT_IDENTITY);
    let made = reports::keygen_of(kind, &arguments.file, identity)?;
    print_result(&format!(
        "private key: {}\npublic key:  {}\n\nFor the allowed_signers file of those who check reports:\n{}\n",
        made.private.display(),
        made.public.display(),
        made.allowed_signers_line.trim_end()
    ))?;
    Ok(0)
}
