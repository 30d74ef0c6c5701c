//! Snapshots that another process has exported, and one that is held for others.
//!
//! A session that has imported a snapshot exports it again, under an identifier of its own: from then on this process needs the
//! exporter no more, and its identifier cannot come to mean another snapshot.

use std::time::Duration;

use super::{Live, LiveOptions, open_session};
use crate::base::error::{Context, Error, Result};
use crate::model::name::quote_literal;
use crate::model::progress::Side;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, optional, text};

/// How often the session that holds a snapshot is asked whether it still works.
const PING: Duration = Duration::from_secs(5);

/// A snapshot that another process has exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSnapshot {
    /// Its identifier.
    pub id: String,
    /// `pg_current_snapshot()`: which transactions it sees. Unlike the identifier, never that of another snapshot.
    pub sees: String,
    /// When the transaction that exported it began, RFC 3339, by the server's clock. `None`: the role may not see that.
    pub begun_at: Option<String>,
}

impl ImportedSnapshot {
    /// Imports it into this session, and exports it again. Also returns the new identifier.
    ///
    /// # Errors
    /// The server does not know the snapshot.
    pub async fn import(session: &Session, id: &str) -> Result<(Self, String)> {
        let joined = session.join(id).await;
        joined.map_err(|error| {
            error.hint("is the process that exported it still running, and is this its server and database?")
        })?;
        let own = text(&session.row("SELECT pg_catalog.pg_export_snapshot()").await?, 0)?;
        let sees = text(&session.row("SELECT pg_catalog.pg_current_snapshot()").await?, 0)?;
        let begun_at = match virtual_transaction(id) {
            None => None,
            Some(transaction) => {
                let rows = session.rows(&BEGUN_AT.replace("{}", &quote_literal(&transaction))).await?;
                rows.first().and_then(|row| optional(row, 0))
            }
        };
        Ok((Self { id: id.to_owned(), sees, begun_at }, own))
    }
}

/// Every transaction holds a lock on its own virtual identifier.
const BEGUN_AT: &str = "SELECT pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
    WHERE l.locktype = 'virtualxid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.virtualxid = {}";

/// The transaction that exported a snapshot, as `pg_locks` prints it: the identifier begins with both of its numbers, in hexadecimal.
fn virtual_transaction(id: &str) -> Option<String> {
    let mut numbers = id.split('-').map(|digits| u32::from_str_radix(digits, 16).ok());
    Some(format!("{}/{}", numbers.next()??, numbers.next()??))
}

impl Live {
    /// As [`Live::open`], in a snapshot that another process has exported. `now` is when it was exported, unless the server says.
    ///
    /// # Errors
    /// As there; the server does not know the snapshot.
    pub async fn import(conninfo: ConnInfo, options: LiveOptions, side: Side, now: String, id: &str) -> Result<Self> {
        let session = open_session(&conninfo, &options).await?;
        let imported = ImportedSnapshot::import(&session, id).await;
        let (imported, own) = imported.doing(|| format!("use snapshot {id:?} on {}", conninfo.describe()))?;
        let taken_at = imported.begun_at.clone().unwrap_or(now);
        Self::list_in(session, own, Some(imported), (conninfo, options, side, taken_at)).await
    }

    /// Whether the time of the manifest is that of the snapshot, and not when it was imported.
    pub fn knows_time_of_snapshot(&self) -> bool {
        self.imported.as_ref().is_none_or(|imported| imported.begun_at.is_some())
    }
}

/// A snapshot that is held for other processes, until this value is dropped.
pub struct HeldSnapshot {
    session: Session,
    id: String,
}

impl HeldSnapshot {
    /// Connects and exports.
    ///
    /// # Errors
    /// No connection, or the server refuses.
    pub async fn export(conninfo: &ConnInfo, options: &LiveOptions) -> Result<Self> {
        let session = open_session(conninfo, options).await?;
        let id = session.export_snapshot().await.doing(|| format!("export a snapshot on {}", conninfo.describe()))?;
        Ok(Self { session, id })
    }

    /// For `--snapshot`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the session is lost, and says why.
    pub async fn lost(&self) -> Error {
        loop {
            tokio::time::sleep(PING).await;
            if let Err(error) = self.session.ping().await {
                return error.context("the session that held the snapshot was lost");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_of_a_snapshot_names_its_transaction() {
        assert_eq!(virtual_transaction("00000003-0000001B-1").as_deref(), Some("3/27"));
        assert_eq!(virtual_transaction("snapshot"), None);
        assert_eq!(virtual_transaction(""), None);
    }
}
