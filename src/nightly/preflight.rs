//! Everything that can be known before anything is paid for.
//!
//! Costs nothing and changes nothing: it reads, asks, and writes only a file of its own that it takes away again.

use super::given::Given;
use crate::backups::Backups;
use crate::config::{CopyFate, Source};
use crate::conninfo::ConnInfo;
use crate::dumping;
use crate::error::{Context, Error, Result};
use crate::journal::LastVerified;
use crate::pgtools::PgTools;
use crate::session::{Session, SessionOptions, text};
use crate::store;

/// One thing that was looked at.
pub struct Check {
    /// For instance `signing key`.
    pub name: &'static str,
    /// What was seen, or why it will not do.
    pub result: Result<String>,
}

/// What the night goes on with.
pub struct Ready {
    /// The programs of PostgreSQL.
    pub tools: PgTools,
    /// Where dumps are kept.
    pub backups: Backups,
    /// The server that gets the copy; its database is the one for administration.
    pub server: ConnInfo,
    /// Its major version.
    pub restore_major: u32,
    /// Things worth keeping in the report.
    pub notes: Vec<String>,
}

/// Looks at everything on this machine, and goes on where something is wrong: for `config check`.
pub async fn preflight(given: &Given<'_>) -> Vec<Check> {
    let mut checks = vec![
        Check {
            name: "PostgreSQL programs",
            result: tools(given).map(|tools| format!("{} in {}", tools.version.text, tools.bindir.display())),
        },
        Check { name: "signing key", result: key(given).await },
        Check { name: "backup directory", result: backups(given).map(|(_, note)| note) },
        Check { name: "checks and waivers", result: job(given) },
        Check {
            name: "server of the copy",
            result: server(given).await.map(|(server, major)| format!("{}, PostgreSQL {major}", server.describe())),
        },
    ];
    if let Source::Postgres(source) = &given.config.source {
        let reached = async {
            let info = given.postgres_source(source).await?;
            let facts = server_facts(&info).await?;
            Ok(format!("{}, PostgreSQL {}", info.describe(), facts.major))
        };
        checks.push(Check { name: "source", result: reached.await });
    }
    checks
}

/// The same, ended by the first thing that is wrong. `engine_version` is the snapshot's.
///
/// # Errors
/// Whatever would only fail later, and cost money until then.
pub async fn demand(given: &Given<'_>, engine_version: Option<&str>) -> Result<Ready> {
    let tools = tools(given)?;
    let mut notes =
        vec![format!("PostgreSQL programs {} in {}", tools.version.text, tools.bindir.display()), key(given).await?];
    let (backups, note) = backups(given)?;
    notes.push(note);
    notes.push(job(given)?);
    let (server, restore_major) = server(given).await?;
    if let Some(version) = engine_version {
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let major = major.ok_or_else(|| Error::new(format!("the snapshot has the engine version {version:?}")))?;
        demand_versions(&tools, major, restore_major)?;
    }
    notes.push(format!("{}, PostgreSQL {restore_major}", server.describe()));
    Ok(Ready { tools, backups, server, restore_major, notes })
}

/// pg_dump is not older than the source, the server of the copy not older than pg_dump.
///
/// # Errors
/// Which is too old.
pub fn demand_versions(tools: &PgTools, source_major: u32, restore_major: u32) -> Result<()> {
    dumping::check_versions(tools, source_major, restore_major)
}

fn tools(given: &Given<'_>) -> Result<PgTools> {
    given.tools()
}

async fn key(given: &Given<'_>) -> Result<String> {
    let key = given.key().await?;
    store::read_key(&key)?;
    Ok(format!("signed with {}", key.path.display()))
}

/// Room for one and a half of the last dump: better known now than in the middle of the next.
fn backups(given: &Given<'_>) -> Result<(Backups, String)> {
    let backups = Backups::open(&given.config.dump.directory)?;
    let last = LastVerified::read(given.state())?;
    let needed = last.map_or(0, |last| last.dump_bytes.saturating_add(last.dump_bytes / 2));
    backups.demand_free(needed.max(LEAST_FREE))?;
    let mut note = format!("{} MB free in {}", backups.free_bytes()? / 1_000_000, backups.dir().display());
    for remark in backups.remarks() {
        note = format!("{note}; {remark}");
    }
    Ok((backups, note))
}

/// Not even a small dump fits into less, in bytes.
const LEAST_FREE: u64 = 16 << 20;

fn job(given: &Given<'_>) -> Result<String> {
    let job = given.job()?;
    Ok(format!("{} checks, {} waivers", job.assertions.len(), job.request.waivers.len()))
}

struct ServerFacts {
    major: u32,
    may_create_databases: bool,
}

async fn server_facts(info: &ConnInfo) -> Result<ServerFacts> {
    let session = Session::open(info, &SessionOptions { lock_timeout_s: 30 }).await?;
    let row =
        session.row("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").await?;
    Ok(ServerFacts { major: session.major(), may_create_databases: text(&row, 0)? == "t" })
}

/// Reachable, may create databases, and the name of the copy is free or ours.
async fn server(given: &Given<'_>) -> Result<(ConnInfo, u32)> {
    let info = given.restore_server().await?;
    let facts = server_facts(&info).await.doing(|| "look at the server of the copy")?;
    if !facts.may_create_databases {
        return Err(Error::new(format!("{} may not create databases on {}", info.user(), info.describe()))
            .hint(format!("ALTER ROLE {} CREATEDB", info.user())));
    }
    let restore = &given.config.restore;
    if restore.copy == CopyFate::Replace {
        super::fate::demand_replaceable(given, &info).await?;
    }
    Ok((info, facts.major))
}
