//! The first step of every connection: overrides settings that the owner of a database has made, before any other query.
//!
//! A `search_path` of the database's owner decides which function an unqualified name calls, and which operator a `=`; a
//! `statement_timeout` may end any query. Options of the startup packet take precedence over settings of a database or a role. If a
//! pooler refuses them, a single statement is sent first, which names its function with the schema and uses no operator.
//! A login event trigger (PostgreSQL 17) runs before all of this; only a superuser can create one.

use std::time::Duration;

use tokio_postgres::Client;

use super::{ConnInfo, settings::DEFAULT_CONNECT_TIMEOUT};
use crate::postgres::errors::sqlstate;

/// For the startup packet: what a server from 14 knows.
const OPTIONS: &str = "-c search_path= -c statement_timeout=0 -c idle_in_transaction_session_timeout=0 \
                       -c idle_session_timeout=0";
/// An older server than 17 would refuse it, so it is sent only where it is needed.
const TRANSACTION_OPTION: &str = "-c transaction_timeout=0";
/// The server that knows `transaction_timeout`.
const HAS_TRANSACTION_TIMEOUT: u32 = 17;
/// Alone, so that nothing else can be refused with it.
const PATH: &str = "SELECT pg_catalog.set_config('search_path', '', false)";
/// No set-up is given less: a busy server takes its time.
const LEAST_LIMIT: Duration = Duration::from_secs(10);

/// Which options go into the startup packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Startup {
    /// What every supported server knows.
    Usual,
    /// Also that there is no limit for a transaction.
    WithTransaction,
    /// None: a pooler or an old server refuses them.
    Nothing,
}

impl Startup {
    /// The text for the packet, without the user's own options.
    pub(super) fn options(self) -> String {
        match self {
            Self::Usual => OPTIONS.to_owned(),
            Self::WithTransaction => format!("{OPTIONS} {TRANSACTION_OPTION}"),
            Self::Nothing => String::new(),
        }
    }

    /// What to try next after this answer of the server or of a pooler, if something else may be accepted.
    pub(super) fn after(self, error: &tokio_postgres::Error) -> Option<Self> {
        match (self, sqlstate(error)?) {
            // A transaction took longer than a limit of a few milliseconds.
            (Self::Usual, "25P04") => Some(Self::WithTransaction),
            // Protocol violation (PgBouncer), not supported (RDS Proxy), unknown setting, refused value.
            (Self::Usual | Self::WithTransaction, "08P01" | "0A000" | "42704" | "22023") => Some(Self::Nothing),
            _ => None,
        }
    }
}

/// Takes the settings of the database out of force. `major` is what the server said of itself, if it did.
pub(super) async fn step(client: &Client, major: Option<u32>) -> Result<(), tokio_postgres::Error> {
    client.simple_query(PATH).await?;
    let mut sql = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0".to_owned();
    if major.is_some_and(|major| major >= 14) {
        sql.push_str("; SET idle_session_timeout = 0");
    }
    if major.is_some_and(|major| major >= HAS_TRANSACTION_TIMEOUT) {
        sql.push_str("; SET transaction_timeout = 0");
    }
    client.batch_execute(&sql).await
}

impl ConnInfo {
    /// How long the statements that set a session up may take together: twice the time for connecting. `None`: no limit
    /// (`connect_timeout=0`).
    pub fn setup_limit(&self) -> Option<Duration> {
        self.connect_timeout().map(|limit| (limit * 2).max(LEAST_LIMIT))
    }

    /// The same for one short question, where waiting without end is never meant.
    pub fn answer_limit(&self) -> Duration {
        self.setup_limit().unwrap_or(DEFAULT_CONNECT_TIMEOUT * 2)
    }
}
