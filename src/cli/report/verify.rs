//! `pgwitness report verify`.

use std::path::{Path, PathBuf};

use super::super::args::VerifyArguments;
use super::super::inputs;
use super::super::terminal::print_result;
use super::{Result, read_signers};
use crate::error::Error;
use crate::nights::{self, Extent, Proof};
use crate::render::printable;
use crate::signers::AllowedSigners;
use crate::store::{self, Check, Trust};
use crate::verdict::counted;

pub fn run(arguments: &VerifyArguments) -> Result<u8> {
    let allowed = read_signers(&arguments.trust.allowed_signers)?;
    let given = Path::new(&arguments.report);
    if given.is_dir() && !store::is_report_directory(given) {
        return all(arguments, &allowed, given, None);
    }
    let report = nights::find(arguments.directory.as_deref(), &arguments.report)?;
    if arguments.chain {
        let (dir, id) = place(&report)?;
        return all(arguments, &allowed, &dir, Some(&id));
    }
    one(arguments, &allowed, &report)
}

/// The directory that a report is in with the others, and its name there.
fn place(report: &Path) -> Result<(PathBuf, String)> {
    let real = report.canonicalize()?;
    let own = real.parent();
    let id = own.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let dir = own.and_then(Path::parent).map(Path::to_owned);
    dir.zip(id).ok_or_else(|| Error::new(format!("{} is not in a directory of reports", report.display())))
}

fn one(arguments: &VerifyArguments, allowed: &AllowedSigners, report: &Path) -> Result<u8> {
    let check = store::verify(report, allowed, arguments.trust.identity.as_deref(), inputs::now())?;
    let path = printable(&report.display().to_string());
    let mut text = format!("{path}: {}\n", printable(&check.to_string()));
    let mut code = check.exit_code();
    if let Check::Good(verified) = &check {
        if let Some(backups) = &arguments.backups {
            let (dump_code, line) = nights::prove_dump(&verified.report, backups, true);
            text.push_str(&format!("{}\n", printable(&line)));
            code = dump_code;
        }
        text.push_str(&format!("it says: {}\n", printable(&verified.report.verdict_line)));
    }
    print_result(&text)?;
    Ok(code)
}

fn all(arguments: &VerifyArguments, allowed: &AllowedSigners, dir: &Path, back_from: Option<&str>) -> Result<u8> {
    let trust = Trust { allowed, identity: arguments.trust.identity.as_deref(), now: inputs::now() };
    let extent = Extent { back_from, backups: arguments.backups.as_deref() };
    let proofs = nights::verify_all(dir, trust, extent)?;
    if proofs.is_empty() {
        return Err(Error::new(format!("there is no report in {}", dir.display())));
    }
    let code = nights::exit_code(&proofs);
    print_result(&text(&proofs))?;
    Ok(code)
}

fn text(proofs: &[Proof]) -> String {
    let mut text = String::new();
    for proof in proofs {
        text.push_str(&format!("{}: {}\n", printable(&proof.id), printable(&proof.lines.join("; "))));
        if let Some(line) = &proof.verdict_line {
            text.push_str(&format!("  it says: {}\n", printable(line)));
        }
    }
    let wrong = proofs.iter().filter(|proof| proof.code != 0).count();
    let nights = counted(proofs.len(), "night");
    let closing = match wrong {
        0 => "all proven, the chain is whole".to_owned(),
        wrong => format!("{wrong} not proven or not whole"),
    };
    text + &format!("{nights}: {closing}\n")
}
