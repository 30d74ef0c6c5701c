//! A night with an off-site repository: real restic on this disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::night::{NightlyScenario, text};
use super::packages::restic;
use super::programs::put_program;

/// Of every repository.
pub const PASSWORD: &str = "correct horse battery staple";

/// A file of mode 0600.
pub fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// restic itself, as an administrator runs it.
pub fn restic_for(repository: &str) -> Command {
    let mut command = Command::new(restic());
    command.arg("--no-cache").env("RESTIC_REPOSITORY", repository).env("RESTIC_PASSWORD", PASSWORD);
    command
}

impl NightlyScenario {
    /// With this repository, which need not exist.
    pub fn configure_offsite(&mut self, repository: &str) {
        private(&self.path("password"), &format!("{PASSWORD}\n"));
        let lines = vec![
            text("repository", repository),
            text("password_file", self.path("password")),
            text("program", restic()),
            "lock_wait = \"1s\"".to_owned(),
        ];
        self.sections.push(("offsite".into(), lines));
    }

    /// With a new repository on this disk; its location.
    pub fn use_offsite(&mut self) -> String {
        let repository = self.path("repository").display().to_string();
        self.configure_offsite(&repository);
        let output = restic_for(&repository).arg("init").output().unwrap();
        assert!(output.status.success(), "{}", super::night::said(&output));
        repository
    }

    /// A program before the real restic; `$REAL` in the script is that one.
    pub fn wrap_restic(&mut self, script: &str) {
        let file = self.path("restic-wrapper");
        put_program(&file, &format!("#!/bin/sh\nREAL={}\n{script}\n", restic()));
        self.set("offsite", &text("program", &file));
    }
}
