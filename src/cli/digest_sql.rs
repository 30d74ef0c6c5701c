//! `pgwitness digest-sql`: the SQL that computes a table's digest on the server.

use std::collections::BTreeSet;

use tokio_postgres::SimpleQueryRow;

use super::args::DigestSqlArguments;
use super::inputs;
use super::terminal::print_sql;
use crate::base::error::{Context, Error, Result};
use crate::endpoint::digest_sql::{self, SqlPart};
use crate::model::catalog;
use crate::model::name::{Name, quote_literal};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::conninfo::has_other_scheme;
use crate::postgres::session::{Session, SessionOptions, text};

/// Looks the columns up and prints the statement.
pub async fn run(arguments: &DigestSqlArguments) -> Result<u8> {
    let (schema, name) = digest_sql::parse_name(&arguments.table)?;
    let conninfo = ConnInfo::resolve(&connection_string(&arguments.dbname), &inputs::environment)?;
    let session = Session::open(&conninfo, &SessionOptions { lock_timeout_s: 30 }).await?;
    let sql = question(schema.as_deref(), &name);
    let rows = session.rows(&sql).await.doing(|| format!("look {} up", arguments.table))?;
    let (table, parts) = only_table(&rows).map_err(|error| error.context(format!("look {} up", arguments.table)))?;
    print_sql(&digest_sql::statement(&table, &parts))?;
    Ok(0)
}

/// As in psql: `-d shop` is a database name.
fn connection_string(given: &str) -> String {
    if given.is_empty() || ConnInfo::is_connection_string(given) || has_other_scheme(given) {
        return given.to_owned();
    }
    format!("dbname='{}'", given.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn question(schema: Option<&str>, name: &str) -> String {
    let schema = schema.map_or_else(|| "NULL".to_owned(), quote_literal);
    // Replace the name last: it may contain anything, even a placeholder.
    let (before, after) = catalog::TABLE_BY_NAME.split_once("{name}").unwrap_or_default();
    [&before.replace("{schema}", &schema), &quote_literal(name), after].concat()
}

/// The one matching table, and the parts of its row expression.
fn only_table(rows: &[SimpleQueryRow]) -> Result<(Name, Vec<SqlPart>)> {
    let names = rows.iter().map(|row| Ok(Name::new(text(row, 0)?, text(row, 1)?))).collect::<Result<BTreeSet<_>>>()?;
    let mut names: Vec<Name> = names.into_iter().collect();
    if names.len() > 1 {
        let all = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Error::new("several schemas have a table of that name").hint(format!("name the schema: {all}")));
    }
    let Some(table) = names.pop() else {
        return Err(Error::new("there is no such table in this database")
            .hint("write schema.name; letters fold to lower case outside double quotes"));
    };
    let parts = rows.iter().map(part).collect::<Result<Vec<_>>>()?;
    Ok((table, parts))
}

fn part(row: &SimpleQueryRow) -> Result<SqlPart> {
    let name = Name::new(text(row, 3)?, text(row, 4)?);
    match text(row, 5)?.as_str() {
        "r" | "m" | "p" => {}
        "f" => return Err(Error::new(format!("{name} is a foreign table: its rows are stored elsewhere"))),
        "v" => return Err(Error::new(format!("{name} is a view: it has no rows of its own"))),
        _ => return Err(Error::new(format!("{name} is not a table"))),
    }
    let columns = serde_json::from_str(&text(row, 6)?).map_err(|error| Error::from_source(&error))?;
    Ok(SqlPart { name, columns })
}
