//! `pgwitness report diff`.

use std::path::Path;

use serde::Serialize;

use super::super::args::{DiffArguments, Format, SideChoice};
use super::super::inputs;
use super::super::terminal::{Terminal, print_json, print_result};
use super::{Result, find, read_signers};
use crate::base::error::{Context, Error};
use crate::base::files;
use crate::base::printable::printable;
use crate::base::text;
use crate::compare::drift::{self, Change, Drift};
use crate::model::manifest::Manifest;
use crate::model::report::Report;
use crate::output::terminal::{self};
use crate::storage::reports::{self, SignatureCheck};
use crate::storage::signers::AllowedSigners;

pub fn run(arguments: &DiffArguments) -> Result<u8> {
    let allowed = arguments.allowed_signers.as_deref().map(read_signers).transpose()?;
    let load = |text: &str| DiffSide::load(text, arguments, allowed.as_ref());
    let (before, after) = (load(&arguments.before)?, load(&arguments.after)?);
    let mut drift = drift::between(&before.manifest, &after.manifest);
    drift.settings.extend(tools(&before.report, &after.report));
    match arguments.format {
        Format::Table => {
            let style = Terminal::stdout().style(true);
            let side = |label: &str, run: &DiffSide| {
                let lines = text::wrap(&run.line(), style.width.saturating_sub(8).max(20));
                format!("{}  {}\n", style.dim(label), lines.join("\n        "))
            };
            let head = side("before", &before) + &side("after ", &after);
            print_result(&format!("{head}\n{}", terminal::drift(&drift, style)))?;
        }
        Format::Json => print_json(&json(&before, &after, &drift)?)?,
    }
    Ok(drift.exit_code())
}

/// One of the two runs.
struct DiffSide {
    id: String,
    report: Report,
    manifest: Manifest,
    is_proven: bool,
}

impl DiffSide {
    fn load(text: &str, arguments: &DiffArguments, allowed: Option<&AllowedSigners>) -> Result<Self> {
        let path = find(text, &arguments.place)?;
        let report = match allowed {
            Some(allowed) => match reports::verify(&path, allowed, None, inputs::now())? {
                SignatureCheck::Good(verified) => verified.report,
                check => return Err(Error::new(check.to_string()).context(format!("verify {}", path.display()))),
            },
            None => read(&path)?,
        };
        let id = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let manifest = manifest(&path, &report, arguments.side)?;
        Ok(Self { id: id.unwrap_or_else(|| text.to_owned()), report, manifest, is_proven: allowed.is_some() })
    }

    fn line(&self) -> String {
        let proven = if self.is_proven { "" } else { ", signature not checked" };
        let started_at = self.report.times.started_at;
        printable(&format!("{} ({started_at}{proven}): {}", self.id, self.report.verdict_line))
    }
}

fn read(path: &Path) -> Result<Report> {
    let bytes = files::read(path, files::REPORT).map_err(Error::from);
    bytes.and_then(|bytes| Report::from_bytes(&bytes)).doing(|| format!("read report {}", path.display()))
}

/// The manifest of a side; its hash must match the report.
fn manifest(path: &Path, report: &Report, side: SideChoice) -> Result<Manifest> {
    let name = match side {
        SideChoice::Expected => reports::EXPECTED,
        SideChoice::Actual => reports::ACTUAL,
    };
    let listed = report.side_files.iter().find(|file| file.name == name);
    let gone = || Error::new(format!("it has no {name}")).context(format!("read report {}", path.display()));
    if let Some(change) = reports::change(path, listed.ok_or_else(gone)?) {
        return Err(Error::new(change).context(format!("read what {} was saved with", path.display())));
    }
    reports::load_manifest(&path.with_file_name(name))
}

fn tools(before: &Report, after: &Report) -> Vec<Change> {
    let versions = |report: &Report| {
        let facts = report.night.as_ref();
        let pg_dump = facts.and_then(|facts| facts.dump.as_ref()).map(|dump| dump.pg_dump.clone());
        let pg_restore = facts.and_then(|facts| facts.restore.as_ref()).map(|copy| copy.pg_restore.clone());
        let pg_restore = pg_restore.or_else(|| report.tools.pg_restore.clone());
        [("pgwitness", Some(report.tools.pgwitness.clone())), ("pg_dump", pg_dump), ("pg_restore", pg_restore)]
    };
    let both = versions(before).into_iter().zip(versions(after));
    let changed = both.filter(|((_, before), (_, after))| before != after);
    changed.map(|((name, before), (_, after))| Change { name: format!("version of {name}"), before, after }).collect()
}

#[derive(Serialize)]
struct Json<'a> {
    format: u32,
    before: &'a str,
    after: &'a str,
    is_proven: bool,
    #[serde(flatten)]
    drift: &'a Drift,
}

fn json(before: &DiffSide, after: &DiffSide, drift: &Drift) -> Result<String> {
    let json = Json { format: 1, before: &before.id, after: &after.id, is_proven: before.is_proven, drift };
    let text = serde_json::to_string_pretty(&json).map_err(|error| Error::from_source(&error))?;
    Ok(text + "\n")
}
