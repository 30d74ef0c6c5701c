//! A pinned session: the same row gives the same bytes on every server, and nothing can be written.
//!
//! Every setting is set *and read back*, again inside each transaction: behind a pooler in transaction mode, the prepared session
//! need not be the one that reads. A server that keeps another value is refused. All sessions of a side import one exported snapshot.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::time::{Instant, timeout};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::base::error::{Context, Error, Result};
use crate::model::name::quote_literal;
use crate::postgres::conninfo::{ConnInfo, Connection, Peer};
use crate::postgres::copy_stream::CopyRouter;
use crate::postgres::errors::describe_error;
use crate::postgres::versions;

/// Settings that change the text of a value, hide rows, end long scans, or allow writing. `default_transaction_read_only`
/// comes first. Those that a server does not know (older versions) are skipped.
pub(crate) const PINS: &[(&str, &str)] = &[
    ("default_transaction_read_only", "on"),
    (ENCODING, "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("timezone", "UTC"),
    ("lc_monetary", "C"),
    ("search_path", ""),
    // The server then refuses a query instead of hiding rows.
    ("row_security", "off"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("transform_null_equals", "off"),
    ("xmlbinary", "base64"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("jit", "off"),
];

const ENCODING: &str = "client_encoding";
/// A SQL_ASCII database holds bytes of any encoding, and refuses to send those that are not UTF-8 to a client that asks for UTF-8.
/// SQL_ASCII on both ends means that the bytes are sent as they are.
const RAW_OR_UTF8: &str =
    "CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END";

/// Settings that keep code of the database's users out of our queries: a relation that was replaced by a view is refused (from the
/// minor releases of 2024-08), and no CHECK constraint is evaluated in planning. Not for the programs of PostgreSQL: a restored
/// materialized view may read a view, and pg_dump pins the first by itself.
const GUARDS: &[(&str, &str)] =
    &[("restrict_nonsystem_relation_kind", "view, foreign-table"), ("constraint_exclusion", "off")];
/// Pins and guards that a supported server may lack.
const LACKING: usize = 4;

/// Bytes of one answer, as text: the definitions of a very large database are smaller.
const MOST_ANSWER_BYTES: usize = 512 << 20;
/// The same for what sets a session up.
const MOST_SETUP_BYTES: usize = 1 << 20;
/// From a request to stop to giving the connection up.
const STOPPING: Duration = Duration::from_secs(10);

/// Settings that only a superuser can change. With other values, the server hides damaged pages instead of reporting an error.
const DEMANDS: [(&str, &str); 2] = [("zero_damaged_pages", "off"), ("ignore_checksum_failure", "off")];
/// Major version and `server_version`.
const VERSION: &str = "SELECT pg_catalog.current_setting('server_version_num')::integer / 10000, \
                       pg_catalog.current_setting('server_version')";

/// With this, a server (from 14, on systems that support it) soon stops a long query after the client has disconnected. Optional.
const NOTICE_OUR_END: &str = "SELECT pg_catalog.set_config('client_connection_check_interval', '5s', false)";

/// The same settings as a value of PGOPTIONS: a dump made with it has the same lines that a pinned session reads.
pub fn pgoptions() -> String {
    // The rest is not about text, and older servers refuse what they do not know.
    let about_text = PINS.iter().filter(|(name, _)| !name.ends_with("_timeout"));
    let escape = |value: &str| value.replace('\\', "\\\\").replace(' ', "\\ ");
    about_text.map(|(name, value)| format!("-c {name}={}", escape(value))).collect::<Vec<_>>().join(" ")
}

/// Default limit for a time without data: long enough for every catalog query on a very large catalog.
const STALLED_AFTER: Duration = Duration::from_secs(30 * 60);

/// How a session is opened.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// How long to wait for a lock that another session holds, in seconds.
    pub lock_timeout_s: u32,
}

/// One connection with pinned settings.
pub struct Session {
    connection: Connection,
    /// Names and values, as rows of VALUES.
    pins: String,
    settings: BTreeMap<String, String>,
    version: (u32, String),
    stalled_after: Duration,
    /// Set when it neither answered nor stopped.
    stalled: OnceLock<Error>,
}

impl Session {
    /// Connects, pins and reads back.
    ///
    /// # Errors
    /// No connection, or a server that does not keep a setting.
    pub async fn open(conninfo: &ConnInfo, options: &SessionOptions) -> Result<Self> {
        let connection = conninfo.connect_on_thread().await?;
        let (pins, settings) = (pinned_values(options), BTreeMap::new());
        let (version, stalled) = ((0, String::new()), OnceLock::new());
        let stalled_after = conninfo.answer_limit();
        let mut session = Self { connection, pins, settings, version, stalled_after, stalled };
        session.pin().await.doing(|| format!("prepare a session on {}", conninfo.describe()))?;
        session.stalled_after = STALLED_AFTER;
        Ok(session)
    }

    /// How long to wait when nothing comes, from now on. While a session is set up it is twice `connect_timeout`.
    pub fn set_stalled_after(&mut self, limit: Duration) {
        self.stalled_after = limit;
    }

    async fn pin(&mut self) -> Result<()> {
        let values = &self.pins;
        // By name: the view pg_settings prints every setting for each question.
        let set = format!(
            "SELECT pg_catalog.set_config(p.name, p.value, false) \
             FROM (VALUES {values}) AS p (name, value) WHERE pg_catalog.current_setting(p.name, true) IS NOT NULL"
        );
        self.setup_rows(&set).await.doing(|| "pin the settings")?;
        // Outside of a transaction: a refusal leaves nothing behind.
        let _ = self.execute(NOTICE_OUR_END).await;
        // Before the rest: a server that is too old lacks more settings.
        self.check_server().await?;
        self.settings = self.kept_settings().await?;
        if self.settings.len() < PINS.len() + GUARDS.len() - LACKING {
            return Err(Error::new("the server does not show its settings"));
        }
        Ok(())
    }

    /// One question for the version and for what a server must not hide.
    async fn check_server(&mut self) -> Result<()> {
        let demands = DEMANDS.map(|(name, _)| format!("pg_catalog.current_setting({})", quote_literal(name)));
        let sql = format!("{VERSION}, {}", demands.join(", "));
        let row = self.row(&sql).await?;
        let major = text(&row, 0)?.parse().map_err(|_| Error::new("the server has no version number"))?;
        let version = text(&row, 1)?;
        versions::check_server(major, &version)?;
        for (index, (name, wanted)) in DEMANDS.iter().enumerate() {
            let is = text(&row, index + 2)?;
            if is != *wanted {
                return Err(Error::new(format!("the server runs with {name} = {is}: it hides damage"))
                    .hint(format!("set {name} to {wanted} for this role and database")));
            }
        }
        self.version = (major, version);
        Ok(())
    }

    /// The pinned settings as the server has them now.
    ///
    /// # Errors
    /// When one of them has another value.
    async fn kept_settings(&self) -> Result<BTreeMap<String, String>> {
        let values = &self.pins;
        let read = format!(
            "SELECT p.name, pg_catalog.current_setting(p.name, true), p.value FROM (VALUES {values}) AS p (name, value)"
        );
        let mut settings = BTreeMap::new();
        for row in self.setup_rows(&read).await.doing(|| "read the settings back")? {
            let (name, Some(is), wanted) = (text(&row, 0)?, optional(&row, 1), text(&row, 2)?) else { continue };
            if !is_same_setting(&is, &wanted) {
                return Err(Error::new(format!("the server keeps {name} = {is:?} where {wanted:?} was set"))
                    .hint("connect to the server itself: a pooler between us may change settings"));
            }
            settings.insert(name, is);
        }
        Ok(settings)
    }

    /// Major version, for instance 17.
    pub fn major(&self) -> u32 {
        self.version.0
    }

    /// `server_version`, for instance `17.10 (Debian 17.10-1)`.
    pub fn server_version(&self) -> &str {
        &self.version.1
    }

    /// The pinned settings as read back.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// What is known of the other end.
    pub fn peer(&self) -> &Peer {
        &self.connection.peer
    }

    /// The client, for COPY.
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.connection.client
    }

    /// The very server that answered.
    pub fn conninfo(&self) -> &ConnInfo {
        self.connection.info()
    }

    /// Why the connection ended, if it has.
    pub fn lost(&self) -> Option<&Error> {
        self.stalled.get().or_else(|| self.connection.lost())
    }

    /// Whether it was given up because nothing came.
    pub fn has_stalled(&self) -> bool {
        self.stalled.get().is_some()
    }

    /// Where the rows of the next COPY can be asked for.
    pub fn router(&self) -> &CopyRouter {
        self.connection.router()
    }

    /// Cancels the running query of this session.
    ///
    /// # Errors
    /// When the cancel request cannot be sent.
    pub async fn cancel(&self) -> Result<()> {
        self.connection.cancel().await
    }

    /// Exports a snapshot that other sessions can import while this one stays open. Returns its identifier.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn export_snapshot(&self) -> Result<String> {
        self.execute(BEGIN).await?;
        let row = self.row("SELECT pg_catalog.pg_export_snapshot()").await.doing(|| "export the snapshot")?;
        self.kept_settings().await?;
        text(&row, 0)
    }

    /// Imports a snapshot, after rolling back any open transaction.
    ///
    /// # Errors
    /// When the session that exported the snapshot has ended; when a setting is not kept.
    pub async fn join(&self, snapshot: &str) -> Result<()> {
        let sql = format!("ROLLBACK; {BEGIN}; SET TRANSACTION SNAPSHOT {}", quote_literal(snapshot));
        self.execute(&sql).await.doing(|| "import the snapshot")?;
        self.kept_settings().await.map(drop)
    }

    /// Ends the transaction and begins one in which each statement has a snapshot of its own, that of now.
    ///
    /// # Errors
    /// When the server refuses; when a setting is not kept.
    pub async fn begin_statements(&self) -> Result<()> {
        self.execute("ROLLBACK; BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY").await?;
        self.kept_settings().await.map(drop)
    }

    /// Checks by a query that the connection works: after a fatal error the server may not have closed it yet.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<()> {
        let answer = self.execute("").await;
        answer.map_err(|error| self.lost().cloned().unwrap_or(error))
    }

    /// Runs one statement without a result, and one only: what comes after a semicolon is refused by the server.
    ///
    /// # Errors
    /// The server's error.
    pub async fn execute_one(&self, sql: &str) -> Result<()> {
        // The extended protocol takes a single statement.
        let preparing = self.watched(1, self.client().prepare(sql));
        let statement = preparing.await?.map_err(|error| describe_error(&error))?;
        if !statement.params().is_empty() {
            return Err(Error::new("it has parameters ($1), and no values are given"));
        }
        let executing = self.watched(1, self.client().execute(&statement, &[]));
        executing.await?.map_err(|error| describe_error(&error)).map(drop)
    }

    /// Runs statements without results.
    ///
    /// # Errors
    /// The server's error.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.watched(1, self.client().batch_execute(sql)).await?.map_err(|error| describe_error(&error))
    }

    /// All rows of a query, as text.
    ///
    /// # Errors
    /// The server's error.
    pub async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>> {
        self.rows_within(sql, 1).await
    }

    /// The same, with the limit for time without data multiplied by a factor.
    ///
    /// # Errors
    /// The server's error; no data for too long; too much data.
    pub async fn rows_within(&self, sql: &str, times: u32) -> Result<Vec<SimpleQueryRow>> {
        self.watched(times, self.gather(sql, MOST_ANSWER_BYTES)).await?
    }

    async fn setup_rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>> {
        self.watched(1, self.gather(sql, MOST_SETUP_BYTES)).await?
    }

    async fn gather(&self, sql: &str, most_bytes: usize) -> Result<Vec<SimpleQueryRow>> {
        let mut rows = Vec::new();
        self.stream(sql, most_bytes, |row| {
            rows.push(row);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Passes on each row of a query as it comes: an answer of many rows is never in memory as a whole.
    ///
    /// # Errors
    /// As [`Session::rows`], and those of `take`.
    pub async fn each_row(&self, sql: &str, take: impl FnMut(SimpleQueryRow) -> Result<()>) -> Result<()> {
        self.watched(1, self.stream(sql, MOST_ANSWER_BYTES, take)).await?
    }

    async fn stream(
        &self,
        sql: &str,
        most_bytes: usize,
        mut take: impl FnMut(SimpleQueryRow) -> Result<()>,
    ) -> Result<()> {
        let told = |error: tokio_postgres::Error| describe_error(&error);
        let mut stream = pin!(self.client().simple_query_raw(sql).await.map_err(told)?);
        let mut bytes = 0;
        while let Some(message) = stream.try_next().await.map_err(told)? {
            let Some(row) = only_row(message) else { continue };
            demand_utf8(&row)?;
            bytes += row_bytes(&row);
            if bytes > most_bytes {
                let _ = self.cancel().await;
                let error = Error::new(format!("the server's answer is longer than {} MiB", most_bytes >> 20));
                let _ = self.stalled.set(error.clone());
                return Err(error.hint("is that PostgreSQL, and our catalog question?"));
            }
            take(row)?;
        }
        Ok(())
    }

    /// Waits as long as something comes from the server; after that the statement is cancelled.
    ///
    /// # Errors
    /// Nothing came for so many times [`Session::set_stalled_after`].
    pub async fn watched<T>(&self, times: u32, work: impl Future<Output = T>) -> Result<T> {
        if let Some(error) = self.stalled.get() {
            return Err(error.clone());
        }
        let limit = self.stalled_after * times;
        let every = (limit / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        let mut work = pin!(work);
        let (mut received, mut since) = (self.router().received(), Instant::now());
        loop {
            if let Ok(done) = timeout(every, &mut work).await {
                return Ok(done);
            }
            let now = self.router().received();
            if now != received {
                (received, since) = (now, Instant::now());
            } else if since.elapsed() >= limit {
                break;
            }
        }
        let _ = timeout(STOPPING, self.cancel()).await;
        let error = Error::new(format!("nothing came from the server for {}", minutes(limit)))
            .hint("is the server stopped, or a statement waiting for something? --stalled-after gives it longer");
        if timeout(STOPPING, &mut work).await.is_err() {
            let _ = self.stalled.set(error.clone());
        }
        Err(error)
    }

    /// The one row of a query, as text.
    ///
    /// # Errors
    /// The server's error, or no row.
    pub async fn row(&self, sql: &str) -> Result<SimpleQueryRow> {
        self.rows(sql).await?.pop().ok_or_else(|| Error::new("the server returned no row"))
    }
}

fn pinned_values(options: &SessionOptions) -> String {
    let lock_timeout = format!("{}s", options.lock_timeout_s);
    let pins = PINS.iter().chain(GUARDS).copied().chain([("lock_timeout", lock_timeout.as_str())]);
    let value = |name, value| if name == ENCODING { RAW_OR_UTF8.to_owned() } else { quote_literal(value) };
    let values = pins.map(|(name, pin)| format!("({}, {})", quote_literal(name), value(name, pin)));
    values.collect::<Vec<_>>().join(", ")
}

const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

fn minutes(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds >= 120 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// A value that is not UTF-8 is an error, not NULL.
fn demand_utf8(row: &SimpleQueryRow) -> Result<()> {
    match (0..row.len()).find(|column| row.try_get(*column).is_err()) {
        None => Ok(()),
        Some(column) => {
            let column = row.columns().get(column).map_or("?", |column| column.name());
            Err(Error::new(format!("not UTF-8 (in {column}): in a SQL_ASCII database only rows may be so"))
                .hint("write names, definitions and comments in UTF-8"))
        }
    }
}

/// What a row takes in memory, about.
fn row_bytes(row: &SimpleQueryRow) -> usize {
    (0..row.len()).map(|column| 16 + row.try_get(column).ok().flatten().map_or(0, str::len)).sum()
}

fn only_row(message: SimpleQueryMessage) -> Option<SimpleQueryRow> {
    match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    }
}

/// A column that cannot be NULL.
///
/// # Errors
/// When it is, or is not there.
pub fn text(row: &SimpleQueryRow, index: usize) -> Result<String> {
    optional(row, index).ok_or_else(|| Error::new(format!("the server returned NULL in column {}", index + 1)))
}

/// A column that may be NULL.
pub fn optional(row: &SimpleQueryRow, index: usize) -> Option<String> {
    row.try_get(index).ok().flatten().map(str::to_owned)
}

/// `0` and `0ms`, `30s` and `30000ms` are the same setting printed twice; letter case does not matter (`utf8`).
fn is_same_setting(is: &str, wanted: &str) -> bool {
    // An empty search path is printed as two double quotes.
    let plain =
        |text: &str| duration_ms(text).map_or_else(|| text.replace('"', "").to_lowercase(), |ms| ms.to_string());
    plain(is) == plain(wanted)
}

fn duration_ms(text: &str) -> Option<u64> {
    let units = [("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000)];
    units.iter().find_map(|(unit, factor)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*factor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_setting_may_be_printed_in_two_ways() {
        assert!(is_same_setting("30s", "30s"));
        assert!(is_same_setting("1min", "60s"));
        assert!(is_same_setting("\"\"", ""));
        assert!(is_same_setting("utf8", "UTF8"));
        assert!(!is_same_setting("off", "on"));
        assert!(!is_same_setting("ISO, DMY", "ISO, MDY"));
    }
}
