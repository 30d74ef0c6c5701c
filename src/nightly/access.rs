//! Opens the way to the source for a run, and closes it: `[access]`.
//!
//! The journal says what is about to be opened before a command runs, so that a later run can close it.

use std::time::Duration;

use super::context::RunContext;
use super::hooks::Hook;
use super::steps::Steps;
use crate::base::error::{Error, Result};
use crate::config::Span;
use crate::storage::journal::{AccessClaim, Entry};

/// Runs `access.open`, if it is configured.
///
/// # Errors
/// The command fails, or the journal cannot be written.
pub async fn open(context: &RunContext<'_>, steps: &mut Steps, run_id: &str) -> Result<()> {
    let claim = AccessClaim { run_id: run_id.to_owned(), endpoint: None };
    run_as_step(context, steps, ("access.open", &context.config.access.open), claim).await
}

/// Runs `access.open_endpoint` for this endpoint of a temporary instance, if it is configured.
///
/// # Errors
/// As [`open`].
pub async fn open_endpoint(
    context: &RunContext<'_>,
    steps: &mut Steps,
    run_id: &str,
    endpoint: (String, u16),
) -> Result<()> {
    let claim = AccessClaim { run_id: run_id.to_owned(), endpoint: Some(endpoint) };
    run_as_step(context, steps, ("access.open_endpoint", &context.config.access.open_endpoint), claim).await
}

async fn run_as_step(
    context: &RunContext<'_>,
    steps: &mut Steps,
    (name, command): (&'static str, &[String]),
    claim: AccessClaim,
) -> Result<()> {
    if command.is_empty() {
        return Ok(());
    }
    steps.begin("open_access")?;
    steps.journal.append(&Entry::AccessIntended(claim.clone()))?;
    hook(context, name, command, &claim, context.config.access.timeout.map(Span::duration)).run().await?;
    steps.done()
}

/// Runs `access.close` for what a run has opened, or was about to; `patience` limits its time.
///
/// # Errors
/// The command fails, or is not configured any more.
pub async fn close(context: &RunContext<'_>, claim: &AccessClaim, patience: Option<Duration>) -> Result<()> {
    let command = &context.config.access.close;
    if command.is_empty() {
        let error =
            Error::new(format!("access.close is not set any more, and the run {} has opened access", claim.run_id));
        return Err(error
            .hint("set [access] again; if it is closed already, open = [\"true\"], close = [\"true\"] for one run"));
    }
    let limit = context.config.access.timeout.map(Span::duration);
    let limit = patience.map_or(limit, |patience| Some(limit.map_or(patience, |limit| limit.min(patience))));
    hook(context, "access.close", command, claim, limit).run().await
}

fn hook(
    context: &RunContext<'_>,
    name: &'static str,
    command: &[String],
    claim: &AccessClaim,
    limit: Option<Duration>,
) -> Hook {
    let mut hook = Hook::new(name, command, limit).pass_on(context.environment, &context.config.access.environment);
    hook.set("PGWITNESS_RUN_ID", &claim.run_id);
    if let Some((host, port)) = &claim.endpoint {
        hook.set("PGWITNESS_ENDPOINT_HOST", host);
        hook.set("PGWITNESS_ENDPOINT_PORT", &port.to_string());
    }
    hook
}
