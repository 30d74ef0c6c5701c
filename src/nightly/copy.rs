//! Keeps or drops the restored copy after the verdict.
//!
//! Only a sound copy is kept, and it gets its public name only after the hook has run on it, so that a copy under that name is
//! always cleaned. A database that pgwitness did not create is never dropped or replaced.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::context::RunContext;
use super::hooks;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::config::{CopyFate, Span};
use crate::nightly::restoring::{self, CopyIdentity};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::reports::write::replace_own;

const NAME: &str = "copies.json";
const FORMAT: u32 = 1;

/// The copies that earlier runs have kept and that may be replaced.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptCopy {
    format: u32,
    copies: Vec<CopyIdentity>,
}

impl KeptCopy {
    fn read(state: &Path) -> Result<Self> {
        let path = state.join(NAME);
        match files::read(&path, files::STATE) {
            Ok(bytes) => json::from_slice("list of kept copies", &bytes, FORMAT..=FORMAT)
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

/// Whether this database is a copy that an earlier run, or this one, has kept.
///
/// # Errors
/// The list of kept copies cannot be read.
pub fn is_kept(given: &RunContext<'_>, oid: u32, system_identifier: &str) -> Result<bool> {
    let kept = KeptCopy::read(given.state())?.copies;
    Ok(kept.iter().any(|copy| copy.oid == oid && copy.system_identifier == system_identifier))
}

/// The copy of an earlier run that has the name under which the new copy is to be kept; `None` when the name is free.
///
/// # Errors
/// A database that pgwitness did not create has the name.
pub async fn replaceable(given: &RunContext<'_>, admin: &ConnInfo) -> Result<Option<CopyIdentity>> {
    let name = &given.config.restore.database;
    let Some(found) = restoring::find_copy(admin, name).await? else { return Ok(None) };
    if KeptCopy::read(given.state())?.copies.contains(&found) {
        return Ok(Some(found));
    }
    Err(Error::new(format!("the database {name} is not a copy that pgwitness made: it will not be replaced"))
        .hint("give the copy another name (restore.database), or drop that database yourself"))
}

/// Runs the hook on the copy and renames the copy to the name under which it is kept; `None` when it is to be dropped.
///
/// # Errors
/// The hook failed, or the name is not available: the copy is unchanged, and should be dropped.
pub async fn keep(
    given: &RunContext<'_>,
    admin: &ConnInfo,
    copy: &CopyIdentity,
    stamp: &str,
) -> Result<Option<CopyIdentity>> {
    after_restore(given, admin, copy).await?;
    let restore = &given.config.restore;
    match restore.copy {
        CopyFate::Drop => Ok(None),
        CopyFate::Replace => replace(given, admin, copy).await.map(Some),
        CopyFate::Keep => rename(given, admin, copy, &format!("{}_{stamp}", restore.database)).await.map(Some),
    }
}

/// Drops the old copy only when the new one has its name.
async fn replace(given: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity) -> Result<CopyIdentity> {
    let name = &given.config.restore.database;
    let Some(old) = replaceable(given, admin).await? else { return rename(given, admin, copy, name).await };
    let aside = rename(given, admin, &old, &format!("{}_old", copy.database)).await?;
    let new = match rename(given, admin, copy, name).await {
        Ok(new) => new,
        Err(error) => {
            rename(given, admin, &aside, name).await?;
            return Err(error);
        }
    };
    restoring::drop_copy(admin, &aside, &given.config.protected.databases).await?;
    let mut kept = KeptCopy::read(given.state())?;
    kept.copies.retain(|copy| copy.oid != aside.oid || copy.system_identifier != aside.system_identifier);
    kept.write(given.state())?;
    Ok(new)
}

/// Records the copy under its new name before the rename, so that every kept copy is recorded.
async fn rename(given: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity, name: &str) -> Result<CopyIdentity> {
    let mut kept = KeptCopy::read(given.state())?;
    kept.copies.push(CopyIdentity { database: name.to_owned(), ..copy.clone() });
    kept.write(given.state())?;
    let renamed = restoring::rename_copy(admin, copy, name, &given.config.protected.databases).await?;
    kept.copies.retain(|known| known != copy);
    kept.write(given.state())?;
    Ok(renamed)
}

async fn after_restore(given: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity) -> Result<()> {
    let command = &given.config.hooks.after_restore;
    if command.is_empty() {
        return Ok(());
    }
    // Hold this until the hook has ended: it owns the password file.
    let environment = admin.with_dbname(&copy.database).child_environment()?;
    let hook = hooks::Hook::new("after_restore", command, given.config.hooks.timeout.map(Span::duration));
    let mut hook = hook.pass_on(given.environment, &given.config.hooks.environment);
    // Nothing of libpq's that points elsewhere is left in it.
    hook.reach(&environment);
    hook.set("PGDATABASE", &copy.database);
    hook.set("PGWITNESS_COPY", &copy.database);
    hook.run().await
}
