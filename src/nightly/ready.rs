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
use crate::preflight::{self, Check, World};
use crate::session::{Session, SessionOptions, text};

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

/// What can be tried beyond files and programs: the servers, and the mark of the backup directory. For `config check`.
pub async fn servers(given: &Given<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name: &str, result: Result<String>| checks.push(Check { name: name.to_owned(), result });
    add("backups", backups(given).map(|(_, note)| note));
    let server = server(given).await;
    add("server of the copy", server.map(|(info, major)| format!("{}, PostgreSQL {major}", info.describe())));
    if let Source::Postgres(source) = &given.config.source {
        let reached = async {
            let info = given.postgres_source(source).await?;
            let facts = server_facts(&info).await?;
            Ok(format!("{}, PostgreSQL {}", info.describe(), facts.major))
        };
        add("source", reached.await);
    }
    checks
}

/// Everything that can be known before anything is paid for. `engine_version` is the snapshot's.
///
/// # Errors
/// Whatever would only fail later, and cost money until then.
pub async fn demand(given: &Given<'_>, engine_version: Option<&str>) -> Result<Ready> {
    let world = World { environment: given.environment, now: (given.now)() };
    let mut notes = Vec::new();
    for check in preflight::local(given.config, &world).await {
        let seen = check.result.doing(|| check.name.clone())?;
        notes.push(format!("{}: {seen}", check.name));
    }
    let tools = given.tools()?;
    let (backups, note) = backups(given)?;
    notes.push(note);
    let (server, restore_major) = server(given).await?;
    if let Some(version) = engine_version {
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        let major = major.ok_or_else(|| Error::new(format!("the snapshot has the engine version {version:?}")))?;
        dumping::check_versions(&tools, major, restore_major)?;
    }
    notes.push(format!("{}, PostgreSQL {restore_major}", server.describe()));
    Ok(Ready { tools, backups, server, restore_major, notes })
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
            .hint(format!("give the role {} CREATEDB", info.user())));
    }
    let restore = &given.config.restore;
    if restore.copy == CopyFate::Replace {
        super::fate::demand_replaceable(given, &info).await?;
    }
    Ok((info, facts.major))
}
