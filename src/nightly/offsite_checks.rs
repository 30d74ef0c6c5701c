//! Checks the off-site repository: restic, the secrets, the password, locks. A run makes them only where it needs them: an off-site copy
//! that fails does not prevent a run.

use super::check::{CheckList, CheckStage};
use super::context::RunContext;
use crate::base::error::{Context, Error, Result};
use crate::model::verdict::counted;
use crate::storage::offsite::OffsiteRepository;

/// Checks what `[offsite]` names, if there is one; offline only the program and the secrets.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn check(list: &mut CheckList, context: &RunContext<'_>, is_offline: bool) -> Result<()> {
    let opened = match context.offsite().await {
        Ok(None) => return Ok(()),
        Ok(Some(repository)) => program(repository).await,
        Err(error) => Err(error),
    };
    let Some(repository) = list.add(CheckStage::AfterVerdict, "offsite", opened)? else { return Ok(()) };
    if is_offline {
        return Ok(());
    }
    list.note(CheckStage::AfterVerdict, "off-site repository", contents(&repository).await)
}

async fn program(repository: OffsiteRepository) -> Result<(OffsiteRepository, String)> {
    let seen = format!("{}, restic {}", repository.describe(), repository.version().await?);
    Ok((repository, seen))
}

/// Its password opens it, and it can be written to.
async fn contents(repository: &OffsiteRepository) -> Result<String> {
    let backups = repository.backups().await?;
    let lock = repository.exclusive_lock().await.doing(|| "look for locks")?;
    if let Some(lock) = lock {
        let hint = "wait for it; if that process is gone: restic unlock";
        return Err(Error::new(format!("it is locked by {lock}")).hint(hint));
    }
    let verified: Vec<_> = backups.iter().filter(|backup| backup.is_verified()).collect();
    let newest = verified.first().map(|newest| format!(", the newest {}", newest.id)).unwrap_or_default();
    Ok(format!("{}{newest}", counted(verified.len(), "verified backup")))
}
