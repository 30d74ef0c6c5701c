//! `pgwitness config`: show, check and examples; and how every command loads its configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::args::{ConfigArguments, ConfigCommand, ConfigExample, ConfigFormat};
use super::inputs;
use super::terminal::{Terminal, print_json, print_note, print_result};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::printable::printable;
use crate::config::{Config, Source, examples};
use crate::model::progress::no_listener;
use crate::model::verdict::counted;
use crate::nightly::{self, Check, CheckList, CheckStage};

/// Exit code when a check failed: a run would be inconclusive, or a notification would fail.
const NOT_FIT: u8 = 2;

/// Runs one of the `config` commands.
pub async fn run(command: &ConfigCommand) -> Result<u8> {
    match command {
        ConfigCommand::Check { file, offline } => check(&file.config, *offline).await,
        ConfigCommand::Show { file, format } => show(&load(file)?, *format),
        ConfigCommand::Example { example, config } => print_example(*example, config.as_deref()),
    }
}

/// Loads the configuration that the arguments name, and checks it without external access.
pub fn load(arguments: &ConfigArguments) -> Result<Config> {
    read(&arguments.config)
}

/// The same for a command whose options do as well: `instead` names them where there is no configuration.
pub fn load_or(arguments: &ConfigArguments, instead: &str) -> Result<Config> {
    let is_absent = !arguments.config.exists();
    load(arguments).map_err(|error| if is_absent { error.without_hint().hint(instead) } else { error })
}

fn read(path: &Path) -> Result<Config> {
    let doing = || format!("read {}", path.display());
    let read = || {
        let file = files::open(path)?;
        files::check_owner(&file.metadata()?)?;
        let bytes = files::read_open(file, files::BY_HAND)?;
        String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8"))
    };
    let text = read().map_err(|error| {
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        let error = Error::from(error);
        let hint = format!("pgwitness config example toml > {}, or --config FILE", path.display());
        if is_absent { error.hint(hint) } else { error }
    });
    Config::parse(&text.doing(doing)?).doing(doing)
}

fn show(config: &Config, format: ConfigFormat) -> Result<u8> {
    let config = config.masked();
    match format {
        ConfigFormat::Toml => print_result(&config.to_toml()?)?,
        ConfigFormat::Json => print_json(&config.to_json()?)?,
    }
    Ok(0)
}

async fn check(path: &Path, is_offline: bool) -> Result<u8> {
    let config = read(path)?;
    let context = inputs::context(&config, no_listener());
    let mut list = CheckList::complete(context.redaction()?);
    list.note(CheckStage::Local, "configuration", whole(path, &config))?;
    nightly::complete(&mut list, &context, is_offline).await?;
    nightly::after_verdict(&mut list, &context, is_offline).await?;
    print_checks(&list.checks)?;
    let failed: Vec<&Check> = list.checks.iter().filter(|check| check.result.is_err()).collect();
    if failed.is_empty() {
        return Ok(0);
    }
    let is_not_fatal = |check: &&Check| matches!(check.stage, CheckStage::AfterVerdict | CheckStage::Files);
    let end = if failed.iter().all(is_not_fatal) && failed.iter().any(|check| check.stage == CheckStage::Files) {
        "a run could not copy all files, and would end with exit code 2"
    } else if failed.iter().all(|check| check.stage == CheckStage::AfterVerdict) {
        match failed.iter().any(|check| check.name.starts_with("off")) {
            true => "a run could not do everything after its verdict, and would end with exit code 3 at best",
            false => "a run could not send its notifications, and would end with exit code 3 at best",
        }
    } else {
        "a run would fail too"
    };
    print_note(&format!("{} of {} failed: {end}", counted(failed.len(), "check"), list.checks.len()));
    Ok(NOT_FIT)
}

/// Prints one or more lines for each check.
pub fn print_checks(checks: &[Check]) -> Result<()> {
    print_result(&check_lines(checks))
}

/// One or more lines for each check.
pub fn check_lines(checks: &[Check]) -> String {
    let has_color = Terminal::stdout().has_color;
    checks.iter().map(|check| line(check, has_color)).collect()
}

/// A user who can write the file controls which commands run.
fn whole(path: &Path, config: &Config) -> Result<String> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        let hint = format!("chmod o-w {}: it names programs that pgwitness runs", path.display());
        return Err(
            Error::new(format!("{}: its mode is {mode:04o}, every user may change it", path.display())).hint(hint)
        );
    }
    Ok(format!("{}, source is {}", path.display(), config.source.describe()))
}

/// `✓ name: detail` or `✗ name: why; hint`.
fn line(check: &Check, has_color: bool) -> String {
    let (mark, color, text) = match &check.result {
        Ok(detail) => ("✓", "32", detail.clone()),
        Err(error) => ("✗", "1;31", error.hint_text().map_or(error.to_string(), |hint| format!("{error}; {hint}"))),
    };
    let mark = if has_color { format!("\u{1b}[{color}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let text: Vec<String> = text.trim_end().lines().map(printable).collect();
    format!("{mark} {}: {}\n", check.name, text.join("\n    "))
}

fn print_example(example: ConfigExample, config: Option<&Path>) -> Result<u8> {
    if config.is_some() && example != ConfigExample::Iam {
        return Err(Error::new("only the example iam is filled in from a configuration").hint("leave --config out"));
    }
    let text = match example {
        ConfigExample::Toml => examples::TOML.to_owned(),
        ConfigExample::Club => examples::CLUB.to_owned(),
        ConfigExample::Service => examples::SERVICE.to_owned(),
        ConfigExample::Timer => examples::TIMER.to_owned(),
        ConfigExample::Cron => examples::CRON.to_owned(),
        ConfigExample::Alerts => examples::ALERTS.to_owned(),
        ConfigExample::Iam => policy(config)?,
        ConfigExample::Setup => examples::setup(),
        ConfigExample::SetupAmazonLinux => examples::setup_amazon_linux(),
        ConfigExample::Aws => examples::aws(),
        ConfigExample::Kubernetes => examples::KUBERNETES.to_owned(),
        ConfigExample::KubernetesParts => examples::KUBERNETES_PARTS.to_owned(),
        ConfigExample::Batch => examples::BATCH.to_owned(),
    };
    print_result(&text)?;
    Ok(0)
}

fn policy(config: Option<&Path>) -> Result<String> {
    let config = config.map(read).transpose()?;
    if config.as_ref().is_some_and(|config| matches!(config.source, Source::Postgres(_))) {
        return Err(Error::new("a source of kind postgres needs no policy on AWS"));
    }
    print_note(
        "note: untried on a real account. Read it, fill in the names in <>. A snapshot that is encrypted with a key",
    );
    print_note(
        "      of your own needs kms:DescribeKey and kms:CreateGrant on that key; an option group of your own needs its og:NAME.",
    );
    Ok(examples::policy(config.as_ref()))
}
