//! Copies a section of `[[files]]` and proves the copy: the source is listed before, copied, and read again on both sides.
//!
//! What changed meanwhile is copied again, in a few rounds; what never stands still is unchecked.

mod found;
mod rounds;

use std::path::PathBuf;

use super::context::RunContext;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::compare::drift::has_shrunk_by_more;
use crate::compare::further::FurtherFindings;
use crate::compare::rows::Show;
use crate::config::FilesSettings;
use crate::model::aspect::Aspect;
use crate::model::files::{FILES, FilesFacts, FilesSnapshot, files_subject};
use crate::model::finding::{Finding, FindingKind, Unchecked, Waiver};
use crate::model::subject::Subject;
use crate::model::verdict::{Outcome, counted};
use crate::storage::files::{FilesSnapshots, FilesSource, ManifestSummary, PartialSnapshot, Rsync};
use found::Found;
use rounds::Rounds;

/// What the sections of a run have added to its verdict.
#[derive(Debug, Clone, Default)]
pub struct FilesResult {
    /// Findings, unchecked entries and remarks.
    pub further: FurtherFindings,
    /// Sections of which nothing was compared: no waiver covers that.
    pub uncopied: Vec<Unchecked>,
    /// A section was compared.
    pub is_compared: bool,
    /// A section was not compared.
    pub is_missing: bool,
}

impl FilesResult {
    /// Adds it to the outcome of the run.
    pub fn add_to(&self, outcome: &mut Outcome, waivers: &[Waiver]) {
        match (self.is_compared, self.is_missing) {
            (true, _) => outcome.scope.compared.push(Aspect::Files),
            (false, true) => outcome.scope.not_compared.push(Aspect::Files),
            (false, false) => return,
        }
        let is_wide = |waiver: &&Waiver| waiver.object.contains('*') && waiver.by.starts_with("file");
        let is_of_files = |waiver: &&Waiver| ["file_content", "file_mode"].contains(&waiver.kind.as_str());
        let mut further = self.further.clone();
        further.unchecked.extend(waivers.iter().filter(is_wide).filter(is_of_files).map(|waiver| {
            let object = Subject::new("waiver", format_args!("{} {}", waiver.kind, waiver.object));
            Unchecked::new(object, "both", "it would cover any damage of files: name one section, as in files media")
        }));
        let narrow: Vec<Waiver> = waivers.iter().filter(|waiver| !is_wide(waiver)).cloned().collect();
        further.add_to(outcome, &narrow);
        outcome.unchecked.extend(self.uncopied.iter().cloned());
    }

    /// A section that could not be copied.
    pub fn add_failure(&mut self, settings: &FilesSettings, error: &Error) -> FilesFacts {
        self.is_missing = true;
        let reason = error.text_with_hint().map(|text| format!("the copy failed: {text}"));
        self.uncopied.push(Unchecked::new(files_subject(&settings.name), "both", reason));
        FilesFacts { name: settings.name.clone(), source: settings.source(), snapshot: None }
    }
}

/// A section that is about to be copied.
pub struct FilesOrder<'a> {
    /// The section.
    pub settings: &'a FilesSettings,
    /// Its snapshots.
    pub snapshots: &'a FilesSnapshots,
    /// The name of the new one.
    pub id: &'a str,
    /// How names are shown.
    pub show: Show,
}

/// A complete snapshot.
pub struct CopiedFiles {
    /// For the report.
    pub facts: FilesFacts,
    /// What is wrong or unchecked.
    pub further: FurtherFindings,
    /// There is no file.
    pub nothing: Option<Unchecked>,
    /// For the step.
    pub notes: Vec<MarkedText>,
}

/// Copies a section within its time limit.
///
/// # Errors
/// The source cannot be reached or listed, or the snapshot not be written.
pub async fn copy(context: &RunContext<'_>, order: &FilesOrder<'_>) -> Result<CopiedFiles> {
    let limit = order.settings.timeout;
    match tokio::time::timeout(limit.duration(), copy_all(context, order)).await {
        Ok(copied) => copied,
        Err(_) => Err(Error::new(format!("it took longer than {limit} and was stopped")).hint("raise its timeout")),
    }
}

