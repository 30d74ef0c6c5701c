//! Runs a command on the host of a source, with ssh: the key of the host is always checked, and only the configured key logs in.
//!
//! No file of OpenSSH's own configuration is read, no agent is asked, and nothing is forwarded.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::base::error::Error;
use crate::base::marked::MarkedText;
use crate::config::FilesSettings;

/// How a host is reached.
#[derive(Debug, Clone)]
pub struct Ssh {
    program: PathBuf,
    host: String,
    user: String,
    port: u16,
    key_file: PathBuf,
    known_hosts: PathBuf,
}

impl Ssh {
    /// `None`: the source is on this host.
    pub fn new(
        settings: &FilesSettings,
        program: impl FnOnce() -> crate::base::error::Result<PathBuf>,
    ) -> crate::base::error::Result<Option<Self>> {
        let Some(host) = &settings.host else { return Ok(None) };
        Ok(Some(Self {
            program: program()?,
            host: host.clone(),
            user: settings.user.clone().unwrap_or_default(),
            port: settings.port.unwrap_or(22),
            key_file: settings.key_file.clone().unwrap_or_default(),
            known_hosts: settings.known_hosts.clone().unwrap_or_default(),
        }))
    }

    fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = ["-F", "none", "-a", "-x", "-T", "-p"].map(str::to_owned).to_vec();
        options.extend([self.port.to_string(), "-i".to_owned(), self.key_file.display().to_string()]);
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts.display());
        let fixed = [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
            "UpdateHostKeys=no",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "PreferredAuthentications=publickey",
            "ClearAllForwardings=yes",
            "ControlMaster=no",
            "ControlPath=none",
            "PermitLocalCommand=no",
            "ConnectTimeout=30",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
            "LogLevel=ERROR",
            known_hosts.as_str(),
        ];
        options.extend(fixed.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
        options
    }

    /// Runs this line by the shell of the user there.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.options()).args(["-l", &self.user, "--", &self.host, line]);
        command
    }

    /// For rsync's `-e`, which splits at blanks: no option holds one.
    pub fn for_rsync(&self) -> String {
        let program = self.program.display().to_string();
        std::iter::once(program).chain(self.options()).collect::<Vec<_>>().join(" ")
    }

    /// `user@host:` as rsync takes it.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("{}@[{}]:", self.user, self.host),
            false => format!("{}@{}:", self.user, self.host),
        }
    }

    /// As the file of known hosts names it.
    pub fn known_as(&self) -> String {
        if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }

    /// The file of known hosts.
    pub fn known_hosts(&self) -> &Path {
        &self.known_hosts
    }

    /// The private key.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// How the key of a new host gets into the file of known hosts.
    pub fn scan(&self) -> String {
        let (port, host, known) = (self.port, &self.host, self.known_hosts.display());
        format!(
            "ssh-keyscan -p {port} {host} >> {known}, and compare its fingerprint (ssh-keygen -lf {known}) with that of the host"
        )
    }

    /// What the user may try, by what ssh or a program there said.
    pub fn hint(&self, said: &str) -> Option<String> {
        let (user, host, key) = (&self.user, &self.host, self.key_file.display());
        let known = self.known_hosts.display();
        let has = |text: &str| said.contains(text);
        if has("Host key verification failed") || has("host key is known") {
            let scan = self.scan();
            return Some(format!("compare the key of the host with {known}; a new host: {scan}"));
        }
        if has("UNPROTECTED PRIVATE KEY") || has("bad permissions") {
            return Some(format!("chmod 600 {key}"));
        }
        if has("Permission denied (") {
            return Some(format!("ssh-keygen -y -f {key} prints the line for ~{user}/.ssh/authorized_keys on {host}"));
        }
        if has("rsync: command not found") || has("rsync: not found") || has("code 127") {
            return Some(format!("install rsync on {host}"));
        }
        None
    }
}

/// An error of ssh, or of a program that it ran: what it said may hold names of files.
pub fn error_of(program: &str, said: &[String], code: Option<i32>) -> Error {
    let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
    let is_frame = |line: &String| {
        ["rsync error:", "rsync: connection unexpectedly closed", "@", "IT IS POSSIBLE"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let is_refusal = |line: &&String| line.contains("Host key verification failed");
    let cause = said.iter().find(is_refusal).or(said.iter().find(|line| !is_frame(line))).or(said.last());
    let safe = format!("{program} ended with {code}");
    Error::new(match cause {
        Some(cause) => MarkedText::with_values(format!("{program}: {cause}"), safe),
        None => format!("{safe} and no output").into(),
    })
}
