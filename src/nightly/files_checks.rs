//! Checks the directories of `[[files]]`: rsync, the key, the key of the host, the source, the disk of the snapshots. A run makes them only
//! where it needs them: files that cannot be copied do not prevent a run.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::check::{CheckList, CheckStage};
use super::context::RunContext;
use crate::base::error::{Context, Error, Result};
use crate::config::FilesSettings;
use crate::storage::files::{FilesSnapshots, FilesSource, Rsync, Ssh};

/// Group and others.
const NOT_PRIVATE: u32 = 0o077;

/// Checks every section; offline only what is on this machine.
///
/// # Errors
/// A check failed, and a run stops there.
pub async fn check(
    list: &mut CheckList,
    context: &RunContext<'_>,
    is_offline: bool,
    directory: impl Fn(&Path) -> Result<String>,
) -> Result<()> {
    for settings in &context.config.files {
        let name = format!("files {}", settings.name);
        let checked = local(context, settings, &directory).await;
        let Some(source) = list.add(CheckStage::Files, &name, checked)? else { continue };
        if !is_offline || source.ssh.is_none() {
            let seen = source.probe().await.map(|()| settings.source());
            list.note(CheckStage::Files, &format!("{name}: source"), seen)?;
        }
    }
    Ok(())
}

async fn local(
    context: &RunContext<'_>,
    settings: &FilesSettings,
    directory: &impl Fn(&Path) -> Result<String>,
) -> Result<(FilesSource, String)> {
    let source = FilesSource::configured(settings, context.environment)?;
    let rsync = Rsync::configured(settings, context.environment)?;
    let version = rsync.version(&source).await?;
    if let Some(ssh) = &source.ssh {
        check_key(ssh.key_file())?;
        check_known(context, ssh)?;
    }
    let room = directory(&settings.directory)?;
    let snapshots = FilesSnapshots::new(settings.snapshots()).verified()?;
    let newest = snapshots.last().map_or("no snapshot yet".to_owned(), |newest| format!("newest snapshot {newest}"));
    Ok((source, format!("rsync {version}; {newest}; {room}")))
}

/// ssh refuses a key that others can read.
fn check_key(path: &Path) -> Result<()> {
    let doing = || format!("read the key {}", path.display());
    let metadata = std::fs::File::open(path).and_then(|file| file.metadata()).doing(doing)?;
    if metadata.mode() & NOT_PRIVATE != 0 {
        let error = Error::new("others may read it").hint(format!("chmod 600 {}", path.display()));
        return Err(error).doing(doing);
    }
    Ok(())
}

fn check_known(context: &RunContext<'_>, ssh: &Ssh) -> Result<()> {
    let (name, known) = (ssh.known_as(), ssh.known_hosts().display().to_string());
    let doing = || format!("look for {name} in {known}");
    std::fs::File::open(ssh.known_hosts()).doing(doing)?;
    let mut command = Command::new("ssh-keygen");
    command.env_clear().envs((context.environment)("PATH").map(|path| ("PATH", path)));
    let found = command.args(["-F", &name, "-f", &known]).output().doing(doing)?;
    match found.status.success() {
        true => Ok(()),
        false => Err(Error::new("the key of the host is not there").hint(ssh.scan())).doing(doing),
    }
}