async fn copy_all(context: &RunContext<'_>, order: &FilesOrder<'_>) -> Result<CopiedFiles> {
    let source = FilesSource::configured(order.settings, context.environment)?;
    let rsync = Rsync::configured(order.settings, context.environment)?;
    source.probe().await?;
    let partial = order.snapshots.begin(order.id, &order.settings.source())?;
    let previous = order.snapshots.verified()?.pop();
    let mut rounds = Rounds::new(&source, &rsync, &partial, order.snapshots, previous.as_deref());
    let mut found = Found::new(order.show);
    rounds.run(&mut found).await?;
    let summary = rounds.write_manifest()?;
    let facts = facts(order, &summary, previous.as_deref(), &found);
    let mut further =
        found.findings(&order.settings.name, previous.as_ref().map(|id| order.snapshots.files(id)), &partial.files());
    further.findings.extend(shrunk(order, &summary, previous.as_deref())?);
    let notes = notes(&facts, &rounds.said);
    complete(partial)?;
    Ok(CopiedFiles { facts, further, nothing: nothing(order, &summary), notes })
}

fn complete(partial: PartialSnapshot) -> Result<()> {
    tokio::task::block_in_place(|| partial.complete())
}

fn facts(order: &FilesOrder<'_>, summary: &ManifestSummary, previous: Option<&str>, found: &Found) -> FilesFacts {
    let path = |id: &str| -> PathBuf { order.snapshots.path(id) };
    let snapshot = FilesSnapshot {
        path: path(order.id).display().to_string(),
        previous: previous.map(|id| path(id).display().to_string()),
        files: summary.files,
        directories: summary.directories,
        symlinks: summary.symlinks,
        bytes: summary.bytes,
        manifest_sha256: summary.sha256.clone(),
        copied_again: found.copied_again,
        appeared: found.appeared,
        vanished: found.vanished,
    };
    let settings = order.settings;
    FilesFacts { name: settings.name.clone(), source: settings.source(), snapshot: Some(snapshot) }
}

/// Comparing nothing is not sound: the directory of a disk that is not mounted is empty.
fn nothing(order: &FilesOrder<'_>, summary: &ManifestSummary) -> Option<Unchecked> {
    let reason = format!("{} holds no file: is its disk mounted?", order.settings.source());
    (summary.files == 0).then(|| Unchecked::new(files_subject(&order.settings.name), "both", reason))
}

fn shrunk(order: &FilesOrder<'_>, summary: &ManifestSummary, previous: Option<&str>) -> Result<Option<Finding>> {
    let (Some(percent), Some(previous)) = (order.settings.max_shrink_percent, previous) else { return Ok(None) };
    let before = tokio::task::block_in_place(|| order.snapshots.manifest(previous)?.count())?;
    if !has_shrunk_by_more(before, summary.files, percent) {
        return Ok(None);
    }
    let text = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "file");
    let finding = Finding::new(FindingKind::Drift, files_subject(&order.settings.name));
    let mut finding = finding.sides(text(before), text(summary.files));
    let lost = before - summary.files;
    let share = lost.saturating_mul(100) / before.max(1);
    finding.detail.push(format!("lost {} ({share} %); max_shrink_percent allows {percent} %", text(lost)));
    Ok(Some(finding))
}

fn notes(facts: &FilesFacts, said: &[String]) -> Vec<MarkedText> {
    let name = &facts.name;
    let mut notes: Vec<MarkedText> = vec![format!("{FILES} {name}: from {}", facts.source).into()];
    if let Some(snapshot) = &facts.snapshot {
        notes.push(format!("{FILES} {name}: {}", described(snapshot)).into());
    }
    // What rsync said holds names of files.
    notes.extend(said.iter().take(1).map(|line| {
        let full = format!("{FILES} {name}: rsync said: {line}");
        MarkedText::with_values(full, format!("{FILES} {name}: rsync could not copy everything"))
    }));
    notes
}

/// `1,203 files, 1.2 GB, 12 directories, 1 symbolic link; …`
fn described(snapshot: &FilesSnapshot) -> String {
    use crate::base::text::{bytes, grouped_noun};
    let mut parts = vec![grouped_noun(snapshot.files, "file"), bytes(snapshot.bytes)];
    let directories = snapshot.directories;
    parts.push(if directories == 1 { "1 directory".into() } else { format!("{directories} directories") });
    parts.push(grouped_noun(snapshot.symlinks, "symbolic link"));
    for (count, what) in [
        (snapshot.copied_again, "copied again, for they changed during the copy"),
        (snapshot.appeared, "made during the copy and not in it"),
        (snapshot.vanished, "removed during the copy"),
    ] {
        parts.extend((count > 0).then(|| format!("{count} {what}")));
    }
    parts.join(", ")
}
