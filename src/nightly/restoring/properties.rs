//! Sets the properties of the restored database: settings, comment, privileges, owner. pg_restore does so only where it creates
//! the database under its old name.
//!
//! This runs after the rows are restored: a setting may prevent writes (`default_transaction_read_only`), a limit may reject
//! workers.

use super::database::{check_name, connect, prove};
use super::facts::{DatabaseFacts, DatabaseSetting, Grant};
use super::known;
use crate::base::error::{Context, Error, Result};
use crate::config::AcceptedError;
use crate::model::finding::Limit;
use crate::model::name::{quote_always, quote_literal};
use crate::model::run::Complaint;
use crate::postgres::conninfo::{ConnInfo, Connection};
use crate::postgres::errors::{describe_error, is_connection_lost, sqlstate};
use crate::storage::journal::CopyIdentity;

/// Settings that are lists of names; a single quoted text would be one name.
const LISTS: &[&str] = &["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"];

/// What to set, and on which copy.
pub struct PropertiesOrder<'a> {
    /// As for [`super::create_copy`].
    pub admin: &'a ConnInfo,
    /// The restored copy.
    pub copy: &'a CopyIdentity,
    /// The properties of the source database.
    pub facts: &'a DatabaseFacts,
    /// As for pg_restore: the owner is left out.
    pub no_owner: bool,
    /// As for pg_restore: privileges are left out.
    pub no_privileges: bool,
    /// Known harmless complaints; the object is for instance `DATABASE PROPERTIES search_path`.
    pub accept: &'a [AcceptedError],
    /// Names that are never used.
    pub protected: &'a [String],
}

/// Gives the copy the properties of the source database. Returns the errors of the server as complaints.
///
/// # Errors
/// The copy is not the recorded one, or the connection is lost.
pub async fn restore_properties(order: &PropertiesOrder<'_>) -> Result<Vec<Complaint>> {
    let doing = || format!("give database {:?} the settings of the source", order.copy.database);
    apply(order).await.doing(doing)
}

async fn apply(order: &PropertiesOrder<'_>) -> Result<Vec<Complaint>> {
    check_name(&order.copy.database, order.protected)?;
    let connection = connect(order.admin).await?;
    if !prove(&connection, order.copy).await? {
        return Err(Error::new("it does not exist any more"));
    }
    let mut complaints = Vec::new();
    for (object, sql) in statements(order) {
        complaints.extend(run(&connection, &object, &sql).await?);
    }
    Ok(complaints.into_iter().map(|complaint| known::classified(complaint, order.accept)).collect())
}

/// Runs the statement; the error of the server becomes a complaint.
async fn run(connection: &Connection, object: &str, sql: &str) -> Result<Option<Complaint>> {
    let Err(error) = connection.client.batch_execute(sql).await else { return Ok(None) };
    if is_connection_lost(&error) {
        return Err(describe_error(&error));
    }
    let (object, sqlstate) = (format!("DATABASE PROPERTIES {object}"), sqlstate(&error).unwrap_or_default().to_owned());
    let described = describe_error(&error).to_string();
    let message = described.replace(&format!(" (SQLSTATE {sqlstate})"), "");
    // Of settings that only a superuser may set.
    let is_superusers = message.starts_with("permission denied to set parameter \"");
    let limit = known::limit_of(&message, sql).or(is_superusers.then_some(Limit::Superuser));
    Ok(Some(Complaint { object, sqlstate, message, accepted: None, limit }))
}

/// Short name and SQL of each statement.
fn statements(order: &PropertiesOrder<'_>) -> Vec<(String, String)> {
    let (name, facts) = (quote_always(&order.copy.database), order.facts);
    let mut list: Vec<(String, String)> = Vec::new();
    let mut add = |object: &str, sql: String| list.push((object.to_owned(), sql));
    if let Some(comment) = &facts.comment {
        add("comment", format!("COMMENT ON DATABASE {name} IS {}", quote_literal(comment)));
    }
    if let Some(limit) = facts.connection_limit {
        add("connection limit", format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
    }
    if facts.is_template {
        add("template", format!("ALTER DATABASE {name} IS_TEMPLATE true"));
    }
    for setting in &facts.settings {
        add(&setting.name, setting_sql(&name, setting));
    }
    if !order.no_owner {
        add("owner", format!("ALTER DATABASE {name} OWNER TO {}", quote_always(&facts.owner)));
    }
    for grants in facts.grants.iter().filter(|_| !order.no_privileges) {
        add("privileges", format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"));
        if !order.no_owner {
            add("privileges", format!("REVOKE ALL ON DATABASE {name} FROM {}", quote_always(&facts.owner)));
        }
        grants.iter().for_each(|grant| add("privileges", grant_sql(&name, grant)));
    }
    list
}

fn setting_sql(database: &str, setting: &DatabaseSetting) -> String {
    let whose = match &setting.role {
        Some(role) => format!("ROLE {} IN DATABASE {database}", quote_always(role)),
        None => format!("DATABASE {database}"),
    };
    let (name, value) = (quote_always(&setting.name), quote_literal(&setting.value));
    if LISTS.contains(&setting.name.as_str()) {
        // This form preserves the text exactly. Both statements are one transaction, after which the session has its own value
        // again.
        let set = format!("SELECT pg_catalog.set_config({}, {value}, true)", quote_literal(&setting.name));
        return format!("{set}; ALTER {whose} SET {name} FROM CURRENT");
    }
    format!("ALTER {whose} SET {name} TO {value}")
}

fn grant_sql(database: &str, grant: &Grant) -> String {
    let role = grant.role.as_deref().map_or("PUBLIC".to_owned(), quote_always);
    let option = if grant.is_grantable { " WITH GRANT OPTION" } else { "" };
    format!("GRANT {} ON DATABASE {database} TO {role}{option}", grant.privilege)
}
