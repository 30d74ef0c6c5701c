//! Whether an earlier run had the same source as this run.
//!
//! Ignores what changes while the source stays the same: the address of a server after a failover, the resource id of an instance
//! after a blue/green switch. A new instance under the old name is compared with the old one: drift rules exist for that.

use crate::config::Source;
use crate::model::manifest::EndpointFacts;
use crate::model::report::Report;

/// The source of this run.
#[derive(Debug, Clone)]
pub struct CurrentSource {
    source: Source,
    database: String,
}

impl CurrentSource {
    /// From the configuration, and from the endpoint that was read.
    pub fn new(source: &Source, endpoint: &EndpointFacts) -> Self {
        Self { source: source.clone(), database: database(endpoint) }
    }

    /// The source of the report, when it is another one.
    pub fn other_source(&self, report: &Report) -> Option<String> {
        let then = database(&report.endpoints.expected);
        let kind = report.night.as_ref().map_or("unknown", |night| night.source_kind.as_str());
        if !self.is_of_instance(report) {
            let rds = report.night.as_ref().and_then(|night| night.rds.as_ref());
            let name = rds.map_or(String::new(), |rds| format!(" ({} in {})", rds.source_instance, rds.region));
            return Some(format!("of another source of kind {kind}{name}"));
        }
        (then != self.database).then(|| format!("of another database, {then}"))
    }

    fn is_of_instance(&self, report: &Report) -> bool {
        let Some(night) = &report.night else { return false };
        match (&self.source, &night.rds) {
            (Source::Postgres(_), None) => night.source_kind == "postgres",
            (Source::Rds(config), Some(then)) => {
                let has_name = then.source_instance == config.instance;
                // Production was renamed, and the configured resource id shows that it is the same instance.
                let has_id = config.resource_id.as_ref() == Some(&then.source_resource_id);
                let is_there = then.region == config.region;
                let is_ours = config.account.as_ref().is_none_or(|account| *account == then.account);
                night.source_kind == "rds" && is_there && is_ours && (has_name || has_id)
            }
            _ => false,
        }
    }
}

/// The last part of a connection string in its described form: no other part contains a `/`.
fn database(endpoint: &EndpointFacts) -> String {
    endpoint.description.rsplit_once('/').map_or(String::new(), |(_, database)| database.to_owned())
}
