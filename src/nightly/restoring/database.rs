//! Creates, finds, renames and drops the database of the restored copy.
//!
//! A database is dropped or renamed only if its name, its OID and its server are those that were recorded when it was created.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use super::facts::DatabaseFacts;
use crate::base::error::{Context, Error, Result};
use crate::model::name::{quote_always, quote_literal};
use crate::postgres::conninfo::{ConnInfo, Connection};
use crate::postgres::errors::{describe_error, sqlstate};
use crate::storage::journal::CopyIdentity;

/// The server truncates a longer name, which could then be the name of another database.
const MOST_NAME_BYTES: usize = 63;
/// System databases that pgwitness never touches.
const NEVER: &[&str] = &["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin", "azure_maintenance"];
/// A session that has just ended may still be visible for a moment.
const BUSY_TRIES: u32 = 50;
/// Half a minute: the server copies `template0`.
const CREATION_TRIES: u32 = 300;
/// A plain DROP waits for 5 seconds by itself.
const DROP_TRIES: u32 = 12;
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// The database to create.
pub struct CopyOrder<'a> {
    /// Any database of the server, with a user that may create databases.
    pub admin: &'a ConnInfo,
    /// Its name.
    pub database: &'a str,
    /// Its owner, if not the user of `admin`: the role that pg_restore uses.
    pub owner: Option<&'a str>,
    /// The properties of the source database.
    pub facts: &'a DatabaseFacts,
    /// Names that are never used.
    pub protected: &'a [String],
}

/// Makes an empty database from `template0`, with the encoding and the locale of the source.
///
/// # Errors
/// A database of that name exists; the name is protected; the server lacks the locale; no connection.
pub async fn create_copy(order: &CopyOrder<'_>) -> Result<CopyIdentity> {
    let doing = || format!("create database {:?} on {}", order.database, order.admin.describe());
    create(order).await.doing(doing)
}

async fn create(order: &CopyOrder<'_>) -> Result<CopyIdentity> {
    check_name(order.database, order.protected)?;
    let connection = connect(order.admin).await?;
    if find(&connection, order.database).await?.is_some() {
        return Err(exists(order.database));
    }
    let owner = order.owner.map_or(String::new(), |owner| format!(" OWNER {}", quote_always(owner)));
    let name = quote_always(order.database);
    let sql =
        format!("CREATE DATABASE {name} TEMPLATE template0{owner}{}", order.facts.clauses(major(&connection).await?));
    connection.client.batch_execute(&sql).await.map_err(|error| refused(&error, order))?;
    let made = find(&connection, order.database).await?;
    made.ok_or_else(|| Error::new("it disappeared right after its creation"))
}

/// Checks that a database of this name can be created, before the work that needs it.
///
/// # Errors
/// A database of that name exists; the name is protected; no connection.
pub async fn demand_free(admin: &ConnInfo, database: &str, protected: &[String]) -> Result<()> {
    let doing = || format!("create database {database:?} on {}", admin.describe());
    check_name(database, protected).doing(doing)?;
    let connection = connect(admin).await.doing(doing)?;
    let found = find(&connection, database).await.doing(doing)?;
    found.map_or(Ok(()), |_| Err(exists(database))).doing(doing)
}

/// The name for a database while it is filled; it is renamed to `database` once it is complete.
pub fn interim_name(database: &str, run_id: &str) -> String {
    let mut start = database;
    while start.len() + INTERIM.len() + RANDOM_DIGITS > MOST_NAME_BYTES {
        start = start.get(..start.len() - 1).unwrap_or_else(|| cut_char(start));
    }
    format!("{start}{INTERIM}{}", run_id.get(..RANDOM_DIGITS).unwrap_or(run_id))
}

const INTERIM: &str = "_restoring_";
const RANDOM_DIGITS: usize = 8;

/// The text without its last character, which may have several bytes.
fn cut_char(text: &str) -> &str {
    text.char_indices().next_back().and_then(|(at, _)| text.get(..at)).unwrap_or_default()
}

