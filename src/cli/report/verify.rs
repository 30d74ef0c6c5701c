//! `pgwitness report verify`.

use std::path::{Path, PathBuf};

use super::super::args::VerifyArguments;
use super::super::config;
use super::super::inputs;
use super::super::terminal::{Terminal, print_result};
use super::{Result, demand_signers, directory, find, is_directory_of_reports};
use crate::base::error::{Context, Error};
use crate::base::printable::printable;
use crate::base::text::wrap;
use crate::config::Span;
use crate::model::verdict::counted;
use crate::output::terminal::Style;
use crate::storage::history::{self, ReportCheck, ReportEntry, SignatureState, VerifiedExtent};
use crate::storage::reports::{self, SignatureCheck, Trust};
use crate::storage::signers::AllowedSigners;

pub fn run(arguments: &VerifyArguments) -> Result<u8> {
    let allowed = demand_signers(arguments.trust.allowed_signers.as_deref(), &arguments.place)?;
    let backups = backups(arguments)?;
    let text = match arguments.report.as_deref() {
        None => return whole(arguments, &allowed, &directory(&arguments.place)?, backups.as_deref()),
        Some(text) if is_directory_of_reports(text) => {
            return whole(arguments, &allowed, Path::new(text), backups.as_deref());
        }
        Some(text) => text,
    };
    let report = find(text, &arguments.place)?;
    if arguments.max_age.is_some() && !arguments.chain {
        return Err(Error::new("--max-age is for a directory of reports").hint("leave the report out, or add --chain"));
    }
    if arguments.chain {
        let (dir, id) = place(&report)?;
        let extent = VerifiedExtent { back_from: Some(&id), backups: backups.as_deref() };
        return all(arguments, &allowed, &dir, extent);
    }
    one(arguments, &allowed, &report, backups.as_deref())
}

fn whole(arguments: &VerifyArguments, allowed: &AllowedSigners, dir: &Path, backups: Option<&Path>) -> Result<u8> {
    all(arguments, allowed, dir, VerifiedExtent { back_from: None, backups })
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

fn one(arguments: &VerifyArguments, allowed: &AllowedSigners, report: &Path, backups: Option<&Path>) -> Result<u8> {
    let now = inputs::now();
    let check = reports::verify(report, allowed, arguments.trust.identity.as_deref(), now)?;
    let path = printable(&report.display().to_string());
    let mut text = format!("{path}: {}\n", printable(&check.to_string()));
    let mut code = check.exit_code();
    if let SignatureCheck::Good(verified) = &check {
        let is_pending = history::is_pending(report, now);
        let (aftermath_code, line) = history::verify_closing(&verified.closing_state.clone().if_running(is_pending));
        line.iter().for_each(|line| text.push_str(&format!("{}\n", printable(line))));
        code = aftermath_code;
        if let Some(backups) = backups {
            let (dump_code, line) = history::prove_dump(&verified.report, backups, true);
            text.push_str(&format!("{}\n", printable(&line)));
            // Damage takes precedence over what is not proven.
            code = if dump_code == 1 { dump_code } else { code.max(dump_code) };
        }
        text.push_str(&format!("it says: {}\n", printable(&verified.report.verdict_line)));
        for wrong in verified.closing_state.later_failures(verified.report.verdict.exit_code()) {
            text.push_str(&format!("after it: {}\n", printable(&wrong)));
        }
    }
    print_result(&text)?;
    Ok(code)
}

fn all(arguments: &VerifyArguments, allowed: &AllowedSigners, dir: &Path, extent: VerifiedExtent<'_>) -> Result<u8> {
    let trust = Trust { allowed, identity: arguments.trust.identity.as_deref(), now: inputs::now() };
    let proofs = history::verify_all(dir, trust, extent)?;
    if proofs.is_empty() {
        return Err(Error::new(format!("there is no report in {}", dir.display())));
    }
    let code = history::exit_code(&proofs);
    let (line, is_late) = newest(dir, trust, arguments.max_age)?;
    print_result(&(line + &text(&proofs, Terminal::stdout().style(false))))?;
    // Damage takes precedence over what is not proven.
    Ok(if is_late && code == 0 { TOO_OLD } else { code })
}

/// Exit code: the newest report is older than `--max-age`.
const TOO_OLD: u8 = 2;

/// The time of the newest proven report, and whether it is too old. Removing reports at the end does not break the chain.
fn newest(dir: &Path, trust: Trust<'_>, max_age: Option<Span>) -> Result<(String, bool)> {
    let entries = history::read(dir, Some(trust.allowed), trust.now)?;
    let is_night = |night: &&ReportEntry| night.summary().is_some_and(|summary| summary.command == "nightly");
    let proven = entries.iter().filter(is_night).find(|night| matches!(night.signature, SignatureState::Good(_)));
    let Some(at) = proven.and_then(|night| night.started_at) else {
        return Ok(("newest nightly report: none that is proven\n".into(), max_age.is_some()));
    };
    let age_s = trust.now.seconds_since(at);
    let too_old = max_age.filter(|limit| age_s > limit.duration().as_secs());
    let words = too_old.map_or_else(String::new, |limit| format!(": older than {limit}"));
    Ok((format!("newest nightly report: {at}{words}\n"), too_old.is_some()))
}

fn text(proofs: &[ReportCheck], style: Style) -> String {
    let mut text = String::new();
    for proof in proofs {
        let line = format!("{}: {}", printable(&proof.id), printable(&proof.lines.join("; ")));
        text.push_str(&wrapped(&line, style, color(proof)));
        if let Some(line) = &proof.verdict_line {
            text.push_str(&wrapped(&format!("  it says: {}", printable(line)), style, |_, line| line.to_owned()));
        }
        for wrong in &proof.later_failures {
            text.push_str(&wrapped(&format!("  after it: {}", printable(wrong)), style, Style::yellow));
        }
    }
    let wrong = proofs.iter().filter(|proof| proof.code != 0 && !proof.is_pending).count();
    let runs = counted(proofs.len(), "run");
    let closing = match (wrong, proofs.iter().filter(|proof| proof.is_pending).count()) {
        (0, 0) => "all proven, the chain is whole".to_owned(),
        (0, pending) => format!("not all can be proven yet: {pending} is not finished, or was killed"),
        (wrong, _) => format!("{wrong} not proven or not whole"),
    };
    let after = match proofs.iter().filter(|proof| !proof.later_failures.is_empty()).count() {
        0 => String::new(),
        count => format!("; {count} with a problem after the report"),
    };
    text + &format!("{runs}: {closing}{after}\n")
}

fn color(proof: &ReportCheck) -> fn(Style, &str) -> String {
    match proof.code {
        0 => Style::green,
        _ if proof.is_pending => Style::yellow,
        _ => Style::red,
    }
}

fn wrapped(text: &str, style: Style, paint: fn(Style, &str) -> String) -> String {
    let words = text.trim_start_matches(' ');
    let indent = &text[..text.len() - words.len()];
    let lines = wrap(words, style.width.saturating_sub(4).max(20));
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| format!("{}{}\n", if i == 0 { indent } else { "    " }, paint(style, line)))
        .collect()
}
