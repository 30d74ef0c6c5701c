//! `restore --offsite` on a machine that has nothing but the program, restic, the password and the allowed signers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{NO_RESTORE, OffsiteScenario, PASSWORD, private, restic_for};
use crate::nightly::server;
use crate::support::night::{names, said, text};
use crate::support::{Database, pgwitness};

/// Another machine, after `scenario.night` is gone.
struct NewMachine {
    dir: tempfile::TempDir,
    repository: String,
}

impl NewMachine {
    fn of(scenario: &OffsiteScenario) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = fs::read_to_string(scenario.night.path("key.pub")).unwrap();
        fs::write(dir.path().join("allowed_signers"), format!("pgwitness {key}")).unwrap();
        private(&dir.path().join("password"), PASSWORD);
        fs::create_dir(dir.path().join("downloads")).unwrap();
        for gone in ["backups", "reports", "state"] {
            fs::remove_dir_all(scenario.night.path(gone)).unwrap();
        }
        Self { dir, repository: scenario.repository.clone() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, database: &str, more: &[&str]) -> Command {
        let mut command = pgwitness();
        command.args(["restore", "--offsite", &self.repository, "--into", &server().conninfo(database)]);
        for (option, name) in [
            ("--offsite-password-file", "password"),
            ("--allowed-signers", "allowed_signers"),
            ("--download-to", "downloads"),
        ] {
            command.arg(option).arg(self.path(name));
        }
        command.args(["--config", "/nonexistent/pgwitness.toml"]).args(more);
        command
    }

    fn demand(&self, database: &str, more: &[&str], code: i32) -> String {
        let output = self.command(database, more).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    }

    /// What it has left in the directory for downloads.
    fn left(&self) -> Vec<String> {
        names(&self.path("downloads"))
    }
}

#[test]
fn the_newest_verified_backup_comes_back_on_a_new_machine_and_is_proven() {
    let mut scenario = OffsiteScenario::new("offsite_back");
    scenario.night.demand(&["nightly"], 0);
    scenario.database.run("DELETE FROM members WHERE id > 4000");
    scenario.night.demand(&["nightly"], 0);
    let ids = scenario.night.backups("verified");
    // A newer one without a verdict is not taken.
    scenario.night.wrap("pg_restore", NO_RESTORE);
    scenario.night.demand(&["nightly"], 2);
    let machine = NewMachine::of(&scenario);
    let output = machine.demand("offsite_back_new", &[], 0);
    assert!(
        output.contains(&format!("backup {}, data of ", ids[1])) && output.contains("signed by pgwitness"),
        "{output}"
    );
    assert!(output.contains("is newer, and not verified or not complete: not taken"), "{output}");
    assert!(output.contains("sound ("), "{output}");
    let count = |database: &str| Database::connect(&server().conninfo(database)).value("SELECT count(*) FROM members");
    assert_eq!(count("offsite_back_new"), "4000");
    assert_eq!(machine.left(), Vec::<String>::new());
    machine.demand("offsite_back_old", &["--backup", &ids[0]], 0);
    assert_eq!(count("offsite_back_old"), "5000");
    let output = machine.demand("offsite_back_none", &["--backup", "19990101"], 2);
    assert!(output.contains("there is no backup \"19990101\"") && output.contains(&ids[1]), "{output}");
}

#[test]
fn a_backup_that_another_key_has_signed_is_refused_before_anything_is_created() {
    let scenario = OffsiteScenario::new("offsite_signer");
    scenario.night.demand(&["nightly"], 0);
    let machine = NewMachine::of(&scenario);
    let key = machine.path("key");
    assert!(pgwitness().arg("keygen").arg(&key).output().unwrap().status.success());
    let other = fs::read_to_string(machine.path("key.pub")).unwrap();
    fs::write(machine.path("allowed_signers"), format!("pgwitness {other}")).unwrap();
    let output = machine.demand("offsite_signer_new", &[], 2);
    assert!(output.contains("signer not allowed") || output.contains("not an allowed signer"), "{output}");
    assert_eq!(machine.left(), Vec::<String>::new());
    let exists = Database::connect(&server().conninfo("postgres"))
        .value("SELECT count(*) FROM pg_database WHERE datname = 'offsite_signer_new'");
    assert_eq!(exists, "0");
}

#[test]
fn a_dump_that_is_not_the_signed_one_is_refused() {
    let scenario = OffsiteScenario::new("offsite_swapped");
    scenario.night.demand(&["nightly"], 0);
    let id = scenario.night.backups("verified").pop().unwrap();
    // A snapshot with the same tags, and another file in it.
    let dump = scenario.night.path("backups/verified").join(&id);
    fs::write(dump.join("globals.sql"), "CREATE ROLE intruder SUPERUSER;\n").unwrap();
    for snapshot in scenario.snapshots("kind=dump") {
        scenario.printed(&["forget", snapshot["id"].as_str().unwrap()]);
    }
    let mut command = restic_for(&scenario.repository);
    command.args(["backup", &id, "--host", "pgwitness", "--tag", &format!("pgwitness,kind=dump,backup={id}")]);
    let output = command.current_dir(scenario.night.path("backups/verified")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let machine = NewMachine::of(&scenario);
    let output = machine.demand("offsite_swapped_new", &["--backup", &id], 2);
    assert!(output.contains("the off-site copy differs from the dump: globals.sql has changed"), "{output}");
}

#[test]
fn the_configured_repository_is_taken_where_there_is_a_configuration() {
    let mut scenario = OffsiteScenario::new("offsite_configured");
    scenario.night.demand(&["nightly"], 0);
    fs::remove_dir_all(scenario.night.path("backups/verified")).unwrap();
    let into = server().conninfo("offsite_configured_new");
    let output = scenario.night.demand(&["restore", "--into", &into, "--offsite"], 0);
    assert!(output.contains("sound (") && output.contains("report: "), "{output}");
    scenario.night.set("restore", &text("url", server().conninfo("postgres")));
}

#[test]
fn too_little_space_and_a_missing_password_say_what_to_do() {
    let scenario = OffsiteScenario::new("offsite_space");
    scenario.night.demand(&["nightly"], 0);
    let machine = NewMachine::of(&scenario);
    fs::remove_file(machine.path("password")).unwrap();
    let output = machine.demand("offsite_space_new", &[], 2);
    assert!(output.contains("read the password of the off-site repository"), "{output}");
    private(&machine.path("password"), "hunter2");
    let output = machine.demand("offsite_space_new", &[], 2);
    assert!(output.contains("the password does not open the repository") && !output.contains("hunter2"), "{output}");
    private(&machine.path("password"), PASSWORD);
    let Some(disk) = crate::support::disk::Small::mount("size=300k,mode=0700") else { return };
    let small = disk.path().to_str().unwrap().to_owned();
    let mut command = machine.command("offsite_space_new", &[]);
    let arguments: Vec<String> = command.get_args().map(|text| text.to_string_lossy().into_owned()).collect();
    let downloads = machine.path("downloads").display().to_string();
    command = pgwitness();
    command.args(arguments.iter().map(|text| if *text == downloads { &small } else { text }));
    let output = command.output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(" are free, about ") && text.contains("--download-to DIR"), "{text}");
    assert_eq!(names(disk.path()), Vec::<String>::new());
}
