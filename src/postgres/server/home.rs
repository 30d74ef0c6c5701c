//! The directory of a throw-away server: its owner process, its user, and the removal of one whose owner has ended.
//!
//! The directory's name says which process owns it (process identifier and when that process started), so that there
//! is no moment at which a directory exists without its owner. Leaves alone a directory that another user owns, and
//! one whose owner may still be running.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{ClusterOptions, run};
use crate::base::error::{Context, Error, Result};
use crate::postgres::tools::PgTools;

/// What the names of all these directories start with.
pub(super) const PREFIX: &str = "pgwitness-cluster-";

/// A socket's path is limited to 103 bytes on macOS and 107 on Linux.
const SOCKET_PATH_BYTES: usize = 103;

/// A user and its group, by number.
pub(super) type User = (u32, u32);

/// The directory of one server: data, log and socket. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Home {
    dir: TempDir,
    /// Who runs the server, if we are root.
    user: Option<User>,
}

impl Home {
    pub(super) fn create(options: &ClusterOptions) -> Result<Self> {
        let parent = &options.parent;
        let doing = || format!("make a directory in {}", parent.display());
        let dir = match &options.name {
            Some(name) => tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in(parent).doing(doing)?,
            None => {
                let prefix = format!("{PREFIX}{}-", Owner::ourselves());
                tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).doing(doing)?
            }
        };
        if dir.path().as_os_str().len() + "/.s.PGSQL.65535".len() > SOCKET_PATH_BYTES {
            return Err(Error::new(format!("{} is too long for the path of a socket", dir.path().display())));
        }
        let user = if owner_of(dir.path())? == 0 { Some(unprivileged_user()?) } else { None };
        let home = Self { dir, user };
        home.give(home.dir())?;
        Ok(home)
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir().join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir().join("log")
    }

    /// Who runs the server, if it is not ourselves.
    pub(super) fn user(&self) -> Option<User> {
        self.user
    }

    /// A command that runs as the server's user.
    pub(super) fn command(&self, program: &Path) -> Command {
        command_as(self.user, program, self.dir())
    }

    /// Makes a path the server's own.
    pub(super) fn give(&self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.user else { return Ok(()) };
        chown(path, Some(user), Some(group)).doing(|| format!("give {} to user {user}", path.display()))
    }

    /// Writes a file that only the server's user may read.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        use std::io::Write;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(content)).doing(|| format!("write {}", path.display()))?;
        self.give(path)
    }
}

/// A command without our environment, and without our terminal's Ctrl-C, which would stop a stop half way.
fn command_as(user: Option<User>, program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(dir).process_group(0);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

fn owner_of(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).doing(|| format!("look at {}", path.display()))?.uid())
}

/// The user for a server that root starts. It requires a user with a name, so a free number does not work.
fn unprivileged_user() -> Result<User> {
    let ask = |flag: &str| -> Result<u32> {
        let answer = run(Command::new("id").args([flag, "nobody"]))?;
        answer.trim().parse().map_err(|_| Error::new(format!("id {flag} nobody printed {answer:?}")))
    };
    let user = ask("-u").and_then(|user| Ok((user, ask("-g")?)));
    user.map_err(|e| e.context("find a user other than root").hint("PostgreSQL refuses to run as root"))
}

/// A process, so named that it is not mistaken for a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The process namespace: a container that shares our /tmp has processes that we cannot see.
    space: u64,
    process: u32,
    /// When it started, in clock ticks since boot; 0 where there is no /proc.
    started: u64,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.space, self.process, self.started)
    }
}

impl Owner {
    /// This process.
    pub fn ourselves() -> Self {
        let process = std::process::id();
        Self { space: process_space(), process, started: started(process).unwrap_or(0) }
    }

    /// From the name of a directory; none if it is not one of ours.
    fn parse(name: &str) -> Option<Self> {
        Self::after(PREFIX, name)
    }

    /// As it stands behind a prefix, with something random after it.
    pub fn after(prefix: &str, name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(prefix)?.splitn(4, '-');
        let space = parts.next()?.parse().ok()?;
        let process = parts.next()?.parse().ok()?;
        let started = parts.next()?.parse().ok()?;
        parts.next().map(|_| Self { space, process, started })
    }

    /// An owner in another process namespace counts as running.
    pub fn is_dead(&self) -> bool {
        if self.space != process_space() {
            return false;
        }
        if self.started != 0 {
            return started(self.process) != Some(self.started);
        }
        let mut ps = Command::new("ps");
        ps.args(["-p", &self.process.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ps.status().is_ok_and(|status| !status.success())
    }
}

/// The number in `pid:[4026531836]`, 0 where there is no /proc.
fn process_space() -> u64 {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

/// When a living process (not a zombie) started: field 22 of /proc/PID/stat. Field 2, the command, may contain anything, but is in brackets.
fn started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_command) = stat.rsplit_once(')')?;
    let mut fields = after_command.split_whitespace();
    let state = fields.next()?;
    if state == "Z" { None } else { fields.nth(18)?.parse().ok() }
}

/// Stops and removes the servers in `parent` whose owners are dead. What cannot be removed stays for the next time:
/// that is no reason not to start another.
pub(super) fn sweep(parent: &Path, tools: &PgTools) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let dead = entry.file_name().to_str().and_then(Owner::parse).is_some_and(|owner| owner.is_dead());
        if dead {
            let _ = remove_left_over(&entry.path(), tools);
        }
    }
}

/// Any user may write to /tmp. So nothing is run with more rights than the directory's owner has, and a link
/// is not followed.
pub(in crate::postgres) fn remove_left_over(dir: &Path, tools: &PgTools) -> Result<()> {
    let meta = fs::symlink_metadata(dir).doing(|| format!("look at {}", dir.display()))?;
    let we = rustix::process::geteuid().as_raw();
    let user = if we == 0 { unprivileged_user().ok().filter(|(user, _)| *user == meta.uid()) } else { None };
    if !meta.is_dir() || !(meta.uid() == we || user.is_some()) {
        return Err(
            Error::new("it belongs to another user, or is no directory").context(format!("remove {}", dir.display()))
        );
    }
    let data = dir.join("data");
    if data.join("postmaster.pid").exists() {
        let mut command = command_as(user, &tools.program("pg_ctl"), Path::new("/"));
        let _ = run(command.args(["stop", "-m", "immediate", "-s", "-w", "-t", "20", "-D"]).arg(&data));
    }
    fs::remove_dir_all(dir).doing(|| format!("remove {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_name_says_whose_it_is() {
        let owner = Owner { space: 4026531836, process: 77, started: 1234 };
        let name = format!("{PREFIX}{owner}-x-Y2");
        assert_eq!(Owner::parse(&name), Some(owner));
        for foreign in ["pgwitness-cluster-", "pgwitness-cluster-1-2-x-y", "pgwitness-cluster-1-2-3", "other-1-2-3-x"] {
            assert_eq!(Owner::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_living_process_is_not_dead_and_a_reused_number_is_not_it() {
        let us = Owner::ourselves();
        assert!(!us.is_dead());
        if us.started != 0 {
            assert!(Owner { started: us.started + 1, ..us.clone() }.is_dead());
            assert!(!Owner { space: us.space + 1, started: us.started + 1, ..us }.is_dead());
        }
    }
}
