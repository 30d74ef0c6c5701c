//! A night with one section `[[files]]`: a directory of media, on this host or behind an SSH server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::night::{NightlyScenario, text};
use super::programs::put_program;
use super::sshd::Sshd;

/// The name of the only section `[[files]]` in a scenario: between the brackets of the other ones.
pub const SECTION: &str = "[files]";

impl NightlyScenario {
    /// With the directory `media`, which is empty, and its snapshots below `snapshots`.
    pub fn use_files(&mut self) {
        let (media, snapshots) = (self.path("media"), self.path("snapshots"));
        fs::create_dir(&media).unwrap();
        fs::create_dir(&snapshots).unwrap();
        let lines = vec!["name = \"media\"".to_owned(), text("path", &media), text("directory", &snapshots)];
        self.sections.push((SECTION.to_owned(), lines));
    }

    /// With that directory behind this SSH server.
    pub fn use_remote_files(&mut self, sshd: &Sshd) {
        for line in [
            "host = \"127.0.0.1\"".to_owned(),
            format!("port = {}", sshd.port),
            format!("user = {:?}", sshd.user),
            text("key_file", sshd.path("client")),
            text("known_hosts", sshd.path("known")),
        ] {
            self.set(SECTION, &line);
        }
        // Another user must reach it.
        fs::set_permissions(self.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program before the real rsync; `$REAL` in the script is that one.
    pub fn wrap_rsync(&mut self, script: &str) {
        let real = Command::new("sh").args(["-c", "command -v rsync"]).output().unwrap();
        let real = String::from_utf8(real.stdout).unwrap();
        let file = self.path("rsync-wrapper");
        put_program(&file, &format!("#!/bin/sh\nREAL={}\n{script}\n", real.trim()));
        self.set(SECTION, &text("rsync", &file));
    }
}
