//! From arguments, files, environment and clock to what the library takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::args::{ChecksArguments, CompareArguments, KeyArguments, ReadingArguments, SelectionArguments};
use crate::aspect::Aspect;
use crate::endpoint::OpenOptions;
use crate::error::{Context, Error, Result};
use crate::finding::{FindingKind, Waiver};
use crate::live::LiveOptions;
use crate::pattern::{Pattern, Selection};
use crate::questions;
use crate::store::KeyFile;
use crate::time::Timestamp;

/// The environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The clock.
pub fn now() -> Timestamp {
    Timestamp::new(SystemTime::now())
}

/// Patterns.
pub fn selection(arguments: &SelectionArguments) -> Result<Selection> {
    let all = |texts: &[String], one: fn(&str) -> Result<Pattern>| {
        texts.iter().map(|text| one(text)).collect::<Result<Vec<_>>>()
    };
    Ok(Selection {
        schemas: all(&arguments.schema, Pattern::schema)?,
        exclude_schemas: all(&arguments.exclude_schema, Pattern::schema)?,
        tables: all(&arguments.table, Pattern::table)?,
        exclude_tables: all(&arguments.exclude_table, Pattern::table)?,
        exclude_table_data: all(&arguments.exclude_table_data, Pattern::table)?,
    })
}

/// Sessions for each side unless told otherwise: one for each processor, at most 8.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// How endpoints are opened.
pub fn open_options(reading: &ReadingArguments, checks: &ChecksArguments, now: Timestamp) -> OpenOptions<'static> {
    OpenOptions {
        live: LiveOptions {
            jobs: reading.jobs.map_or_else(processors, usize::from),
            lock_timeout_s: reading.lock_timeout,
            assertion_timeout_s: checks.checks_timeout,
        },
        pg_bindir: reading.pg_bindir.clone(),
        environment: &environment,
        taken_at: now.to_string(),
    }
}

/// Every `*.sql` of a directory, by stem.
///
/// # Errors
/// When the directory cannot be read, or holds no check: a wrong path must not look like checks that hold.
pub fn assertions(arguments: &ChecksArguments) -> Result<BTreeMap<String, String>> {
    let Some(dir) = &arguments.checks else { return Ok(BTreeMap::new()) };
    let checks = read_checks(dir).doing(|| format!("read checks in {}", dir.display()))?;
    if checks.is_empty() {
        return Err(
            Error::new(format!("there is no *.sql in {}", dir.display())).hint("one query a file; see --checks")
        );
    }
    Ok(checks)
}

fn read_checks(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut checks = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let sql = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
            checks.insert(name, sql.trim().trim_end_matches(';').to_owned());
        }
    }
    Ok(checks)
}

/// Aspects by name.
pub fn required(names: &[String]) -> Result<Vec<Aspect>> {
    let all = Aspect::ALL.map(Aspect::id).join(", ");
    let one = |name: &String| {
        Aspect::from_id(name)
            .ok_or_else(|| Error::new(format!("--require {name}: no such aspect")).hint(format!("one of {all}")))
    };
    names.iter().map(one).collect()
}

/// Waivers of the options and of the file.
pub fn waivers(arguments: &CompareArguments) -> Result<Vec<Waiver>> {
    let options = [
        (arguments.no_owner, "--no-owner", &["owner"][..]),
        (arguments.no_privileges, "--no-privileges", &["privilege", "default_privilege"]),
        (arguments.no_comments, "--no-comments", &["comment"]),
    ];
    let of_option = |option: &str, kind: &&str| Waiver {
        kind: (*kind).to_owned(),
        object: "*".into(),
        reason: option.to_owned(),
        by: "option".into(),
    };
    let given = options.iter().filter(|(is_given, ..)| *is_given);
    let mut waivers: Vec<Waiver> =
        given.flat_map(|(_, option, kinds)| kinds.iter().map(|kind| of_option(option, kind))).collect();
    if let Some(path) = &arguments.waivers {
        waivers.extend(read_waivers(path).doing(|| format!("read waivers {}", path.display()))?);
    }
    Ok(waivers)
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
    let file: WaiverFile = toml::from_str(&fs::read_to_string(path)?).map_err(|error| {
        Error::new(error.to_string().trim_end().to_owned())
            .hint("[[waiver]] with kind = \"missing\", object = \"index shop.orders_idx\", reason = \"…\"")
    })?;
    let by = format!("file {}", path.display());
    file.waiver.into_iter().map(|entry| check_waiver(entry, &by)).collect()
}

/// A waiver that can never match, or that gives no reason, is a mistake.
fn check_waiver(entry: WaiverEntry, by: &str) -> Result<Waiver> {
    if entry.reason.trim().is_empty() {
        return Err(Error::new(format!("waiver for {}: the reason is empty", entry.object)));
    }
    let is_finding = FindingKind::ALL.iter().any(|kind| kind.id() == entry.kind);
    let is_object = questions::CATALOG.iter().any(|question| question.kind == entry.kind);
    if !is_finding && !is_object && entry.kind != "unchecked" {
        let kinds = FindingKind::ALL.map(FindingKind::id).join(", ");
        return Err(Error::new(format!("waiver for {}: there is no kind {:?}", entry.object, entry.kind))
            .hint(format!("a kind of finding ({kinds}), unchecked, or a kind of object such as index")));
    }
    // A kind of schema object may be left out as a whole, as --no-owner does; damage, and what holds data, may not.
    let may_be_all = is_object && !["schema", "table", "column", "sequence"].contains(&entry.kind.as_str());
    if !may_be_all && entry.object.chars().all(|letter| letter == '*' || letter.is_whitespace()) {
        return Err(Error::new(format!("waiver for every {}: it would cover any damage", entry.kind))
            .hint("name the object; a * may stand for a part of its name"));
    }
    Ok(Waiver { kind: entry.kind, object: entry.object, reason: entry.reason, by: by.to_owned() })
}

/// The key that signs.
pub fn key(arguments: &KeyArguments) -> Result<Option<KeyFile>> {
    let Some(path) = &arguments.key else { return Ok(None) };
    let passphrase = arguments.passphrase_file.as_ref().map(read_first_line).transpose()?;
    Ok(Some(KeyFile { path: path.clone(), passphrase }))
}

fn read_first_line(path: &PathBuf) -> Result<String> {
    let text = fs::read_to_string(path).doing(|| format!("read passphrase {}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
