//! `pgwitness report summary`.

use std::path::Path;

use super::super::args::{Format, SummaryArguments};
use super::super::inputs;
use super::super::terminal::{Terminal, print_json, print_note, print_result};
use super::Result;
use super::list::time_of;
use super::places::{ReportPlace, places};
use crate::base::error::{Context, Error};
use crate::base::text::shell_word;
use crate::base::time::Timestamp;
use crate::config::Span;
use crate::model::period::{DirectoryEvidence, PeriodSummary, SummaryPeriod};
use crate::output::html::SummaryFile;
use crate::output::{site, terminal};
use crate::storage::history;
use crate::storage::reports;
use crate::storage::signature::{self, SUMMARY_NAMESPACE, SigningKey};

/// The shortest interval between two expected runs.
const MIN_EVERY_S: u64 = 3600;

pub fn run(arguments: &SummaryArguments) -> Result<u8> {
    let now = inputs::now();
    let period = period(arguments, now)?;
    let every_s = arguments.every.map(every).transpose()?;
    let key = signing_key(arguments)?;
    let places = places(&arguments.places, &arguments.reports, arguments.allowed_signers.as_deref())?;
    let evidence: Vec<DirectoryEvidence> = places.into_iter().map(|place| evidence(place, period, now)).collect();
    let summary = PeriodSummary::new(period, every_s, evidence, now);
    let bytes = bytes(&summary)?;
    let written = arguments.output.as_deref().map(|path| write(path, &bytes, key.as_ref())).transpose()?;
    if let Some(page) = &arguments.html {
        let file = written.as_ref().map(|written| SummaryFile {
            name: &written.name,
            sha256: &written.sha256,
            check: written.check.as_deref(),
        });
        site::period(&summary, file, page)?;
    }
    match arguments.format {
        Format::Table => print_result(&terminal::period(&summary, Terminal::stdout().style(true)))?,
        Format::Json => print_json(&String::from_utf8_lossy(&bytes))?,
    }
    if let Some(Written { check: Some(check), allowed_signers_line: Some(line), .. }) = &written {
        print_note(&format!("signed; the line for allowed_signers: {}", line.trim_end()));
        print_note(&format!("to check it: {check}"));
    }
    Ok(summary.answer.exit_code())
}

fn period(arguments: &SummaryArguments, now: Timestamp) -> Result<SummaryPeriod> {
    let until = arguments.until.as_deref().map(|text| time_of("--until", text, now)).transpose()?.unwrap_or(now);
    let since = time_of("--since", &arguments.since, now)?;
    if until > now {
        return Err(Error::new(format!("--until {until} is in the future: nothing can be proven of it")));
    }
    if since >= until {
        return Err(Error::new(format!("the period from {since} to {until} is empty")));
    }
    Ok(SummaryPeriod { since, until })
}

fn every(span: Span) -> Result<u64> {
    let every_s = span.duration().as_secs();
    if every_s < MIN_EVERY_S {
        return Err(Error::new(format!("--every {span}: runs are at least an hour apart")));
    }
    Ok(every_s)
}

/// Before anything is read: a key that cannot be used is an error at once.
fn signing_key(arguments: &SummaryArguments) -> Result<Option<SigningKey>> {
    let Some(key) = &arguments.key else { return Ok(None) };
    inputs::signing_key(key, arguments.passphrase_file.as_ref()).map(Some)
}

/// Without a list of allowed signers nothing is proven.
fn evidence(place: ReportPlace, period: SummaryPeriod, now: Timestamp) -> DirectoryEvidence {
    let unknown = || {
        let error = Error::new("without a list of allowed signers nothing is proven");
        error.hint("--allowed-signers FILE; `pgwitness keygen` prints the line for it")
    };
    let allowed = place.allowed.and_then(|allowed| allowed.ok_or_else(unknown));
    allowed.and_then(|allowed| history::evidence(&place.path, &allowed, period, now)).unwrap_or_else(|error| {
        DirectoryEvidence {
            path: place.path.display().to_string(),
            error: Some(error.text_with_hint().safe().to_owned()),
            ..Default::default()
        }
    })
}

fn bytes(summary: &PeriodSummary) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(summary).map_err(|error| Error::from_source(&error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The file that was written.
struct Written {
    name: String,
    sha256: String,
    /// The command that checks the signature.
    check: Option<String>,
    allowed_signers_line: Option<String>,
}

fn write(path: &Path, bytes: &[u8], key: Option<&SigningKey>) -> Result<Written> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::new(format!("{} is not a file name", path.display())))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let doing = || format!("write {}", path.display());
    let mut written =
        Written { name: name.to_owned(), sha256: reports::sha256(bytes), check: None, allowed_signers_line: None };
    let signature = format!("{name}.sig");
    if let Some(key) = key {
        let identity = signature::identity(key);
        let armored = signature::sign_for(SUMMARY_NAMESPACE, key, bytes).doing(|| "sign the summary")?;
        written.allowed_signers_line =
            Some(signature::allowed_signers_line_for(SUMMARY_NAMESPACE, identity, key.public_key())?);
        let (file, sig) = (shell_word(name), shell_word(&signature));
        written.check = Some(format!(
            "ssh-keygen -Y verify -f allowed_signers -I {identity} -n {SUMMARY_NAMESPACE} -s {sig} < {file}"
        ));
        // The signature first: a summary is never there with a signature of an earlier one.
        reports::write_file(dir, &signature, |file| file.write_all(armored.as_bytes())).doing(doing)?;
    } else if dir.join(&signature).exists() {
        let error = Error::new(format!("{signature} is there, the signature of an earlier summary"));
        return Err(error.hint("remove it, or sign this one with --key FILE").context(doing()));
    }
    reports::write_file(dir, name, |file| file.write_all(bytes)).doing(doing)?;
    Ok(written)
}
