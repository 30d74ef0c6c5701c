//! `pgwitness notify test`.

use super::args::{ConfigArguments, NotifyCommand};
use super::{config, inputs};
use crate::base::error::{Error, Result};
use crate::nightly::{Check, CheckStage};
use crate::output::notify::{self, Limits};
use crate::storage::reports;

/// Exit code: a notification failed.
const NOT_TOLD: u8 = 3;

/// Runs one of the `notify` commands.
pub async fn run(command: &NotifyCommand) -> Result<u8> {
    match command {
        NotifyCommand::Test(file) => test(file).await,
    }
}

async fn test(file: &ConfigArguments) -> Result<u8> {
    let config = config::load(file)?;
    let channels = &config.notify;
    if channels.email.is_none() && channels.webhook.is_none() && channels.ping.is_none() {
        let error = Error::new(
            "no notification channel is configured: there is no [notify.email], [notify.webhook] or [notify.ping]",
        );
        return Err(error.hint("pgwitness config example toml shows how to write them"));
    }
    let (host, source, id) = (inputs::host(), config.source.describe(), reports::random_run_id()?);
    let about = (host.as_str(), source.as_str());
    let written = (inputs::now(), id.as_str());
    let tried = notify::test(channels, about, written, &inputs::environment, Limits::default()).await;
    let check = |(name, result)| Check { name, stage: CheckStage::AfterVerdict, result };
    let checks: Vec<Check> = tried.into_iter().map(check).collect();
    config::print_checks(&checks)?;
    let is_told = checks.iter().all(|check| check.result.is_ok());
    Ok(if is_told { 0 } else { NOT_TOLD })
}
