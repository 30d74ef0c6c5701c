//! `pgwitness report verify`.

use std::path::{Path, PathBuf};

use super::super::args::{ConfigArguments, VerifyArguments};
use super::super::config;
use super::super::inputs;
use super::super::terminal::{Terminal, print_result};
use super::{Result, demand_signers, directory, find, is_directory_of_reports};
use crate::base::error::{Context, Error};
use crate::config::Span;
use crate::output::terminal;
use crate::storage::history::{self, ReportEntry, SignatureState, VerifiedExtent};
use crate::storage::reports::{TimestampRule, Trust};
use crate::storage::signers::AllowedSigners;
use crate::storage::timestamp::TimestampAuthorities;

/// What is verified.
enum VerifiedSubject {
    /// All reports in a directory.
    Directory(PathBuf),
    /// A `report.json`.
    Report(PathBuf),
}

pub fn run(arguments: &VerifyArguments) -> Result<u8> {
    let allowed = demand_signers(arguments.trust.allowed_signers.as_deref(), &arguments.place)?;
    let backups = backups(arguments)?;
    let subject = match arguments.report.as_deref() {
        None => VerifiedSubject::Directory(directory(&arguments.place)?),
        Some(text) if is_directory_of_reports(text) => VerifiedSubject::Directory(text.into()),
        Some(text) => VerifiedSubject::Report(find(text, &arguments.place)?),
    };
    let authorities = authorities(arguments)?;
    if arguments.require_timestamp && authorities.is_none() {
        let error = Error::new("--require-timestamp needs the certificates of the time stamping authority");
        return Err(error.hint("--timestamp-ca FILE, or report.timestamp_ca_file in the configuration"));
    }
    let timestamps = TimestampRule { trusted: authorities.as_ref(), is_required: arguments.require_timestamp };
    let extent = VerifiedExtent { back_from: None, backups: backups.as_deref(), timestamps };
    let report = match subject {
        VerifiedSubject::Directory(dir) => return all(arguments, &allowed, &dir, extent),
        VerifiedSubject::Report(report) => report,
    };
    if arguments.max_age.is_some() && !arguments.chain {
        return Err(Error::new("--max-age is for a directory of reports").hint("leave the report out, or add --chain"));
    }
    if arguments.chain {
        let (dir, id) = place(&report)?;
        return all(arguments, &allowed, &dir, VerifiedExtent { back_from: Some(&id), ..extent });
    }
    one(arguments, &allowed, &report, extent)
}

/// The certificates of time stamping authorities: as given; of the reports that the configuration names, also as it says.
fn authorities(arguments: &VerifyArguments) -> Result<Option<TimestampAuthorities>> {
    if !arguments.timestamp_ca.is_empty() {
        return TimestampAuthorities::read(&arguments.timestamp_ca).map(Some);
    }
    if arguments.place.directory.is_some() {
        return Ok(None);
    }
    let configured = match config::load_or(&arguments.place.config, "--timestamp-ca FILE") {
        Ok(configured) => configured,
        // Of the usual place: a time stamp is not checked without it, and the result says so.
        Err(_) if arguments.place.config.config == Path::new(ConfigArguments::DEFAULT) => return Ok(None),
        Err(error) => return Err(error),
    };
    configured.report.timestamp_ca_file.map(|file| TimestampAuthorities::read(&[file])).transpose()
}

/// Where the dumps are, if they are to be looked at.
fn backups(arguments: &VerifyArguments) -> Result<Option<PathBuf>> {
    match &arguments.backups {
        _ if !arguments.files => Ok(None),
        Some(dir) => Ok(Some(dir.clone())),
        None => {
            let loaded = config::load_or(&arguments.place.config, "--backups DIR says where the dumps are");
            loaded.map(|config| Some(config.dump.directory)).doing(|| "find the dumps")
        }
    }
}

/// The directory of reports that contains the report, and the name of the report in it.
fn place(report: &Path) -> Result<(PathBuf, String)> {
    let real = report.canonicalize()?;
    let own = real.parent();
    let id = own.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let dir = own.and_then(Path::parent).map(Path::to_owned);
    dir.zip(id).ok_or_else(|| Error::new(format!("{} is not in a directory of reports", report.display())))
}

fn one(arguments: &VerifyArguments, allowed: &AllowedSigners, report: &Path, extent: VerifiedExtent<'_>) -> Result<u8> {
    let trust = Trust { allowed, identity: arguments.trust.identity.as_deref(), now: inputs::now() };
    let check = history::verify_one(report, trust, extent)?;
    print_result(&terminal::report_checks(None, std::slice::from_ref(&check), Terminal::stdout().style(false)))?;
    Ok(check.code)
}

fn all(arguments: &VerifyArguments, allowed: &AllowedSigners, dir: &Path, extent: VerifiedExtent<'_>) -> Result<u8> {
    let trust = Trust { allowed, identity: arguments.trust.identity.as_deref(), now: inputs::now() };
    let proofs = history::verify_all(dir, trust, extent)?;
    if proofs.is_empty() {
        return Err(Error::new(format!("there is no report in {}", dir.display())));
    }
    let code = history::exit_code(&proofs);
    let (line, is_late) = newest(dir, trust, arguments.max_age)?;
    print_result(&terminal::report_checks(Some(&line), &proofs, Terminal::stdout().style(false)))?;
    // Damage takes precedence over what is not proven.
    Ok(if is_late && code == 0 { TOO_OLD } else { code })
}

/// Exit code: the newest report is older than `--max-age`.
const TOO_OLD: u8 = 2;

/// The time of the newest proven report, and whether it is too old. Removing reports at the end does not break the chain.
fn newest(dir: &Path, trust: Trust<'_>, max_age: Option<Span>) -> Result<(String, bool)> {
    let entries = history::read(dir, Some(trust.allowed), trust.now)?;
    let is_nightly = |run: &&ReportEntry| run.summary().is_some_and(|summary| summary.command == "nightly");
    let proven = entries.iter().filter(is_nightly).find(|run| matches!(run.signature, SignatureState::Good(_)));
    let Some(at) = proven.and_then(|run| run.started_at) else {
        return Ok(("newest nightly report: none that is proven".into(), max_age.is_some()));
    };
    let age_s = trust.now.seconds_since(at);
    let too_old = max_age.filter(|limit| age_s > limit.duration().as_secs());
    let words = too_old.map_or_else(String::new, |limit| format!(": older than {limit}"));
    Ok((format!("newest nightly report: {at}{words}"), too_old.is_some()))
}
