//! `pgwitness restore`.

use std::path::Path;

use tempfile::TempDir;

use super::args::{Format, RestoreArguments};
use super::progress::Progress;
use super::terminal::{Terminal, print_error, print_json, print_note, print_result};
use super::{inputs, restore_offsite, stopped};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::config::Config;
use crate::model::redaction::Redaction;
use crate::model::report::Report;
use crate::model::verdict::{self, Outcome};
use crate::nightly::RunContext;
use crate::nightly::disaster_restore::{self, FetchedChoice, WantedBackup};
use crate::output::terminal::{self, Heading};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::journal::{Lock, RunInfo};
use crate::storage::reports;
use crate::storage::signature;
use crate::storage::signers::AllowedSigners;

/// Restores; returns the exit code of the verdict.
pub async fn run(arguments: &RestoreArguments) -> Result<u8> {
    let directory = restore_offsite::directory(&arguments.offsite)?;
    let config = restore_offsite::config_of(arguments, directory.as_ref())?;
    let redaction = inputs::redaction(config.verify.redact)?;
    let result = run_redacted(arguments, &config, directory.as_ref().map(TempDir::path), redaction).await;
    let result = result.map_err(|error| redaction.error(error));
    if let (Err(error), Some(directory)) = (&result, directory) {
        restore_offsite::keep_named(directory, error);
    }
    result
}

async fn run_redacted(
    arguments: &RestoreArguments,
    config: &Config,
    directory: Option<&Path>,
    redaction: Redaction,
) -> Result<u8> {
    let progress = Progress::new(arguments.quiet, Terminal::stderr());
    let context = inputs::context(config, redaction.listener(progress.listener.clone()));
    let into = ConnInfo::resolve(&arguments.into, &inputs::environment).doing(|| "read --into")?;
    if !into.names_database() {
        let hint = "name the new database in it, for instance --into \"dbname=shop_restored host=...\"";
        return Err(Error::new("it names no database").hint(hint)).doing(|| "read --into");
    }
    let holder =
        RunInfo { run_id: reports::random_run_id()?, command: "restore".into(), pid: context.pid, at: inputs::now() };
    // A run that ends meanwhile could remove the backup.
    let _lock = Lock::acquire(context.state(), &holder)?;
    let signers = signers(arguments, &context).await?;
    let wanted = WantedBackup {
        context: &context,
        backup: arguments.backup.as_deref(),
        into: &into,
        maintenance: &arguments.maintenance_db,
        signers: &signers,
    };
    let choosing = async {
        match directory {
            Some(directory) => restore_offsite::fetch(arguments, &wanted, directory).await,
            None => disaster_restore::choose(&wanted).map(FetchedChoice::local),
        }
    };
    let choice = tokio::select! {
        biased;
        signal = stopped() => return Err(Error::interrupted(signal)),
        choice = choosing => choice?,
    };
    let chosen = &choice.chosen;
    let record = &chosen.backup.record;
    let about = format!("backup {}, data of {}, signed by {}", record.id, record.data_as_of, chosen.signer);
    print_note(&about);
    chosen.notes.iter().for_each(|note| print_note(&format!("note: {note}")));
    for statement in disaster_restore::left_over(&wanted).await? {
        print_note(&format!("note: an interrupted restore has left a database; remove it with: {statement}"));
    }
    let restored = disaster_restore::restore(&wanted, chosen, stopped).await?;
    drop(progress);
    let (outcome, sides) = (&restored.comparison.outcome, &restored.comparison);
    match (arguments.format, &restored.report) {
        (Format::Json, Ok(path)) => {
            let bytes = files::read(path, files::REPORT)?;
            Report::from_bytes(&bytes)?;
            print_json(&String::from_utf8_lossy(&bytes))?;
        }
        _ => {
            let heading = Heading::new(&sides.expected.endpoint, &sides.actual.endpoint);
            let style = Terminal::stdout().style(false);
            print_result(&format!("{}{}", terminal::outcome(&heading, outcome, style), differs(outcome)))?;
        }
    }
    match &restored.report {
        Ok(path) => print_note(&format!("report: {}", path.display())),
        Err(_) if restore_offsite::is_bare(arguments) => {
            print_note(
                "there is no report on this restore: it would need a configuration file, for its key and directory",
            );
        }
        // The verdict does not depend on the report: after a disaster the key may be lost.
        Err(error) => {
            let error = error.clone().context("there is no report on this restore");
            print_error(&context.redaction()?.error(error));
        }
    }
    Ok(outcome.verdict().exit_code())
}

/// The new database has all data, but the server rejected something else.
fn differs(outcome: &Outcome) -> String {
    let dump = outcome.dump_verdict(&[]);
    if dump.lacks().is_empty() {
        return String::new();
    }
    format!("all data is what was signed; {}\n", verdict::differs(dump.lacks(), "this server"))
}

/// The signers of the file, or only the configured key.
async fn signers(arguments: &RestoreArguments, context: &RunContext<'_>) -> Result<AllowedSigners> {
    if let Some(file) = &arguments.allowed_signers {
        let text =
            files::read_text(file, files::BY_HAND).map_err(Error::from).doing(|| format!("read {}", file.display()))?;
        return AllowedSigners::parse(&text).doing(|| format!("read {}", file.display()));
    }
    let key = context.key().await.and_then(|key| reports::read_key(&key));
    let key = key.map_err(|error| error.hint("name who may have signed with --allowed-signers"))?;
    AllowedSigners::parse(&signature::allowed_signers_line(signature::identity(&key), key.public_key())?)
}
