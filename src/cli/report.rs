//! `pgwitness report` and `pgwitness keygen`.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{Format, KeygenArguments, ReportCommand};
use super::inputs;
use super::terminal::{Terminal, print_result};
use crate::error::{Context, Result};
use crate::render::{self, Heading};
use crate::report::{self, Report};
use crate::signers::AllowedSigners;
use crate::store::{self, Check};

/// One of the report commands. `show` gives the exit code of the verdict that it shows.
pub fn run(command: &ReportCommand) -> Result<u8> {
    match command {
        ReportCommand::Show { report, format, all_tables } => show(report, *format, *all_tables),
        ReportCommand::Verify { report, allowed_signers, identity } => {
            verify(report, allowed_signers, identity.as_deref())
        }
        ReportCommand::Schema => print_result(report::SCHEMA).map(|()| 0),
    }
}

fn show(path: &Path, format: Format, all_tables: bool) -> Result<u8> {
    let path = file_of(path);
    let doing = || format!("read report {}", path.display());
    let bytes = fs::read(&path).doing(doing)?;
    let report = Report::from_bytes(&bytes).doing(doing)?;
    let outcome = report.outcome();
    match format {
        Format::Json => print_result(&String::from_utf8_lossy(&bytes))?,
        Format::Table => {
            let heading = Heading::new(&report.endpoints.expected, &report.endpoints.actual);
            let style = Terminal::stdout().style(all_tables);
            print_result(&render::outcome(&heading, &outcome, style))?;
        }
    }
    Ok(outcome.verdict().exit_code())
}

fn verify(path: &Path, allowed_signers: &Path, identity: Option<&str>) -> Result<u8> {
    let text = fs::read_to_string(allowed_signers).map_err(crate::error::Error::from);
    let allowed = text.and_then(|text| AllowedSigners::parse(&text));
    let allowed = allowed.doing(|| format!("read allowed signers {}", allowed_signers.display()))?;
    let check = store::verify(path, &allowed, identity, inputs::now())?;
    let mut text = format!("{}: {check}\n", file_of(path).display());
    if let Check::Good(verified) = &check {
        text.push_str(&format!("it says: {}\n", verified.report.verdict_line));
    }
    print_result(&text)?;
    Ok(check.exit_code())
}

fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(store::REPORT) } else { path.to_owned() }
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
