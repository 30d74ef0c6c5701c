//! `pgwitness status`: one line for a monitoring system.

use std::collections::BTreeSet;

use super::args::StatusArguments;
use super::report::{directory, signers};
use super::terminal::print_result;
use super::{config, inputs};
use crate::base::error::{Context as _, Result};
use crate::config::{Config, Span};
use crate::model::run::{OffsiteFacts, Origin, SourceMatch};
use crate::model::status::Status;
use crate::output::service_status::{AgeLimits, BackupFacts, ServiceState, ServiceStatus};
use crate::storage::backups::{self, Backups};
use crate::storage::history::{self, ReportEntry};
use crate::storage::journal::LastVerified;

/// Runs the command. What cannot be read is UNKNOWN, on standard output as the rest.
pub fn run(arguments: &StatusArguments) -> Result<u8> {
    let status = look(arguments).unwrap_or_else(|error| {
        let hint = error.hint_text().map(|hint| format!("; try: {hint}")).unwrap_or_default();
        ServiceStatus::unknown(&format!("{error}{hint}"))
    });
    print_result(&status.line())?;
    Ok(status.state.exit_code())
}

/// The exit code for arguments that cannot be parsed: UNKNOWN where the command is `status`, since its 2 is CRITICAL.
pub fn code_of_a_bad_argument() -> u8 {
    match std::env::args_os().nth(1) {
        Some(command) if command == "status" => ServiceState::Unknown.exit_code(),
        _ => Status::Inconclusive.exit_code(),
    }
}

fn look(arguments: &StatusArguments) -> Result<ServiceStatus> {
    let (place, now) = (&arguments.place, inputs::now());
    let dir = directory(place)?;
    let allowed = signers(arguments.trust.allowed_signers.as_deref(), place, true)?;
    let mut runs = history::read(&dir, allowed.as_ref(), now)?;
    let configured = match &place.directory {
        Some(_) => None,
        None => Some(Configured::of(&config::load(&place.config)?)?),
    };
    if let Some(configured) = &configured {
        let of = |run: &ReportEntry| run.summary().and_then(|summary| summary.source.clone());
        runs.retain(|run| of(run).is_none_or(|source| source.kinship(&configured.origin) != SourceMatch::Other));
    }
    let default_s = configured.as_ref().filter(|configured| configured.has_offsite).map(|_| arguments.max_age);
    let limits = AgeLimits {
        verified_s: seconds(arguments.max_age),
        offsite_s: arguments.offsite_max_age.or(default_s).map(seconds),
    };
    let facts = BackupFacts {
        runs: &runs,
        present: configured.as_ref().map(|configured| &configured.present),
        offsite: configured.as_ref().and_then(|configured| configured.offsite.as_ref()),
    };
    Ok(ServiceStatus::new(facts, limits, now))
}

fn seconds(span: Span) -> u64 {
    span.duration().as_secs()
}

/// What the configuration leads to, besides the reports.
struct Configured {
    origin: Origin,
    has_offsite: bool,
    /// Names of the usable backups in `verified/`.
    present: BTreeSet<String>,
    offsite: Option<OffsiteFacts>,
}

impl Configured {
    fn of(config: &Config) -> Result<Self> {
        let origin = backups::configured(&config.source, &inputs::environment)?;
        let listing = Backups::open(&config.dump.directory)?.list()?;
        let present = listing.verified.iter().map(|backup| backup.record.id.clone()).collect();
        let offsite = match &config.offsite {
            Some(_) => {
                LastVerified::read_offsite_of(&config.state.directory, &origin).doing(|| "read what is off site")?
            }
            None => None,
        };
        let offsite = offsite.map(|last| OffsiteFacts {
            backup: last.backup,
            data_as_of: last.data_as_of,
            stored_at: last.verified_at,
        });
        Ok(Self { origin, has_offsite: config.offsite.is_some(), present, offsite })
    }
}
