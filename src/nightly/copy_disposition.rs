//! Keeps or drops the restored copy after the verdict.
//!
//! Only a sound copy is kept, and it gets its public name only after the hook has run on it, so that a copy under that name is
//! always cleaned. A database that pgwitness did not create is never dropped or replaced.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::context::RunContext;
use super::hooks;
use super::restoring::{self, CopyIdentity};
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::json;
use crate::config::{CopyFate, Span};
use crate::postgres::conninfo::ConnInfo;
use crate::storage::reports::write::replace_own;

const NAME: &str = "copies.json";
const FORMAT: u32 = 1;

/// The copies that earlier runs have kept and that may be replaced.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptCopies {
    format: u32,
    copies: Vec<CopyIdentity>,
}

impl KeptCopies {
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
pub fn is_kept(context: &RunContext<'_>, copy: &CopyIdentity) -> Result<bool> {
    let kept = KeptCopies::read(context.state())?.copies;
    Ok(kept.iter().any(|kept| is_same_database(kept, copy)))
}

/// Whatever its name is now.
fn is_same_database(one: &CopyIdentity, other: &CopyIdentity) -> bool {
    (one.oid, &one.system_identifier) == (other.oid, &other.system_identifier)
}

/// The copy of an earlier run that has the name under which the new copy is to be kept; `None` when the name is free.
///
/// # Errors
/// A database that pgwitness did not create has the name.
pub async fn replaceable(context: &RunContext<'_>, admin: &ConnInfo) -> Result<Option<CopyIdentity>> {
    let name = &context.config.restore.database;
    let Some(found) = restoring::find_copy(admin, name).await? else { return Ok(None) };
    if KeptCopies::read(context.state())?.copies.contains(&found) {
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
    context: &RunContext<'_>,
    admin: &ConnInfo,
    copy: &CopyIdentity,
    stamp: &str,
) -> Result<Option<CopyIdentity>> {
    after_restore(context, admin, copy).await?;
    let restore = &context.config.restore;
    match restore.copy {
        CopyFate::Drop => Ok(None),
        CopyFate::Replace => replace(context, admin, copy).await.map(Some),
        CopyFate::Keep => rename(context, admin, copy, &format!("{}_{stamp}", restore.database)).await.map(Some),
    }
}

/// Drops the old copy only when the new one has its name.
async fn replace(context: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity) -> Result<CopyIdentity> {
    let name = &context.config.restore.database;
    let Some(old) = replaceable(context, admin).await? else { return rename(context, admin, copy, name).await };
    let aside = rename(context, admin, &old, &format!("{}_old", copy.database)).await?;
    let new = match rename(context, admin, copy, name).await {
        Ok(new) => new,
        Err(error) => {
            rename(context, admin, &aside, name).await?;
            return Err(error);
        }
    };
    restoring::drop_copy(admin, &aside, &context.config.protected.databases).await?;
    let mut kept = KeptCopies::read(context.state())?;
    kept.copies.retain(|copy| !is_same_database(copy, &aside));
    kept.write(context.state())?;
    Ok(new)
}

/// Records the copy under its new name before the rename, so that every kept copy is recorded.
async fn rename(context: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity, name: &str) -> Result<CopyIdentity> {
    let mut kept = KeptCopies::read(context.state())?;
    kept.copies.push(CopyIdentity { database: name.to_owned(), ..copy.clone() });
    kept.write(context.state())?;
    let renamed = restoring::rename_copy(admin, copy, name, &context.config.protected.databases).await?;
    kept.copies.retain(|known| known != copy);
    kept.write(context.state())?;
    Ok(renamed)
}

async fn after_restore(context: &RunContext<'_>, admin: &ConnInfo, copy: &CopyIdentity) -> Result<()> {
    let command = &context.config.hooks.after_restore;
    if command.is_empty() {
        return Ok(());
    }
    // Hold this until the hook has ended: it owns the password file.
    let environment = admin.with_dbname(&copy.database).child_environment()?;
    let hook = hooks::Hook::new("after_restore", command, context.config.hooks.timeout.map(Span::duration));
    let mut hook = hook.pass_on(context.environment, &context.config.hooks.environment);
    // Nothing of libpq's that points elsewhere is left in it.
    hook.reach(&environment);
    hook.set("PGDATABASE", &copy.database);
    hook.set("PGWITNESS_COPY", &copy.database);
    hook.run().await
}
