//! From arguments, files, environment and clock to what the library takes.

use crate::config::Config;
use crate::model::progress::Listener;
use crate::nightly::RunContext;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::args::{ChecksArguments, CompareArguments, KeyArguments, ReadingArguments, SelectionArguments};
use crate::base::error::{Error, Result};
use crate::base::secret;
use crate::base::time::Timestamp;
use crate::endpoint::any::OpenOptions;
use crate::endpoint::live::LiveOptions;
use crate::model::aspect::Aspect;
use crate::model::finding::Waiver;
use crate::model::redaction::Redaction;
use crate::model::selection::{Pattern, Selection};
use crate::storage::reports::KeyFile;
use crate::storage::user_files;

/// The environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The clock.
pub fn now() -> Timestamp {
    Timestamp::new(SystemTime::now())
}

/// Name of the machine.
pub fn host() -> String {
    whoami::hostname().unwrap_or_else(|_| "unknown host".into())
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

/// Sessions unless told otherwise: one for each processor, at most 8.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// How endpoints are opened. `sides` are read at the same time and share the processors: measured, one session a side is faster on two
/// processors than two.
pub fn open_options(
    reading: &ReadingArguments,
    checks: &ChecksArguments,
    now: Timestamp,
    sides: usize,
) -> OpenOptions<'static> {
    OpenOptions {
        live: LiveOptions {
            jobs: reading.jobs.map_or_else(|| (processors() / sides).max(1), usize::from),
            lock_timeout_s: reading.lock_timeout,
            assertion_timeout_s: checks.checks_timeout,
            stalled_after_s: reading.stalled_after,
            allow_user_functions: reading.allow_user_functions,
        },
        pg_bindir: reading.pg_bindir.clone(),
        environment: &environment,
        taken_at: now.to_string(),
    }
}

/// The user's own checks.
pub fn assertions(arguments: &ChecksArguments) -> Result<BTreeMap<String, String>> {
    arguments.checks.as_ref().map_or_else(|| Ok(BTreeMap::new()), |dir| user_files::assertions(dir))
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
    let given = options.iter().filter(|(is_given, ..)| *is_given);
    let mut waivers: Vec<Waiver> =
        given.flat_map(|(_, option, kinds)| kinds.iter().map(|kind| user_files::whole_kind(option, kind))).collect();
    if let Some(path) = &arguments.waivers {
        waivers.extend(user_files::waivers(path)?);
    }
    Ok(waivers)
}

/// Whether values may be shown.
pub fn redaction(is_on: bool) -> Result<Redaction> {
    if is_on { crate::storage::reports::process_salt().map(Redaction::on) } else { Ok(Redaction::OFF) }
}

/// The key that signs.
pub fn key(arguments: &KeyArguments) -> Result<Option<KeyFile>> {
    let Some(path) = &arguments.key else { return Ok(None) };
    key_file(path, arguments.passphrase_file.as_ref()).map(Some)
}

/// A key, and the passphrase in the first line of a file.
pub fn key_file(path: &Path, passphrase_file: Option<&PathBuf>) -> Result<KeyFile> {
    let passphrase = passphrase_file.map(|path| secret::of_path(path)).transpose()?;
    Ok(KeyFile { path: path.to_owned(), passphrase: passphrase.map(|secret| secret.reveal().to_owned()) })
}

/// The doors to the world, for every command that works by the configuration.
pub fn given(config: &Config, listener: Listener) -> RunContext<'_> {
    RunContext {
        config,
        environment: &environment,
        now: now,
        listener,
        snapshot: None,
        processors: processors(),
        host: host(),
        pid: std::process::id(),
    }
}
