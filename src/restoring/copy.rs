//! The database that gets the copy: made, found again, renamed, dropped.
//!
//! Never touches a database by its name alone: what is dropped or renamed is the very one that was made, on the very server.

use serde::{Deserialize, Serialize};

use super::facts::DatabaseFacts;
use crate::conninfo::{ConnInfo, Connection};
use crate::error::{Context, Error, Result};
use crate::name::{quote_always, quote_literal};
use crate::pgerror::{describe_error, sqlstate};

/// Which database it is, beyond doubt: for the journal, right after it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyIdentity {
    /// Its name.
    pub database: String,
    /// Its `pg_database.oid`, which is not used again for the next four thousand million objects.
    pub oid: u32,
    /// `system_identifier` of the server.
    pub system_identifier: String,
}

/// The database to be made.
pub struct CopyOrder<'a> {
    /// Any database of the server, as a user who may create databases.
    pub admin: &'a ConnInfo,
    /// Its name.
    pub database: &'a str,
    /// Its owner, if not the user of `admin`: the role that pg_restore is told to use.
    pub owner: Option<&'a str>,
    /// What the source is.
    pub facts: &'a DatabaseFacts,
    /// Names that are never used.
    pub protected: &'a [String],
}

/// Makes an empty database from `template0`, with the encoding and the locale of the source.
///
/// # Errors
/// There is one of that name already; the name is protected; the server lacks the locale; no connection.
pub async fn create_copy(order: &CopyOrder<'_>) -> Result<CopyIdentity> {
    let _ = (order, sqlstate, describe_error);
    Err(Error::new("not yet"))
}

/// The database of this name as it is now, if there is one.
///
/// # Errors
/// No connection, or the server refuses.
pub async fn find_copy(admin: &ConnInfo, database: &str) -> Result<Option<CopyIdentity>> {
    let connection = connect(admin).await?;
    find(&connection, database).await
}

/// Gives the copy another name, for instance that under which it is kept; returns its identity from now on.
///
/// # Errors
/// It is not the one we made, the new name is taken or protected, or somebody is connected to it.
pub async fn rename_copy(
    admin: &ConnInfo,
    copy: &CopyIdentity,
    name: &str,
    protected: &[String],
) -> Result<CopyIdentity> {
    let _ = (admin, copy, name, protected);
    Err(Error::new("not yet"))
}

/// Drops the copy and ends the sessions in it. `false` if it is not there any more.
///
/// # Errors
/// The name is protected; the database of that name is not the one we made; the server refuses.
pub async fn drop_copy(admin: &ConnInfo, copy: &CopyIdentity, protected: &[String]) -> Result<bool> {
    let _ = (admin, copy, protected);
    Err(Error::new("not yet"))
}

async fn connect(admin: &ConnInfo) -> Result<Connection> {
    admin.connect("-c default_transaction_read_only=off -c statement_timeout=0").await
}

async fn find(connection: &Connection, database: &str) -> Result<Option<CopyIdentity>> {
    let sql = format!(
        "SELECT d.oid, c.system_identifier FROM pg_catalog.pg_database d, pg_catalog.pg_control_system() c WHERE d.datname = {}",
        quote_literal(database)
    );
    let _ = (connection, sql, quote_always);
    Ok::<_, Error>(None).doing(|| "")
}
