//! Keys in a real ssh-agent, named by their public half.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::{KINDS, file, make, ssh_keygen_accepts};
use crate::small_report::{IDENTITY, make_key, night, write_report};
use crate::support::pgwitness;
use crate::support::ssh_agent::Agent;
use pgwitness::storage::reports::{KeyFile, read_key};

/// A signed report of another key, and a key's public half.
pub struct Desk {
    pub dir: tempfile::TempDir,
    pub report: PathBuf,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (key, _) = make_key(dir.path());
        let report = write_report(dir.path(), Some(&key), night());
        let report = if report.is_dir() { report } else { report.parent().unwrap().to_owned() };
        Self { dir, report }
    }

    pub fn acknowledge(&self, key: &Path, socket: Option<&Path>) -> Output {
        let mut command = pgwitness();
        command.args(["report", "acknowledge"]).arg(&self.report).args(["--note", "seen", "--key"]).arg(key);
        if let Some(socket) = socket {
            command.env("SSH_AUTH_SOCK", socket);
        }
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The review and its signature, which are removed.
    pub fn review(&self) -> (PathBuf, String) {
        let mut found: Vec<PathBuf> =
            fs::read_dir(self.report.join("reviews")).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        let [review, armored] = &found[..] else { panic!("{found:?}") };
        let kept = self.dir.path().join("review.json");
        fs::rename(review, &kept).unwrap();
        let text = fs::read_to_string(armored).unwrap();
        fs::remove_file(armored).unwrap();
        (kept, text)
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

#[test]
fn a_key_in_an_ssh_agent_acknowledges_a_report_by_its_public_half() {
    let desk = Desk::new();
    let agent = Agent::start(desk.dir.path());
    for kind in KINDS {
        let private = make(desk.dir.path(), kind, "");
        agent.add(&private);
        fs::remove_file(&private).unwrap();
        let public = private.with_extension("pub");
        let output = desk.acknowledge(&public, Some(&agent.socket));
        assert!(output.status.success(), "{kind:?}: {}", said(&output));
        let line = said(&output).lines().find(|line| line.starts_with(IDENTITY)).unwrap().to_owned() + "\n";
        let (review, armored) = desk.review();
        assert!(ssh_keygen_accepts(desk.dir.path(), "pgwitness-review", &line, &armored, &review), "{kind:?}");
    }
}

#[test]
fn a_public_key_that_no_agent_has_is_one_clear_line() {
    let desk = Desk::new();
    let private = make(desk.dir.path(), KINDS[0], "");
    let public = private.with_extension("pub");
    fs::remove_file(&private).unwrap();
    let agent = Agent::start(desk.dir.path());
    for socket in [None, Some(agent.socket.as_path())] {
        let output = desk.acknowledge(&public, socket);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("(ssh-keygen): it is a public key, and no ssh-agent signs with it: "), "{said}");
        assert!(said.contains("try: give the private key, or ssh-add it"), "{said}");
        assert!(!desk.report.join("reviews").exists());
    }
    let with_passphrase = KeyFile { path: public.clone(), passphrase: Some("open sesame".into()) };
    let error = read_key(&with_passphrase).unwrap_err().to_string();
    assert!(error.ends_with("it is a public key, and a passphrase is for a private one"), "{error}");
    let readable = read_key(&file(&public)).unwrap();
    assert!(pgwitness::storage::signature::rehearse(&readable).is_err());
}

#[test]
fn without_ssh_keygen_the_package_is_named() {
    let desk = Desk::new();
    let key = make(desk.dir.path(), KINDS[4], "");
    let mut command = pgwitness();
    command.args(["report", "acknowledge"]).arg(&desk.report).args(["--note", "seen", "--key"]).arg(&key);
    let output = command.env("PATH", "/nonexistent").output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("try: install OpenSSH's client (Debian: openssh-client; RPM: openssh)"), "{said}");
}
