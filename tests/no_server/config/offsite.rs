//! `[offsite]`: what is refused, and with which message.

use super::{SMALL, changed, parse, refusal};

fn refused(lines: &str) -> String {
    refusal(&format!("{SMALL}[offsite]\n{lines}\n")).0
}

#[test]
fn one_repository_and_one_password_are_needed_and_no_secret_stands_in_the_file() {
    let with = |lines: &str| format!("password_file = \"/p\"\n{lines}");
    let repository = "repository = \"/srv/restic\"\n";
    parse(&format!("{SMALL}[offsite]\n{}", with(repository)));
    parse(&format!("{SMALL}[offsite]\n{}", with("repository = \"rest:https://user@host:8000/\"\n")));
    for (lines, expected) in [
        (with(""), "offsite: there is no repository"),
        (with("repository = \" \""), "offsite.repository is empty"),
        (with(&format!("{repository}repository_file = \"/f\"")), "offsite: 2 places for one repository"),
        (repository.to_owned(), "offsite: there is no password"),
        (with(&format!("{repository}password_env = \"X\"")), "offsite: 2 places for one password"),
        (with("repository = \"rest:https://user:hunter2@host/\""), "offsite.repository has a password in it"),
        (with("repository_command = []"), "offsite.repository_command is empty"),
        (with("repository_file = \"a/b\""), "offsite.repository_file: \"a/b\" is a relative path"),
        (with(&format!("{repository}program = \"restic\"")), "offsite.program: \"restic\" is not an absolute path"),
        (with(&format!("{repository}forget = {{ keep_last = 0 }}")), "offsite.forget keeps nothing"),
    ] {
        assert_eq!(refused(&lines), expected, "{lines}");
    }
    let error = refused(&with(&format!("{repository}readback = \"all\"")));
    assert!(error.ends_with("unknown key offsite.readback: did you mean read_back?"), "{error}");
    assert!(refused(&with("password = \"hunter2\"")).ends_with("unknown key offsite.password"));
}

#[test]
fn what_is_restored_from_there_must_be_read_back_completely() {
    let text = changed(SMALL, "[restore]", "[restore]\nfrom = \"offsite\"");
    assert_eq!(refusal(&text).0, "restore.from is \"offsite\", and there is no section [offsite]");
    let offsite = "[offsite]\nrepository = \"/r\"\npassword_file = \"/p\"\n";
    parse(&format!("{text}{offsite}"));
    let (error, hint) = refusal(&format!("{text}{offsite}read_back = \"sample\"\n"));
    assert_eq!(error, "restore.from is \"offsite\", and offsite.read_back does not read every file");
    assert_eq!(hint, "offsite.read_back = \"all\"");
}

#[test]
fn a_variable_for_restic_leaves_a_restore_from_this_machine_alone() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgwitness"));
    command.args(["restore", "--into", "dbname=x", "--config", "/nowhere/pgwitness.toml"]);
    let output = command.env("RESTIC_PASSWORD_FILE", "/nowhere/password").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere/pgwitness.toml") && !said.contains("--offsite"), "{said}");
}
