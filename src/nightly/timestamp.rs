//! The time stamp over a signed report: a proof of its time that does not rest on this host.

use super::context::RunContext;
use super::report_writer::Signed;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::http::Address;
use crate::base::time::Timestamp;
use crate::model::run::TimestampFacts;
use crate::storage::reports;
use crate::storage::timestamp::{self, StampedTime, TimestampAuthorities};

/// What `config check` asks a time stamp for.
const TEST: &[u8] = b"pgwitness config check\n";

/// Gets a time stamp over the report of a run that ended then, and stores it beside the report.
///
/// # Errors
/// It cannot be had or written, or it does not count: then none is stored.
pub async fn stamp(context: &RunContext<'_>, signed: &Signed, finished_at: Timestamp) -> Result<TimestampFacts> {
    let bytes = files::read(&signed.path, files::REPORT).doing(|| format!("read {}", signed.path.display()))?;
    if reports::sha256(&bytes) != signed.file.sha256 {
        return Err(Error::new("the report was changed before it got its time stamp"));
    }
    let (answer, stamped, is_checked) = obtain(context, &bytes, finished_at).await?;
    reports::write_timestamp(&signed.path, &answer, &stamped, is_checked)
}

/// Gets a time stamp as a run does, and stores nothing.
///
/// # Errors
/// A run would get none.
pub async fn test(context: &RunContext<'_>) -> Result<String> {
    let (_, stamped, is_checked) = obtain(context, TEST, (context.now)()).await?;
    let checked = if is_checked { "" } else { "; its certificate is not checked: set report.timestamp_ca_file" };
    Ok(format!("{} by {}{checked}", stamped.at, stamped.authority))
}

async fn obtain(context: &RunContext<'_>, data: &[u8], ended: Timestamp) -> Result<(Vec<u8>, StampedTime, bool)> {
    let report = &context.config.report;
    let address = Address::parse(report.timestamp_url.as_deref().unwrap_or_default());
    let address = address.doing(|| "read report.timestamp_url")?;
    let trusted = report.timestamp_ca_file.as_ref().map(|path| TimestampAuthorities::read(&[path])).transpose()?;
    let (answer, stamped) = timestamp::obtain(&address, data, trusted.as_ref(), timestamp::LIMITS).await?;
    reports::demand_plausible(&stamped, ended).doing(|| format!("get a time stamp from {}", address.host()))?;
    Ok((answer, stamped, trusted.is_some()))
}
