//! Converts arguments, files, environment and clock into the library's input types.

use crate::config::Config;
use crate::model::progress::{Event, Listener};
use crate::nightly::RunContext;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::args::{
    ChecksArguments, CompareArguments, ConfigArguments, DigestChoice, KeyArguments, ReadingArguments,
    SelectionArguments,
};
use crate::base::error::{Context as _, Error, Result};
use crate::base::printable::printable;
use crate::base::secret;
use crate::base::shared_text::TextPool;
use crate::base::time::Timestamp;
use crate::endpoint::any::{Endpoint, OpenOptions};
use crate::endpoint::live::LiveOptions;
use crate::model::aspect::Aspect;
use crate::model::finding::Waiver;
use crate::model::redaction::Redaction;
use crate::model::selection::{Pattern, Selection};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::reports::{self, KeyFile};
use crate::storage::signature::{Attendance, SigningKey};
use crate::storage::user_files;

/// Reads an environment variable.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration file of a command without `--config`.
pub fn configuration_file() -> PathBuf {
    std::env::var_os(ConfigArguments::VARIABLE).unwrap_or_else(|| ConfigArguments::DEFAULT.into()).into()
}

/// The current time.
pub fn now() -> Timestamp {
    Timestamp::new(SystemTime::now())
}

/// Name of the machine.
pub fn host() -> String {
    whoami::hostname().unwrap_or_else(|_| "unknown host".into())
}

/// The patterns of the selection.
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

/// Default number of sessions: one for each processor, at most 8.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// Options for opening endpoints. `sides` are read at the same time and share the processors: measured on two processors, one
/// session per side is faster than two.
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
            digest_on: reading.digest_on.into(),
            texts: TextPool::default(),
        },
        pg_bindir: reading.pg_bindir.clone(),
        environment: &environment,
        taken_at: now.to_string(),
    }
}

/// Says so where `--digest-on` has nothing to apply to.
pub fn note_digest_on(reading: &ReadingArguments, endpoints: &[&Endpoint], listener: &Listener) {
    if reading.digest_on != DigestChoice::Client && !endpoints.iter().any(|endpoint| endpoint.is_live()) {
        listener(Event::Note(&"--digest-on has no effect: it is for live databases, and none is read".into()));
    }
}

/// The server that a connection string names. `what`: what only a server has.
pub fn live(endpoint: &str, what: &str) -> Result<ConnInfo> {
    if !ConnInfo::is_connection_string(endpoint) {
        let error = Error::new(format!("only a live database has {what}"));
        return Err(error.hint("name a database as postgresql://user@host/name or dbname=name"));
    }
    ConnInfo::resolve(endpoint, &environment)
}

/// The assertions of the directory, by name.
pub fn assertions(arguments: &ChecksArguments) -> Result<BTreeMap<String, String>> {
    arguments.checks.as_ref().map_or_else(|| Ok(BTreeMap::new()), |dir| user_files::assertions(dir))
}

/// Parses aspect names.
pub fn required(names: &[String]) -> Result<Vec<Aspect>> {
    let all = Aspect::ALL.map(Aspect::id).join(", ");
    let one = |name: &String| {
        Aspect::from_id(name)
            .ok_or_else(|| Error::new(format!("--require {name}: no such aspect")).hint(format!("one of {all}")))
    };
    names.iter().map(one).collect()
}

/// Waivers from the options and from the file.
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

/// Hides values when `is_on`.
pub fn redaction(is_on: bool) -> Result<Redaction> {
    if is_on { reports::process_salt().map(Redaction::on) } else { Ok(Redaction::OFF) }
}

/// The key that signs, if one is given.
pub fn key(arguments: &KeyArguments) -> Result<Option<KeyFile>> {
    let Some(path) = &arguments.key else { return Ok(None) };
    key_file(path, arguments.passphrase_file.as_ref()).map(Some)
}

/// The key of a person who is there: a security key, or one in an ssh-agent, will do.
pub fn signing_key(path: &Path, passphrase_file: Option<&PathBuf>) -> Result<SigningKey> {
    let has_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let attendance = if has_terminal { Attendance::Terminal } else { Attendance::Person };
    reports::read_key_of_person(&key_file(path, passphrase_file)?, attendance)
}

/// A key, with the passphrase from the first line of a file, or from the user at the terminal. Call it before the runtime starts:
/// Ctrl-C then ends the process.
pub fn key_file(path: &Path, passphrase_file: Option<&PathBuf>) -> Result<KeyFile> {
    let passphrase = match passphrase_file {
        Some(file) => Some(secret::of_path(file)?.reveal().to_owned()),
        None if io::stdin().is_terminal() && io::stderr().is_terminal() && reports::needs_passphrase(path) => {
            let asked =
                rpassword::prompt_password(format!("passphrase of {}: ", printable(&path.display().to_string())));
            Some(asked.doing(|| "read the passphrase from the terminal")?)
        }
        None => None,
    };
    Ok(KeyFile { path: path.to_owned(), passphrase })
}

/// The context for every command that uses the configuration.
pub fn context(config: &Config, listener: Listener) -> RunContext<'_> {
    RunContext {
        config,
        environment: &environment,
        now,
        listener,
        snapshot: None,
        processors: processors(),
        host: host(),
        pid: std::process::id(),
    }
}
