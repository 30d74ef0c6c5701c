//! Checks on this machine before a run, at no cost: files, directories, programs, secrets.
//!
//! Leaves nothing on disk. A check that cannot be made fails. AWS and the servers are checked elsewhere.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::base::error::{Context, Error, Result};
use crate::base::secret;
use crate::base::text::bytes;
use crate::base::time::Timestamp;
use crate::base::tls;
use crate::config::{Config, Metrics, Source};
use crate::nightly::dumping;
use crate::output::metrics_file;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::conninfo::ServerLogin;
use crate::postgres::tools::{CLIENT, PgTools};
use crate::storage::reports::{self, KeyFile};
use crate::storage::user_files;

/// From this version on, pg_dump accepts compression methods by name.
const NAMED_COMPRESSION: u32 = 16;

/// Hint for a missing directory.
const MADE_BY_INIT: &str = "`pgwitness init` makes it, for the user that runs it";

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The configuration key, or the programs, for instance `report.key`.
    pub name: String,
    /// What was found, in a few words; or why a run would fail.
    pub result: Result<String>,
}

/// Input of the checks besides files.
pub struct World<'a> {
    /// Environment variables.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Current time, for certificates.
    pub now: Timestamp,
}

/// All checks that need no connection, in the order of the configuration file.
pub async fn local(config: &Config, world: &World<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name: &str, result: Result<String>| checks.push(Check { name: name.to_owned(), result });
    match &config.source {
        Source::Rds(source) => {
            add("source.temporary.ca_bundle", ca_bundle(&source.temporary.ca_bundle, world.now));
        }
        Source::Postgres(source) => add("source.url", connection(&source.login(), world).await),
    }
    add(
        "dump.directory",
        directory(
            &config.dump.directory,
            "is the backup disk mounted? A new directory is made and marked once, by `pgwitness init`",
        ),
    );
    add("pg_dump, pg_restore", programs(config, world));
    add("restore.url", connection(&config.restore.login(), world).await);
    if let Some(dir) = &config.verify.checks {
        add("verify.checks", user_files::assertions(dir).map(|checks| counted(checks.len(), "check")));
    }
    if let Some(file) = &config.verify.waivers {
        add("verify.waivers", user_files::waivers(file).map(|waivers| counted(waivers.len(), "waiver")));
    }
    add("report.directory", directory(&config.report.directory, MADE_BY_INIT));
    add("report.key", key(config, world).await);
    for (name, command) in
        [("hooks.after_restore", &config.hooks.after_restore), ("hooks.after_verified", &config.hooks.after_verified)]
    {
        if let Some(program) = command.first() {
            add(name, program_in(program, (world.environment)("PATH").as_deref()));
        }
    }
    add("state.directory", directory(&config.state.directory, MADE_BY_INIT));
    checks
}

/// What a run reads and writes after its verdict. A failure here turns exit code 0 into 3.
pub fn telling(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(file) = &config.report.allowed_signers {
        let result = user_files::allowed_signers(file).map(|_| file.display().to_string());
        checks.push(Check { name: "report.allowed_signers".into(), result });
    }
    let metrics = config.metrics.iter();
    checks.extend(metrics.map(|metrics| Check { name: "metrics.textfile".into(), result: figures(metrics) }));
    checks
}