/// What interrupted restores into a database of this name left: the statements that remove it.
///
/// # Errors
/// No connection, or an error of the server.
pub async fn left_over(admin: &ConnInfo, database: &str) -> Result<Vec<String>> {
    let doing = || format!("look for databases of interrupted restores on {}", admin.describe());
    let start = interim_name(database, "");
    let sql = format!(
        "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::pg_catalog.text, {}) ORDER BY 1",
        quote_literal(&start)
    );
    let connection = connect(admin).await.doing(doing)?;
    let messages = connection.client.simple_query(&sql).await.map_err(|error| describe_error(&error)).doing(doing)?;
    let name = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    let is_ours = |name: &String| {
        let digits = name.strip_prefix(&start).unwrap_or_default();
        digits.len() == RANDOM_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    Ok(messages.iter().filter_map(name).filter(is_ours).map(|name| drop_statement(&name)).collect())
}

/// The statement that removes a database.
pub fn drop_statement(database: &str) -> String {
    format!("DROP DATABASE {};", quote_always(database))
}

/// A server continues to create a database after the client is gone, and shows it only when complete: waits for the end of it.
///
/// # Errors
/// The time limit, no connection, or an error of the server.
pub async fn wait_for_creation(admin: &ConnInfo, database: &str) -> Result<()> {
    let doing = || format!("wait until database {database:?} is created on {}", admin.describe());
    let connection = connect(admin).await.doing(doing)?;
    let begin = format!("CREATE DATABASE {} ", quote_always(database));
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND state = 'active' \
         AND pg_catalog.left(query, {}) = {}",
        begin.chars().count(),
        quote_literal(&begin)
    );
    for _ in 0..CREATION_TRIES {
        if one(&connection, &sql).await.doing(doing)?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    Err(Error::new("another session is still creating it")).doing(doing)
}

/// The database of this name as it is now, if it exists.
///
/// # Errors
/// No connection, or an error of the server.
pub async fn find_copy(admin: &ConnInfo, database: &str) -> Result<Option<CopyIdentity>> {
    let doing = || format!("look for database {database:?} on {}", admin.describe());
    let connection = connect(admin).await.doing(doing)?;
    find(&connection, database).await.doing(doing)
}

/// Renames the copy, for instance to the name under which it is kept; returns its new identity.
///
/// # Errors
/// It is another database or missing, the new name is taken or protected, or a session is connected to it.
pub async fn rename_copy(
    admin: &ConnInfo,
    copy: &CopyIdentity,
    name: &str,
    protected: &[String],
) -> Result<CopyIdentity> {
    let doing = || format!("rename database {:?} to {name:?} on {}", copy.database, admin.describe());
    rename(admin, copy, name, protected).await.doing(doing)
}

async fn rename(admin: &ConnInfo, copy: &CopyIdentity, name: &str, protected: &[String]) -> Result<CopyIdentity> {
    check_name(&copy.database, protected)?;
    check_name(name, protected)?;
    let connection = connect(admin).await?;
    if !prove(&connection, copy).await? {
        return Err(Error::new("it does not exist any more"));
    }
    if find(&connection, name).await?.is_some() {
        return Err(exists(name));
    }
    let sql = format!("ALTER DATABASE {} RENAME TO {}", quote_always(&copy.database), quote_always(name));
    for attempt in 1.. {
        match connection.client.batch_execute(&sql).await {
            Ok(()) => break,
            Err(error) if sqlstate(&error) == Some("55006") && attempt < BUSY_TRIES => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            Err(error) => return Err(describe_error(&error)),
        }
    }
    Ok(CopyIdentity { database: name.to_owned(), ..copy.clone() })
}

/// Drops the copy and ends the sessions in it. `false` if it does not exist any more.
///
/// # Errors
/// The name is protected; the database of that name is another one; an error of the server.
pub async fn drop_copy(admin: &ConnInfo, copy: &CopyIdentity, protected: &[String]) -> Result<bool> {
    let doing = || format!("drop database {:?} on {}", copy.database, admin.describe());
    drop_proven(admin, copy, protected).await.doing(doing)
}

async fn drop_proven(admin: &ConnInfo, copy: &CopyIdentity, protected: &[String]) -> Result<bool> {
    check_name(&copy.database, protected)?;
    let connection = connect(admin).await?;
    if !prove(&connection, copy).await? {
        return Ok(false);
    }
    if one(&connection, &format!("SELECT 1 FROM pg_catalog.pg_database WHERE oid = {} AND datistemplate", copy.oid))
        .await?
        .is_some()
    {
        let sql = format!("ALTER DATABASE {} IS_TEMPLATE false", quote_always(&copy.database));
        connection.client.batch_execute(&sql).await.map_err(|error| describe_error(&error))?;
    }
    drop_subscriptions(admin, &connection, copy).await?;
    drop_patiently(&connection, copy).await?;
    Ok(true)
}

/// Tries a plain DROP first: the server itself ends autovacuum for that, while WITH (FORCE) by a user without superuser fails
/// because of autovacuum. Other sessions are ended only while the database stays in use.
async fn drop_patiently(connection: &Connection, copy: &CopyIdentity) -> Result<()> {
    let plain = format!("DROP DATABASE {}", quote_always(&copy.database));
    let forced = format!("{plain} WITH (FORCE)");
    for attempt in 1.. {
        let sql = if attempt % 2 == 0 { &forced } else { &plain };
        match connection.client.batch_execute(sql).await {
            Ok(()) => break,
            Err(error) if attempt < DROP_TRIES && is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
            Err(error) => return Err(describe_error(&error)),
        }
    }
    Ok(())
}

/// In use (55006), or a session in it that this user may not end (42501): both may be temporary.
fn is_busy(error: &tokio_postgres::Error) -> bool {
    matches!(sqlstate(error), Some("55006" | "42501"))
}

/// A database with subscriptions cannot be dropped. Those of a copy were never connected: their slot is set to NONE, so that
/// dropping them does not contact the publisher, whose slot is production's.
async fn drop_subscriptions(admin: &ConnInfo, connection: &Connection, copy: &CopyIdentity) -> Result<()> {
    let sql = format!("SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = {}", copy.oid);
    if one(connection, &sql).await?.is_none() {
        return Ok(());
    }
    let inside = connect(&admin.with_dbname(&copy.database)).await?;
    while let Some(name) = one(connection, &sql).await? {
        let name = quote_always(&name);
        for sql in [
            format!("ALTER SUBSCRIPTION {name} DISABLE"),
            format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"),
            format!("DROP SUBSCRIPTION {name}"),
        ] {
            inside.client.batch_execute(&sql).await.map_err(|error| describe_error(&error))?;
        }
    }
    Ok(())
}

/// Whether the copy exists; an error if another database has its name, or the server is another one.
pub(super) async fn prove(connection: &Connection, copy: &CopyIdentity) -> Result<bool> {
    let there = system_identifier(connection).await?;
    if there != copy.system_identifier {
        let text = format!("this server is {there}, the copy was made on {}", copy.system_identifier);
        return Err(Error::new(text).hint("restore.url now leads to another server"));
    }
    match find(connection, &copy.database).await? {
        Some(found) if found == *copy => Ok(true),
        Some(found) => {
            let text = format!("it is not the copy that was made: its OID is {}, not {}", found.oid, copy.oid);
            Err(Error::new(text).hint("another database has that name now; it is left alone"))
        }
        None => match name_of(connection, copy.oid).await? {
            Some(name) => {
                Err(Error::new(format!("the copy is now called {name:?}")).hint("it was renamed in the meantime"))
            }
            None => Ok(false),
        },
    }
}

pub(super) fn check_name(name: &str, protected: &[String]) -> Result<()> {
    if protected.iter().any(|theirs| theirs == name) {
        return Err(Error::new("it is protected").hint("see [protected] databases"));
    }
    if NEVER.contains(&name) {
        return Err(Error::new("it belongs to the server").hint("give the copy a name of its own"));
    }
    if name.is_empty() || name.len() > MOST_NAME_BYTES || name.contains('\0') {
        return Err(Error::new(format!("a name has 1 to {MOST_NAME_BYTES} bytes, this has {}", name.len())));
    }
    Ok(())
}

fn exists(name: &str) -> Error {
    Error::new(format!("database {name:?} exists already"))
        .hint("if it is not needed, drop it (dropdb); otherwise give another name")
}

fn refused(error: &tokio_postgres::Error, order: &CopyOrder<'_>) -> Error {
    let described = describe_error(error);
    if sqlstate(error) == Some("42P04") {
        return exists(order.database);
    }
    if described.to_string().contains("locale") {
        let facts = order.facts.to_string();
        let text = |text: &str| format!("{text}; the source has {facts}, and this server does not support the same");
        return Error::new(described.text().map(text))
            .hint("install the source's locale on the restore server (and restart it)");
    }
    described
}

/// A session that may write.
///
/// # Errors
/// No connection.
pub async fn connect(admin: &ConnInfo) -> Result<Connection> {
    admin.connect("-c default_transaction_read_only=off -c statement_timeout=0").await
}

async fn find(connection: &Connection, database: &str) -> Result<Option<CopyIdentity>> {
    let sql = format!("SELECT oid FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(database));
    let Some(oid) = one(connection, &sql).await? else { return Ok(None) };
    let oid = oid.parse().map_err(|_| Error::new(format!("the server says that its OID is {oid}")))?;
    let system_identifier = system_identifier(connection).await?;
    Ok(Some(CopyIdentity { database: database.to_owned(), oid, system_identifier }))
}

async fn major(connection: &Connection) -> Result<u32> {
    let found = one(connection, "SELECT current_setting('server_version_num')::integer / 10000").await?;
    found.and_then(|major| major.parse().ok()).ok_or_else(|| Error::new("the server returned no version number"))
}

async fn name_of(connection: &Connection, oid: u32) -> Result<Option<String>> {
    one(connection, &format!("SELECT datname FROM pg_catalog.pg_database WHERE oid = {oid}")).await
}

async fn system_identifier(connection: &Connection) -> Result<String> {
    let found = one(connection, "SELECT system_identifier FROM pg_catalog.pg_control_system()").await?;
    found.ok_or_else(|| Error::new("the server returned no system identifier"))
}

/// The first column of the first row.
async fn one(connection: &Connection, sql: &str) -> Result<Option<String>> {
    let messages = connection.client.simple_query(sql).await.map_err(|error| describe_error(&error))?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
