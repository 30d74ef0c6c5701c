//! Files that the user writes for a comparison: checks, waivers and allowed signers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::marked::MarkedText;
use crate::model::catalog;
use crate::model::finding::{FindingKind, Waiver};
use crate::storage::signers::{AllowedSigners, LISTED_BY};

/// Every `*.sql` of a directory, by stem.
///
/// # Errors
/// When the directory cannot be read or has no check: a wrong path must not look like checks that hold.
pub fn assertions(dir: &Path) -> Result<BTreeMap<String, String>> {
    let checks = read_checks(dir).doing(|| format!("read checks in {}", dir.display()))?;
    if checks.is_empty() {
        return Err(
            Error::new(format!("there is no *.sql in {}", dir.display())).hint("one query a file; see --checks")
        );
    }
    Ok(checks)
}

/// The signers whose signature counts.
///
/// # Errors
/// When the file cannot be read, or a line cannot be parsed.
pub fn allowed_signers(path: &Path) -> Result<AllowedSigners> {
    let text = allowed_signers_text(path)?;
    AllowedSigners::parse(&text).doing(|| format!("read allowed signers {}", path.display()))
}

/// The text of such a file, to be read together with other lines.
///
/// # Errors
/// When the file cannot be read.
pub fn allowed_signers_text(path: &Path) -> Result<String> {
    let text = files::read_text(path, files::BY_HAND).map_err(|error| {
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        let error = Error::from(error);
        if is_absent { error.hint(LISTED_BY) } else { error }
    });
    text.doing(|| format!("read allowed signers {}", path.display()))
}

fn read_checks(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut checks = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(name) = check_name(&path)? {
            let sql = files::read_text(&path, files::BY_HAND).doing(|| format!("read {}", path.display()))?;
            checks.insert(name, sql.trim().trim_end_matches(';').to_owned());
        }
    }
    Ok(checks)
}

/// The stem of a check; `None` for a file that is not one. A file that could be meant as one but is not read is an error.
fn check_name(path: &Path) -> Result<Option<String>> {
    let shown = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_sql = shown.to_ascii_lowercase().ends_with(".sql");
    if path.is_dir() && !shown.starts_with('.') {
        return Err(Error::new(format!("{shown} is a directory, and checks are not read from directories in it"))
            .hint("move it away, or run the comparison with it as --checks"));
    }
    if !is_sql {
        return Ok(None);
    }
    match path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sql")) {
        Some(stem) if !stem.is_empty() => Ok(Some(stem.to_owned())),
        _ => Err(Error::new(format!("{shown} is not read: the name of a check is UTF-8 and ends in .sql"))
            .hint("rename it, for instance to balance_is_positive.sql")),
    }
}

/// A waiver for all objects of a kind, because of an option.
pub fn whole_kind(option: &str, kind: &str) -> Waiver {
    Waiver { kind: kind.to_owned(), object: "*".into(), reason: option.to_owned(), by: "option".into() }
}

/// A TOML file of `[[waiver]]` with kind, object and reason.
///
/// # Errors
/// When it cannot be read, or a waiver could never match, covers everything, or gives no reason.
pub fn waivers(path: &Path) -> Result<Vec<Waiver>> {
    read_waivers(path).doing(|| format!("read waivers {}", path.display()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    waiver: Vec<WaiverEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverEntry {
    kind: String,
    object: String,
    reason: String,
}

fn read_waivers(path: &Path) -> Result<Vec<Waiver>> {
    let text = files::read_text(path, files::BY_HAND)?;
    let file: WaiverFile = toml::from_str(&text).map_err(|error| {
        // It quotes a line, which may name a value.
        let lines = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        let safe = format!("not the TOML that it must be, line {}", lines + 1);
        Error::new(MarkedText::with_values(error.to_string().trim_end(), safe))
            .hint("[[waiver]] with kind = \"missing\", object = \"index shop.orders_idx\", reason = \"…\"")
    })?;
    let by = format!("file {}", path.display());
    file.waiver.into_iter().map(|entry| check_waiver(entry, &by)).collect()
}

/// Refuses a waiver that can never match or that has no reason.
fn check_waiver(entry: WaiverEntry, by: &str) -> Result<Waiver> {
    if entry.reason.trim().is_empty() {
        return Err(Error::new(format!("waiver for {}: the reason is empty", entry.object)));
    }
    let is_finding = FindingKind::ALL.iter().any(|kind| kind.id() == entry.kind);
    let is_object = catalog::CATALOG.iter().any(|question| question.kind == entry.kind);
    if !is_finding && !is_object && entry.kind != "unchecked" {
        let kinds = FindingKind::ALL.map(FindingKind::id).join(", ");
        return Err(Error::new(format!("waiver for {}: there is no kind {:?}", entry.object, entry.kind))
            .hint(format!("a kind of finding ({kinds}), unchecked, or a kind of object such as index")));
    }
    // A whole kind of schema objects may be waived, as --no-owner does, but not findings about data or kinds that hold data.
    let may_be_all = is_object && !["schema", "table", "column", "sequence"].contains(&entry.kind.as_str());
    if !may_be_all && !entry.object.chars().any(char::is_alphanumeric) {
        return Err(Error::new(format!("waiver for every {}: it would cover any damage", entry.kind))
            .hint("name the object; a * may stand for a part of its name"));
    }
    Ok(Waiver { kind: entry.kind, object: entry.object, reason: entry.reason, by: by.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_waiver_file_may_name_a_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("waivers.toml");
        fs::write(&path, "[[waiver]]\nkind = \"missing\"\nobject = canary\n").unwrap();
        let text = waivers(&path).unwrap_err().text();
        assert!(text.full().contains("object = canary"), "{text:?}");
        assert!(text.safe().ends_with("waivers.toml: not the TOML that it must be, line 3"), "{text:?}");
    }
}
