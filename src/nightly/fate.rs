//! What becomes of the copy once there is a verdict.
//!
//! Only a copy that was found sound is ever kept, under a name that people use only after the hook has run on it: whoever finds the
//! name finds a copy that was cleaned. A database that we did not make is never dropped and never replaced.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::given::Given;
use super::hooks;
use crate::config::CopyFate;
use crate::conninfo::ConnInfo;
use crate::error::{Context, Error, Result};
use crate::restoring::{self, CopyIdentity};
use crate::store::write::replace_own;
use crate::strict;

const NAME: &str = "copies.json";
const FORMAT: u32 = 1;

/// The copies that earlier nights have kept: what may be replaced.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    copies: Vec<CopyIdentity>,
}

impl Kept {
    fn read(state: &Path) -> Result<Self> {
        let path = state.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => strict::from_slice("list of kept copies", &bytes, FORMAT..=FORMAT)
                .doing(|| format!("read {}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self { format: FORMAT, copies: Vec::new() }),
            Err(error) => Err(error).doing(|| format!("read {}", path.display())),
        }
    }

    fn write(&self, state: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| Error::from_source(&error))?;
        bytes.push(b'\n');
        replace_own(state, NAME, &bytes).map(drop)
    }
}

/// The name under which the copy is to be kept is free, or is that of a copy of ours.
///
/// # Errors
/// Somebody else's database has it.
pub async fn demand_replaceable(given: &Given<'_>, admin: &ConnInfo) -> Result<()> {
    let name = &given.config.restore.database;
    let Some(found) = restoring::find_copy(admin, name).await? else { return Ok(()) };
    if Kept::read(given.state())?.copies.contains(&found) {
        return Ok(());
    }
    Err(Error::new(format!("the database {name} is not a copy that pgwitness made: it will not be replaced"))
        .hint("give the copy another name (restore.database), or drop that database yourself"))
}

/// Runs the hook on the copy and gives it the name under which it is kept; `None` when it is to be dropped.
///
/// # Errors
/// The hook failed, or the name is not to be had: the copy is as it was, and should be dropped.
pub async fn keep(
    given: &Given<'_>,
    admin: &ConnInfo,
    copy: &CopyIdentity,
    stamp: &str,
) -> Result<Option<CopyIdentity>> {
    let restore = &given.config.restore;
    let name = match restore.copy {
        CopyFate::Drop => {
            after_restore(given, admin, copy).await?;
            return Ok(None);
        }
        CopyFate::Replace => restore.database.clone(),
        CopyFate::Keep => format!("{}_{stamp}", restore.database),
    };
    after_restore(given, admin, copy).await?;
    let protected = &given.config.protected.databases;
    let mut kept = Kept::read(given.state())?;
    if restore.copy == CopyFate::Replace {
        demand_replaceable(given, admin).await?;
        if let Some(old) = restoring::find_copy(admin, &name).await? {
            restoring::drop_copy(admin, &old, protected).await?;
            kept.copies.retain(|copy| *copy != old);
        }
    }
    // Under its name to be, before it has it: a copy is never kept that we do not know of.
    kept.copies.push(CopyIdentity { database: name.clone(), ..copy.clone() });
    kept.write(given.state())?;
    restoring::rename_copy(admin, copy, &name, protected).await.map(Some)
}

async fn after_restore(given: &Given<'_>, admin: &ConnInfo, copy: &CopyIdentity) -> Result<()> {
    let command = &given.config.hooks.after_restore;
    if command.is_empty() {
        return Ok(());
    }
    // Kept until the hook has ended: it owns the password file.
    let environment = admin.with_dbname(&copy.database).child_environment()?;
    let mut variables: BTreeMap<String, String> = environment.variables().clone();
    variables.insert("PGWITNESS_COPY".into(), copy.database.clone());
    variables.insert("PGDATABASE".into(), copy.database.clone());
    let timeout = given.config.hooks.timeout.map(|timeout| timeout.duration());
    hooks::run("after_restore", command, &variables, timeout).await
}
