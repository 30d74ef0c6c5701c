//! Nights with `[[files]]`: real rsync, a real sshd, real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod changing;
mod ends;
mod local;
mod offsite;
mod remote;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::nightly::server;
use crate::support::Database;
use crate::support::night::{NightlyScenario, names, said, text};
use crate::support::sshd::Sshd;

/// Besides the file that says whose they are.
fn snapshots_in(directory: &Path) -> Vec<String> {
    names(directory).into_iter().filter(|name| name != ".pgwitness-files").collect()
}

/// Names that a shell, rsync or a list of lines could take for something else.
const ODD: [&[u8]; 12] = [
    b"a b",
    b"-rf",
    b"line\nbreak",
    b"quote'\"quote",
    b"$(touch pwned)",
    b"`touch pwned`; touch pwned",
    b"\xff\xfe not UTF-8",
    b"back\\slash\\n",
    b" blank ",
    b"*?[a]",
    b"#hash;semi",
    b"cr\rtab\t",
];

/// A database of its own, a night for it, and a directory of media.
struct FilesScenario {
    night: NightlyScenario,
    _database: Database,
}

impl FilesScenario {
    /// With the media on this host.
    fn local(name: &str) -> Self {
        let database = Database::create(server(), name);
        database.run("CREATE TABLE media (id int PRIMARY KEY, path text); INSERT INTO media VALUES (1, 'a');");
        let mut night = NightlyScenario::of_database(server(), name);
        night.set("restore", &format!("database = \"copy_of_{name}\""));
        night.use_files();
        let scenario = Self { night, _database: database };
        scenario.write("plain.txt", "plain");
        scenario.write("sub/deep/file.bin", &"x".repeat(300_000));
        scenario
    }

    /// With the media behind this SSH server.
    fn remote(name: &str, sshd: &Sshd) -> Self {
        let mut scenario = Self::local(name);
        scenario.night.use_remote_files(sshd);
        scenario
    }

    fn media(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.night.path("media").join(Path::new(name.as_ref()))
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.media(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Every kind of entry that a copy can have.
    fn add_odd_entries(&self) {
        for name in ODD {
            fs::write(self.media(OsStr::from_bytes(name)), name).unwrap();
            fs::create_dir_all(self.media("odd").join(OsStr::from_bytes(name))).unwrap();
        }
        symlink("plain.txt", self.media("link")).unwrap();
        symlink("/etc/passwd", self.media("absolute")).unwrap();
        symlink("nowhere", self.media("dangling")).unwrap();
        symlink("../../../../etc", self.media("outside")).unwrap();
        symlink(OsStr::from_bytes(b"to\xff\nx"), self.media("odd target")).unwrap();
        self.write("empty", "");
        self.write("setuid", "s");
        for (name, mode) in [("setuid", 0o4755), ("plain.txt", 0o640), ("sub", 0o755), ("sub/deep", 0o2750)] {
            fs::set_permissions(self.media(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// What is below the directory of the section.
    fn snapshots(&self) -> Vec<String> {
        snapshots_in(&self.night.path("snapshots/media"))
    }

    fn snapshot(&self, name: &str) -> PathBuf {
        self.night.path("snapshots/media").join(name)
    }

    /// The last report.
    fn report(&self) -> Value {
        self.night.reports().pop().unwrap()
    }

    /// Its only section of files.
    fn facts(&self) -> Value {
        self.report()["night"]["files"][0].clone()
    }

    /// A program before the real rsync; `$REAL` in the script is that one.
    fn wrap_rsync(&mut self, script: &str) {
        self.night.wrap_rsync(&format!("MEDIA='{}'\n{script}", self.media("").display()));
    }
}

/// Demands that both directories hold the same, as an administrator compares them.
fn demand_equal(one: &Path, other: &Path) {
    let output =
        Command::new("rsync").args(["-rlpcni", "--delete"]).args([one.join(""), other.join("")]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", said(&output));
}

/// Demands that `sha256sum` accepts the manifest of a snapshot, and that it lists so many files.
fn demand_manifest(snapshot: &Path, files: u64) {
    let mut command = Command::new("sha256sum");
    let output =
        command.args(["--check", "--strict", "../manifest"]).current_dir(snapshot.join("files")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b": OK")).count();
    assert_eq!(lines as u64, files);
}
