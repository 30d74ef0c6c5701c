//! What this machine and the restore server can say before anything is paid for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::nights::before::{Case, demand, old_programs};
use crate::nights::machine::copies;
use crate::support::Database;
use crate::support::night::text;

/// Of files, directories and programs.
const MACHINE: &[Case] = &[
    (
        "old programs",
        |machine| {
            let dir = old_programs(&machine.scenario);
            machine.scenario.set("dump", &text("pg_bindir", dir));
            vec![]
        },
        "error: pg_dump 9.6.24 in DIR/old-bin is older than the server, PostgreSQL MAJOR: it would refuse\n  \
         try: install the client programs of PostgreSQL version MAJOR, and name their directory in dump.pg_bindir",
    ),
    (
        "no programs",
        |machine| {
            machine.scenario.set("dump", "pg_bindir = \"/nonexistent\"");
            vec![]
        },
        "error: pg_dump, pg_restore: use PostgreSQL in /nonexistent: no program pg_dump, pg_restore\n  \
         try: set dump.pg_bindir to the directory that has them",
    ),
    (
        "the mode of the key",
        |machine| {
            fs::set_permissions(machine.scenario.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
            vec![]
        },
        "error: read key DIR/key: its mode is 0644, wider than 0600\n  \
         try: chmod 600 DIR/key, if no other user has read it",
    ),
    (
        "no key",
        |machine| {
            fs::remove_file(machine.scenario.path("key")).unwrap();
            vec![]
        },
        "error: read key DIR/key: No such file or directory (os error 2)\n  \
         try: pgwitness keygen DIR/key makes one",
    ),
    (
        "an unmounted backup disk",
        |machine| {
            fs::rename(machine.scenario.path("backups"), machine.scenario.path("unmounted")).unwrap();
            fs::create_dir(machine.scenario.path("backups")).unwrap();
            vec![]
        },
        "error: open backup directory DIR/backups: the marker file .pgwitness-backups is missing\n  \
         try: is the backup disk mounted? A new directory is marked once, by `pgwitness init`",
    ),
    (
        "no backup directory",
        |machine| {
            fs::rename(machine.scenario.path("backups"), machine.scenario.path("unmounted")).unwrap();
            vec![]
        },
        "error: dump.directory: write into DIR/backups: No such file or directory (os error 2)\n  \
         try: is the backup disk mounted? A new directory is made and marked once, by `pgwitness init`",
    ),
    (
        "no room for reports",
        |machine| {
            fs::remove_dir(machine.scenario.path("reports")).unwrap();
            fs::write(machine.scenario.path("reports"), "").unwrap();
            vec![]
        },
        "error: make report directory DIR/reports/RUN: File exists (os error 17)\n  \
         try: DIR/reports must be a directory that this user can write to",
    ),
    (
        "no checks",
        |machine| {
            machine.scenario.set("verify", &text("checks", machine.scenario.path("checks")));
            vec![]
        },
        "error: verify.checks: read checks in DIR/checks: No such file or directory (os error 2)",
    ),
    (
        "no program for the hook",
        |machine| {
            machine.scenario.set("hooks", "after_restore = [\"/opt/club/anonymise\"]");
            vec![]
        },
        "error: hooks.after_restore: no program /opt/club/anonymise\n  \
         try: an absolute path; cron and systemd have a short PATH",
    ),
    (
        "no certificates",
        |machine| {
            machine.scenario.set("source.temporary", "ca_bundle = \"/nonexistent/bundle.pem\"");
            vec![]
        },
        "error: source.temporary.ca_bundle: read certificate /nonexistent/bundle.pem: No such file or directory (os error 2)\n  \
         try: fetch https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
    ),
    (
        "an unknown key",
        |machine| {
            machine.scenario.set("dump", "exclude_table_dat = [\"a\"]");
            vec![]
        },
        "error: read DIR/pgwitness.toml: line 27: unknown key dump.exclude_table_dat: did you mean exclude_table_data?\n  \
         try: one of directory, format, jobs, compression, exclude_table_data, stalled_after, pg_bindir",
    ),
    (
        "a state directory that others can write to",
        |machine| {
            fs::set_permissions(machine.scenario.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
            vec![]
        },
        "error: use state directory DIR/state: others than its owner can write to it\n  \
         try: chmod go-w DIR/state",
    ),
    (
        "a state directory that is none",
        |machine| {
            fs::remove_dir_all(machine.scenario.path("state")).unwrap();
            fs::write(machine.scenario.path("state"), "").unwrap();
            vec![]
        },
        "error: use state directory DIR/state: not a directory",
    ),
    (
        "a state directory in a place that is not there",
        |machine| {
            machine.scenario.set("state", &text("directory", machine.scenario.path("no/such")));
            vec![]
        },
        "error: use state directory DIR/no/such: No such file or directory (os error 2)\n  \
         try: `pgwitness init` makes it, for the user that runs it",
    ),
];

#[test]
fn a_machine_that_is_not_ready_is_one_clear_line() {
    demand(MACHINE);
}

/// Of the server that gets the copy.
const SERVER: &[Case] = &[
    (
        "unreachable",
        |machine| {
            machine.scenario.set("restore", "url = \"postgresql://backup@127.0.0.1:1/postgres\"");
            vec![]
        },
        "error: check the restore server: connect to postgresql://backup@127.0.0.1:1/postgres: Connection refused (os error 111)\n  \
         try: is the server running on 127.0.0.1, and does it listen on port 1?",
    ),
    (
        "may not create databases",
        |machine| {
            let url = format!("{} user=weak", copies().conninfo("postgres"));
            machine.scenario.set("restore", &text("url", url));
            vec![]
        },
        "error: check the restore server: weak may not create databases on postgresql://weak@SOCKET:5432/postgres\n  \
         try: give the role weak CREATEDB",
    ),
    (
        "no such role",
        |machine| {
            machine.scenario.set("restore", "role = \"club_teem\"");
            vec![]
        },
        "error: check the restore server: restore.role club_teem is not on postgresql://postgres@SOCKET:5432/postgres\n  \
         try: create it there, or leave restore.role out",
    ),
    (
        "a role that it may not take",
        |machine| {
            let url = format!("{} user=maker", copies().conninfo("postgres"));
            machine.scenario.set("restore", &text("url", url));
            machine.scenario.set("restore", "role = \"club_team\"");
            vec![]
        },
        "error: check the restore server: maker may not become restore.role club_team on postgresql://maker@SOCKET:5432/postgres\n  \
         try: grant the role club_team to maker",
    ),
    (
        "no such database",
        |machine| {
            machine.scenario.set("restore", &text("url", copies().conninfo("postgers")));
            vec![]
        },
        "error: check the restore server: connect to postgresql://postgres@SOCKET:5432/postgers: database \"postgers\" does not exist (SQLSTATE 3D000)\n  \
         try: list the databases with: psql -l -h SOCKET -p 5432 -U postgres",
    ),
    (
        "the mode of the password",
        |machine| {
            let file = machine.scenario.path("password");
            fs::write(&file, "s3cret\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            machine.scenario.set("restore", &text("password_file", file));
            vec![]
        },
        "error: restore.url: read secret DIR/password: its mode is 0640, wider than 0600\n  \
         try: chmod 600 DIR/password, if no other user has read it",
    ),
];

#[test]
fn a_server_of_the_copy_that_is_not_ready_is_one_clear_line() {
    let admin = Database::connect(&copies().conninfo("postgres"));
    admin.run("CREATE ROLE weak LOGIN; CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE club_team");
    demand(SERVER);
}
