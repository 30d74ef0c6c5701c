//! The environment for pg_dump, pg_restore and psql: the same server, user and safety as our own connections.
//!
//! No password in an argument or in a variable, where other users of the machine may see it.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Once;

use tempfile::NamedTempFile;

use super::{ConnInfo, HostSpec, keywords, parse, passfile};
use crate::base::error::{Context, Result};
use crate::postgres::server::Owner;

/// Not for children: what `resolve` has already looked up, secrets, and what pg_dump sets by itself (its encoding).
const LEFT_OUT: &[&str] = &["service", "servicefile", "password", "passfile", "client_encoding"];

/// How password files are named: whose they are stands behind it.
const PREFIX: &str = "pgwitness-pass-";
const SUFFIX: &str = ".pgpass";

/// Removes the password files of processes that were killed. What is not certainly ours and left behind stays.
fn sweep(dir: &Path) {
    let us = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = || entry.metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == us);
        let is_left = name.ends_with(SUFFIX) && Owner::after(PREFIX, &name).is_some_and(|owner| owner.is_dead());
        if is_left && is_ours() {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

/// Variables for a child, and the password file they point at, which is removed when this value is dropped.
#[derive(Debug)]
pub struct ChildEnvironment {
    variables: BTreeMap<String, String>,
    connection_argument: String,
    passfile: NamedTempFile,
}

impl ChildEnvironment {
    /// Every variable to set, by name.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Adds to `PGOPTIONS`, for instance the settings that pin a session.
    #[must_use]
    pub fn with_options(mut self, extra: &str) -> Self {
        let options = super::settings::joined_options(self.variables.get("PGOPTIONS").map(String::as_str), extra);
        self.variables.insert("PGOPTIONS".into(), options);
        self
    }

    /// Sets the variables, and removes every other one that libpq reads.
    pub fn apply(&self, command: &mut std::process::Command) {
        for variable in keywords::with_variable().map(|(_, variable)| variable).chain(["PGREQUIRESSL", "PGSYSCONFDIR"])
        {
            command.env_remove(variable);
        }
        command.envs(&self.variables);
    }

    /// For `--dbname`: the settings that have no variable (keepalives). Holds no secret.
    pub fn connection_argument(&self) -> &str {
        &self.connection_argument
    }

    /// The temporary password file (mode 0600).
    pub fn passfile(&self) -> &Path {
        self.passfile.path()
    }
}

impl ConnInfo {
    /// Environment for a child that uses libpq. Keep the value until the child has ended.
    pub fn child_environment(&self) -> Result<ChildEnvironment> {
        let passfile = self.write_passfile().doing(|| "write password file for a child")?;
        let given = self.params.iter().filter(|(keyword, _)| !LEFT_OUT.contains(&keyword.as_str()));
        let mut variables: BTreeMap<String, String> = given
            .filter_map(|(keyword, value)| Some((keywords::variable(keyword)?.to_owned(), value.clone())))
            .collect();
        // Spelt out, because a wrapper around psql may put its own default for a PGHOST that is not set.
        let hosts = self.hosts();
        let list = |of: fn(&HostSpec) -> String| hosts.iter().map(of).collect::<Vec<_>>().join(",");
        variables.insert("PGHOST".into(), list(|host| host.host.clone()));
        variables.insert("PGPORT".into(), list(|host| host.port.to_string()));
        variables.insert("PGPASSFILE".into(), passfile.path().to_string_lossy().into_owned());
        variables.insert("PGAPPNAME".into(), self.application_name().to_owned());
        variables.insert("PGCONNECT_TIMEOUT".into(), self.connect_timeout().map_or(0, |t| t.as_secs()).to_string());
        Ok(ChildEnvironment { variables, connection_argument: self.connection_argument(), passfile })
    }

    fn connection_argument(&self) -> String {
        let keepalives = self.keepalives();
        format!(
            "dbname={} keepalives={} keepalives_idle={} keepalives_interval={} keepalives_count={}",
            parse::quote_value(self.dbname()),
            u8::from(keepalives.is_on),
            keepalives.idle.as_secs(),
            keepalives.interval.as_secs(),
            keepalives.retries
        )
    }

    /// One line a host; without a password the file is empty, so that the child does not fall back to another one.
    fn write_passfile(&self) -> Result<NamedTempFile> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(&std::env::temp_dir()));
        let prefix = format!("{PREFIX}{}-", Owner::ourselves());
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile()?;
        for host in self.hosts() {
            let Some((password, _)) = self.password_for(&host) else { continue };
            let (user, password) = (passfile::escape(self.user())?, passfile::escape(&password)?);
            // A child's libpq looks for "localhost" where the directory is its own default, which we do not know.
            let local = host.socket_directory().map(|_| "localhost".to_owned());
            for name in [passfile::escape(host.name())?].into_iter().chain(local) {
                writeln!(file, "{name}:{}:*:{user}:{password}", host.port)?;
            }
        }
        file.flush()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_file_of_a_killed_process_is_removed_and_that_of_a_living_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let living = dir.path().join(format!("{PREFIX}{}-x{SUFFIX}", Owner::ourselves()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = Owner::ourselves().to_string().replace(&std::process::id().to_string(), &child.id().to_string());
        child.wait().unwrap();
        let dead = dir.path().join(format!("{PREFIX}{dead}-x{SUFFIX}"));
        let foreign = dir.path().join("pgwitness-pass-notes.pgpass");
        [&living, &dead, &foreign].iter().for_each(|path| std::fs::write(path, "secret").unwrap());
        sweep(dir.path());
        assert_eq!([&living, &dead, &foreign].map(|path| path.exists()), [true, false, true]);
    }
}
