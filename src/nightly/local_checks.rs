//! Checks on this machine before a run, at no cost: files, directories, programs, secrets.
//!
//! Leaves nothing on disk. A check that cannot be made fails. AWS and the servers: see [`super::preflight`].

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::check::{CheckList, CheckStage};
use super::context::RunContext;
use super::files_checks;
use super::offsite_checks;
use super::timestamp;
use crate::base::error::{Context, Error, Result};
use crate::base::text::bytes;
use crate::base::time::Timestamp;
use crate::base::tls;
use crate::config::{Metrics, Source};
use crate::model::verdict::counted;
use crate::nightly::dumping;
use crate::output::{metrics_file, notify};
use crate::postgres::conninfo::{ConnInfo, ServerLogin};
use crate::postgres::tools::PgTools;
use crate::storage::reports;
use crate::storage::signature;
use crate::storage::timestamp::TimestampAuthorities;
use crate::storage::user_files;

/// From this version on, pg_dump accepts compression methods by name.
const NAMED_COMPRESSION: u32 = 16;

/// Hint for a missing backup directory.
const IS_MOUNTED: &str = "is the backup disk mounted? A new directory is made and marked once, by `pgwitness init`";
/// Hint for another missing directory.
const MADE_BY_INIT: &str = "`pgwitness init` makes it, for the user that runs it";

/// What the checks of this machine found; `None` where a check failed.
#[derive(Default)]
pub struct LocalFacts {
    /// How to connect to the source, when it is not on RDS.
    pub source: Option<ConnInfo>,
    /// The PostgreSQL programs.
    pub tools: Option<PgTools>,
    /// How to connect to the server of `restore.url`.
    pub server: Option<ConnInfo>,
}

/// All checks that need no connection, in the order of the configuration file.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn local(list: &mut CheckList, context: &RunContext<'_>) -> Result<LocalFacts> {
    use CheckStage::Local;
    let (config, mut facts) = (context.config, LocalFacts::default());
    match &config.source {
        Source::Rds(source) => {
            let seen = ca_bundle(&source.temporary.ca_bundle, (context.now)());
            list.note(Local, "source.temporary.ca_bundle", seen)?;
        }
        Source::Postgres(source) => {
            facts.source = list.add(Local, "source.url", connection(&source.login(), context).await)?;
        }
    }
    let access = &config.access;
    let commands = [
        ("access.open", &access.open),
        ("access.open_endpoint", &access.open_endpoint),
        ("access.close", &access.close),
    ];
    programs_of(list, context, commands)?;
    list.note(Local, "dump.directory", directory(&config.dump.directory, IS_MOUNTED))?;
    facts.tools = list.add(Local, "pg_dump, pg_restore", programs(context))?;
    match config.restore.login() {
        Some(login) => facts.server = list.add(Local, "restore.url", connection(&login, context).await)?,
        None => {
            let parent = directory(&config.restore.server_directory, "a directory with room for the restored database");
            list.note(Local, "restore.server_directory", parent)?;
        }
    }
    if let Some(dir) = &config.verify.checks {
        let seen = user_files::assertions(dir).map(|checks| counted(checks.len(), "check"));
        list.note(Local, "verify.checks", seen)?;
    }
    if let Some(file) = &config.verify.waivers {
        let seen = user_files::waivers(file).map(|waivers| counted(waivers.len(), "waiver"));
        list.note(Local, "verify.waivers", seen)?;
    }
    list.note(Local, "report.directory", directory(&config.report.directory, MADE_BY_INIT))?;
    list.note(Local, "report.key", key(context).await)?;
    let hooks = &config.hooks;
    let commands = [("hooks.after_restore", &hooks.after_restore), ("hooks.after_verified", &hooks.after_verified)];
    programs_of(list, context, commands)?;
    list.note(Local, "state.directory", directory(&config.state.directory, MADE_BY_INIT))?;
    Ok(facts)
}

fn programs_of<const N: usize>(
    list: &mut CheckList,
    context: &RunContext<'_>,
    commands: [(&str, &Vec<String>); N],
) -> Result<()> {
    for (name, command) in commands {
        if let Some(program) = command.first() {
            list.note(CheckStage::Local, name, program_in(program, (context.environment)("PATH").as_deref()))?;
        }
    }
    Ok(())
}

