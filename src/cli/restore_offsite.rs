//! `pgwitness restore --offsite`: the repository, the directory for what is fetched, and a configuration for a machine that has none.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::args::{OffsiteArguments, RestoreArguments};
use super::{config, inputs};
use crate::base::error::{Context, Error, Result};
use crate::config::{Config, Span};
use crate::nightly::RunContext;
use crate::nightly::disaster_restore::{self, FetchPlan, FetchedChoice, WantedBackup};
use crate::storage::offsite::{Access, OffsiteRepository, RepositoryLogin, source_tag};

/// The variable that has the password for restic itself.
const PASSWORD_VARIABLE: &str = "RESTIC_PASSWORD";
/// As the defaults of `[offsite]`.
const STALLED_AFTER: Span = Span::seconds(30 * 60);
const LOCK_WAIT: Span = Span::seconds(10 * 60);

/// Whether this machine has no configuration file, and needs none.
pub fn is_bare(arguments: &RestoreArguments) -> bool {
    arguments.offsite.offsite.is_some() && !arguments.file.config.exists()
}

/// The configuration file; where there is none, one for a restore from off site, with its directories below `directory`.
pub fn config_of(arguments: &RestoreArguments, directory: Option<&TempDir>) -> Result<Config> {
    match directory {
        Some(directory) if is_bare(arguments) => bare(directory.path()),
        _ => config::load(&arguments.file),
    }
}

/// A directory for the report and the dump, if the backup is off site.
pub fn directory(arguments: &OffsiteArguments) -> Result<Option<TempDir>> {
    if arguments.offsite.is_none() {
        return Ok(None);
    }
    let parent = &arguments.download_to;
    let made = tempfile::Builder::new().prefix("pgwitness-restore-").tempdir_in(parent);
    let made = made.doing(|| format!("make a directory in {}", parent.display()));
    made.map(Some).map_err(|error| error.hint("name another directory: --download-to DIR"))
}

/// Keeps the file with the roles, if the error tells the user to use it.
pub fn keep_named(directory: TempDir, error: &Error) {
    let path = directory.path().display().to_string();
    if error.hint_text().is_some_and(|hint| hint.contains(&path)) {
        std::fs::remove_dir_all(directory.path().join("reports")).ok();
        // The path is in the hint.
        drop(directory.keep());
    }
}

/// Chooses the backup in the repository, and fetches it.
pub async fn fetch(arguments: &RestoreArguments, wanted: &WantedBackup<'_>, directory: &Path) -> Result<FetchedChoice> {
    let repository = repository(&arguments.offsite, wanted.context).await?;
    let source = if is_bare(arguments) { None } else { Some(source_tag(&wanted.context.origin()?)) };
    let plan = FetchPlan { repository: &repository, directory, source: source.as_deref() };
    disaster_restore::fetch(wanted, &plan).await
}

async fn repository(arguments: &OffsiteArguments, context: &RunContext<'_>) -> Result<OffsiteRepository> {
    let given = arguments.offsite.as_deref().filter(|given| !given.is_empty());
    let Some(given) = given else {
        let configured = context.offsite().await?;
        return configured.ok_or_else(|| {
            Error::new("the configuration has no [offsite]").hint("give the repository: --offsite REPOSITORY")
        });
    };
    let in_environment = inputs::environment("RESTIC_PASSWORD_FILE").map(PathBuf::from);
    let file = arguments.offsite_password_file.as_deref().or(in_environment.as_deref());
    let is_in_environment = file.is_none() && inputs::environment(PASSWORD_VARIABLE).is_some();
    let login = RepositoryLogin {
        repository: Some(given),
        repository_file: None,
        repository_command: None,
        password_file: file,
        password_command: None,
        password_env: is_in_environment.then_some(PASSWORD_VARIABLE),
        environment_file: None,
    };
    let access = Access { program: None, cache: None, stalled_after: STALLED_AFTER, lock_wait: LOCK_WAIT };
    OffsiteRepository::open(&login, access, &inputs::environment)
        .await
        .map_err(|error| error.hint("give its password: --offsite-password-file FILE, or the variable RESTIC_PASSWORD"))
}

/// What a restore needs of a configuration; nothing of it is on this machine before.
fn bare(directory: &Path) -> Result<Config> {
    let at = |name: &str| directory.join(name).display().to_string();
    let text = format!(
        "[source]\nkind = \"postgres\"\nurl = \"dbname=postgres\"\n[dump]\ndirectory = {:?}\n[restore]\nurl = \"dbname=postgres\"\n\
         [retention]\nkeep_last = 1\n[report]\ndirectory = {:?}\nkey = {:?}\n[state]\ndirectory = {:?}\n",
        at("dumps"),
        at("restore-reports"),
        at("key"),
        at("state"),
    );
    Config::parse(&text).doing(|| "make a configuration for this restore")
}