fn figures(metrics: &Metrics) -> Result<String> {
    let path = &metrics.textfile;
    directory(path.parent().unwrap_or(Path::new("/")), metrics_file::WHEN_ABSENT)?;
    metrics_file::check_ours(path, &metrics.labels)?;
    Ok(path.display().to_string())
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Lists the root certificates, and requires one that is valid.
fn ca_bundle(path: &Path, now: Timestamp) -> Result<String> {
    let hint = "fetch https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";
    let found = tls::certificates(path).map_err(|error| error.hint(hint))?;
    let ends: Vec<Timestamp> =
        found.iter().filter_map(|der| Certificate::from_der(der).ok()).map(|one| end_of(&one)).collect();
    let (Some(first), Some(last)) = (ends.iter().min(), ends.iter().max()) else {
        return Err(Error::new("no certificate in it can be read").context(format!("read {}", path.display())));
    };
    if *last <= now {
        return Err(Error::new(format!("all certificates have expired, the last at {last}")).hint(hint));
    }
    let expired = ends.iter().filter(|end| **end <= now).count();
    let expiry = if expired == 0 {
        format!("none expires before {first}")
    } else {
        format!("{expired} expired, the last good until {last}")
    };
    Ok(format!("{}, {expiry}", counted(ends.len(), "certificate")))
}

fn end_of(certificate: &Certificate) -> Timestamp {
    let since = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::new(SystemTime::UNIX_EPOCH + since)
}

/// An unnamed temporary file shows that the directory is writable, and leaves nothing.
fn directory(path: &Path, when_absent: &str) -> Result<String> {
    let doing = || format!("write into {}", path.display());
    let metadata = fs::metadata(path).map_err(|error| Error::from(error).hint(when_absent));
    if !metadata.doing(doing)?.is_dir() {
        return Err(Error::new("not a directory")).doing(doing);
    }
    tempfile::tempfile_in(path)
        .doing(doing)
        .map_err(|error| error.hint("it must be writable by the user of the nightly run; are you that user?"))?;
    let space = rustix::fs::statvfs(path).map_err(|error| Error::from(std::io::Error::from(error))).doing(doing)?;
    Ok(format!("{}, {} free", path.display(), bytes(space.f_bavail.saturating_mul(space.f_frsize))))
}

fn programs(config: &Config, world: &World<'_>) -> Result<String> {
    let path = (world.environment)("PATH");
    let tools = PgTools::find(config.dump.pg_bindir.as_deref(), path.as_deref(), CLIENT)
        .map_err(|error| error.hint("set dump.pg_bindir to the directory that has them"))?;
    let is_named = config.dump.compression.as_ref().is_some_and(|method| method.parse::<u8>().is_err());
    if is_named && tools.version.major < NAMED_COMPRESSION {
        let version = &tools.version.text;
        return Err(Error::new(format!("dump.compression names a method, which pg_dump {version} does not know"))
            .hint("a number from 0 to 9, or pg_dump from PostgreSQL 16"));
    }
    let warning = dumping::lacks_fixes(&tools).map(|warning| format!("; {warning}")).unwrap_or_default();
    Ok(format!("{} in {}{warning}", tools.version.text, tools.bindir.display()))
}

/// Resolves the login with its password, without a connection.
async fn connection(login: &ServerLogin<'_>, world: &World<'_>) -> Result<String> {
    let info = ConnInfo::of_login(login, world.environment).await?;
    match info.warnings().first() {
        Some(warning) => Err(Error::new(warning.clone())),
        None => Ok(with_warning(info.describe(), info.transport_warning())),
    }
}

/// The warning is on a line of its own.
fn with_warning(seen: String, warning: Option<String>) -> String {
    warning.map_or(seen.clone(), |warning| format!("{seen}\nwarning: {warning}"))
}

async fn key(config: &Config, world: &World<'_>) -> Result<String> {
    let passphrase = secret::resolve(config.report.passphrase_file.as_deref(), None, None, world.environment).await?;
    let passphrase = passphrase.map(|secret| secret.reveal().to_owned());
    let key = reports::read_key(&KeyFile { path: config.report.key.clone(), passphrase })?;
    Ok(format!("{} {}", config.report.key.display(), key.public_key().fingerprint(ssh_key::HashAlg::Sha256)))
}

/// A program by absolute path, or by name in `PATH`.
fn program_in(program: &str, path: Option<&str>) -> Result<String> {
    let is_program = |file: &PathBuf| fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0);
    let candidates: Vec<PathBuf> = match path {
        _ if program.starts_with('/') => vec![PathBuf::from(program)],
        Some(path) => std::env::split_paths(path).map(|dir| dir.join(program)).collect(),
        None => Vec::new(),
    };
    let found = candidates.into_iter().find(is_program).map(|file| file.display().to_string());
    found.ok_or_else(|| {
        Error::new(format!("no program {program}")).hint("an absolute path; cron and systemd have a short PATH")
    })
}