/// What a run reads and writes after its verdict: files, the off-site repository and the notification channels; offline only the
/// secrets of these.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn after_verdict(list: &mut CheckList, context: &RunContext<'_>, is_offline: bool) -> Result<()> {
    use CheckStage::AfterVerdict;
    let config = context.config;
    if let Some(file) = &config.report.allowed_signers {
        let result = user_files::allowed_signers(file).map(|_| file.display().to_string());
        let hint = "write the lines into it that `pgwitness keygen` and `pgwitness report acknowledge` print";
        list.note(AfterVerdict, "report.allowed_signers", result.map_err(|error| error.hint(hint)))?;
    }
    timestamps(list, context, is_offline).await?;
    if let Some(metrics) = &config.metrics {
        list.note(AfterVerdict, "metrics.textfile", textfile(metrics))?;
    }
    let room = |path: &Path| {
        directory(path, "is the disk of the snapshots mounted? make the directory once, for the user of the run")
    };
    files_checks::check(list, context, is_offline, room).await?;
    offsite_checks::check(list, context, is_offline).await?;
    let channels = match is_offline {
        true => notify::secrets(&config.notify, context.environment).await,
        false => notify::check(&config.notify, context.environment, notify::Limits::default()).await,
    };
    channels.into_iter().try_for_each(|(name, seen)| list.note(AfterVerdict, &name, seen))
}

async fn timestamps(list: &mut CheckList, context: &RunContext<'_>, is_offline: bool) -> Result<()> {
    let report = &context.config.report;
    if let Some(file) = &report.timestamp_ca_file {
        let seen = TimestampAuthorities::read(&[file]).map(|trusted| counted(trusted.count(), "certificate"));
        list.note(CheckStage::AfterVerdict, "report.timestamp_ca_file", seen)?;
    }
    if report.timestamp_url.is_some() && !is_offline {
        list.note(CheckStage::AfterVerdict, "report.timestamp_url", timestamp::test(context).await)?;
    }
    Ok(())
}

fn textfile(metrics: &Metrics) -> Result<String> {
    let path = &metrics.textfile;
    directory(path.parent().unwrap_or(Path::new("/")), metrics_file::WHEN_ABSENT)?;
    metrics_file::check_ours(path, &metrics.labels)?;
    Ok(path.display().to_string())
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

fn programs(context: &RunContext<'_>) -> Result<(PgTools, String)> {
    let config = context.config;
    let hint = match context.has_own_server() {
        true => {
            "install the server package of PostgreSQL too (Debian: postgresql), or name a server in restore.url; dump.pg_bindir \
                 is the directory that has them all"
        }
        false => "set dump.pg_bindir to the directory that has them",
    };
    let tools = context.tools().map_err(|error| error.hint(hint))?;
    let is_named = config.dump.compression.as_ref().is_some_and(|method| method.parse::<u8>().is_err());
    if is_named && tools.version.major < NAMED_COMPRESSION {
        let version = &tools.version.text;
        return Err(Error::new(format!("dump.compression names a method, which pg_dump {version} does not know"))
            .hint("a number from 0 to 9, or pg_dump from PostgreSQL 16"));
    }
    let warning = dumping::lacks_fixes(&tools).map(|warning| format!("; {warning}")).unwrap_or_default();
    let seen = format!("{} in {}{warning}", tools.version.text, tools.bindir.display());
    Ok((tools, seen))
}

/// Resolves the login with its password, without a connection.
async fn connection(login: &ServerLogin<'_>, context: &RunContext<'_>) -> Result<(ConnInfo, String)> {
    let info = ConnInfo::of_login(login, context.environment).await?;
    if let Some(warning) = info.warnings().first() {
        return Err(Error::new(warning.clone()));
    }
    // The warning is on a line of its own.
    let warning = info.transport_warning().map(|warning| format!("\nwarning: {warning}")).unwrap_or_default();
    let seen = format!("{}{warning}", info.describe());
    Ok((info, seen))
}

async fn key(context: &RunContext<'_>) -> Result<String> {
    let file = context.key().await?;
    let key = reports::read_key(&file)?;
    signature::rehearse(&key)?;
    Ok(format!("{} {}", file.path.display(), key.public_key().fingerprint(ssh_key::HashAlg::Sha256)))
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
