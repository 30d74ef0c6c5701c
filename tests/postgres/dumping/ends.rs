//! How programs end: by themselves, by a signal, because nothing moves, because we are gone.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgwitness::config::Span;
use pgwitness::model::progress::no_listener;
use pgwitness::nightly::dumping::{DumpOrder, check_versions, dump, globals};
use pgwitness::nightly::restoring::{RestoreOrder, restore};
use pgwitness::postgres::server::ClusterOptions;
use pgwitness::postgres::tools::{CLIENT, PgTools};

use crate::dumping::scenario::{
    block, config, conninfo, dumped, is_running, order, pids, restore_order, restored, scripts, soon,
};
use crate::support::disk::Small;
use crate::support::{Database, client_tools, cluster, cluster_with, ignored_test};

/// Leaves a worker behind, as `pg_dump --jobs` would, and waits.
fn waiting(directory: &Path) -> String {
    let file = directory.join("pids");
    format!("sleep 600 & echo $! >> '{0}'; echo $$ >> '{0}'; exec sleep 600", file.display())
}

fn refused(tools: &PgTools, target: &Path, stalled_after: u64) -> String {
    let (info, mut config) = (conninfo("host=/nowhere user=me dbname=app"), config());
    config.stalled_after = Span::seconds(stalled_after);
    let order = DumpOrder { tools, ..order(&info, target, &config) };
    block(dump(&order, &no_listener())).unwrap_err().to_string()
}

#[test]
fn a_program_that_does_not_move_is_stopped_with_its_workers() {
    let temp = tempfile::tempdir().unwrap();
    let tools = scripts(temp.path(), &waiting(temp.path()));
    let error = refused(&tools, temp.path(), 1);
    assert!(error.ends_with("pg_dump made no progress for 1 s and was stopped"), "{error}");
    let pids = pids(&temp.path().join("pids"));
    assert_eq!(pids.len(), 2);
    // Killed is not yet gone.
    soon("they are gone", || pids.iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_program_that_moves_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("dump");
    let script = format!("for i in 1 2 3 4 5 6; do sleep 0.5; echo x >> '{}'; done; exit 7", file.display());
    let error = refused(&scripts(temp.path(), &script), temp.path(), 2);
    assert!(error.ends_with("it said nothing (pg_dump: exit status: 7)"), "{error}");
}

#[test]
fn dropping_the_future_stops_the_program_and_its_workers() {
    let temp = tempfile::tempdir().unwrap();
    let tools = scripts(temp.path(), &waiting(temp.path()));
    let (info, config) = (conninfo("host=/nowhere user=me dbname=app"), config());
    let order = DumpOrder { tools: &tools, ..order(&info, temp.path(), &config) };
    let (file, listener) = (temp.path().join("pids"), no_listener());
    block(async {
        tokio::select! {
            _ = dump(&order, &listener) => panic!("it cannot end"),
            () = async { while pids(&file).len() < 2 { tokio::time::sleep(Duration::from_millis(20)).await } } => {}
        }
    });
    soon("the programs are gone", || pids(&file).iter().all(|pid| !is_running(*pid)));
}

/// Run by the next test in a process of its own, which is then killed.
#[test]
#[ignore = "is a part of another test"]
fn a_process_that_waits_for_a_program() {
    let directory = PathBuf::from(std::env::var_os("PGWITNESS_TEST_DIRECTORY").unwrap());
    refused(&scripts(&directory, &waiting(&directory)), &directory, 600);
}

#[test]
fn killing_us_leaves_no_programs_behind() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = ignored_test(module_path!(), "a_process_that_waits_for_a_program");
    command.process_group(0);
    let mut parent = command.env("PGWITNESS_TEST_DIRECTORY", temp.path()).stdout(Stdio::null()).spawn().unwrap();
    let file = temp.path().join("pids");
    soon("the program has started", || pids(&file).len() == 2);
    assert!(pids(&file).iter().all(|pid| is_running(*pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    soon("the programs are gone", || pids(&file).iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_a_grace_period() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("pids");
    let script = format!("trap '' TERM; echo $$ >> '{}'; while :; do sleep 0.1; done", file.display());
    let tools = scripts(temp.path(), &script);
    let start = Instant::now();
    let error = refused(&tools, temp.path(), 1);
    assert!(error.contains("made no progress") && start.elapsed() > Duration::from_secs(10), "{error}");
    assert!(pids(&file).iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_program_ended_by_a_signal_did_not_succeed_and_its_workers_end_too() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("pids");
    // The worker keeps standard error open, so that waiting for its end would be waiting for the worker.
    let script = format!("sleep 600 & echo $! >> '{}'; echo 'pg_dump: working' >&2; kill -9 $$", file.display());
    let start = Instant::now();
    let error = refused(&scripts(temp.path(), &script), temp.path(), 60);
    assert!(error.ends_with("pg_dump was ended by signal 9 SIGKILL"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    soon("the worker is gone", || pids(&file).iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_flood_of_words_neither_blocks_nor_fills_memory() {
    let temp = tempfile::tempdir().unwrap();
    let script = "echo 'pg_dump: error: the first' >&2; yes 'pg_dump: error: noise' | head -n 300000 >&2; \
                  head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1";
    let error = refused(&scripts(temp.path(), script), temp.path(), 60);
    assert!(error.ends_with("pg_dump: error: the first (pg_dump: exit status: 1)"), "{error}");
}

#[test]
fn a_good_exit_without_a_dump_or_with_an_error_is_not_a_dump() {
    let temp = tempfile::tempdir().unwrap();
    let error = refused(&scripts(temp.path(), "mkdir '{}'; exit 0"), temp.path(), 60);
    assert!(error.contains("list "), "{error}");
    let made = format!("mkdir -p '{}'", temp.path().join("dump").display());
    let error = refused(&scripts(temp.path(), &made), temp.path(), 60);
    assert!(error.ends_with("pg_dump left no dump/toc.dat"), "{error}");
    fs::remove_dir(temp.path().join("dump")).unwrap();
    let error = refused(&scripts(temp.path(), "echo 'pg_dump: error: it broke' >&2; exit 0"), temp.path(), 60);
    assert!(error.ends_with("pg_dump: error: it broke (though its exit status is 0)"), "{error}");
}

#[test]
fn a_restore_that_does_not_move_is_stopped() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    let dumped = crate::dumping::scenario::dumped(&source.conninfo, temp.path());
    let (info, tools) = (conninfo(&source.conninfo), scripts(temp.path(), &waiting(temp.path())));
    let patience = Duration::from_secs(1);
    let order = RestoreOrder { tools: &tools, stalled_after: patience, ..restore_order(&dumped.path, &info) };
    let error = block(restore(&order)).unwrap_err().to_string();
    assert!(error.ends_with("pg_restore made no progress for 1 s and was stopped"), "{error}");
    let file = temp.path().join("pids");
    soon("they are gone", || pids(&file).iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_server_at_work_is_progress_though_pg_restore_says_nothing() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN FOR i IN 1 .. 400000000 LOOP IF clock_timestamp() > statement_timestamp() + '4s' THEN EXIT; END IF; END LOOP; RETURN n; END $$;
        CREATE TABLE t (n int)");
    source.run("CREATE INDEX i ON t (slow(n)); INSERT INTO t VALUES (1)");
    let dumped = crate::dumping::scenario::dumped(&source.conninfo, temp.path());
    crate::dumping::scenario::copy_of(&source.conninfo, &cluster, "copy");
    let info = conninfo(&cluster.conninfo("copy"));
    let order = RestoreOrder { stalled_after: Duration::from_secs(2), ..restore_order(&dumped.path, &info) };
    let start = Instant::now();
    assert_eq!(block(restore(&order)).unwrap().complaints, vec![]);
    assert!(start.elapsed() > Duration::from_secs(4));
}

#[test]
fn a_lock_held_by_another_session_ends_the_dump_and_no_session_stays() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE t (n int)");
    let holder = Database::connect(&source.conninfo);
    holder.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    let (info, mut config) = (conninfo(&source.conninfo), config());
    config.stalled_after = Span::seconds(6);
    let error = block(dump(&order(&info, temp.path(), &config), &no_listener())).unwrap_err().to_string();
    assert!(error.contains("due to") && !error.contains('\n'), "{error}");
    let others = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'LOCK TABLE' AND state = 'active' \
                  AND pid <> pg_backend_pid()";
    soon("no session of pg_dump is left", || source.value(others) == "0");
}

#[test]
fn a_wrong_password_is_one_clear_line_without_the_password() {
    let (cluster, temp) =
        (cluster_with(ClusterOptions { tcp: true, ..ClusterOptions::default() }), tempfile::tempdir().unwrap());
    let good = cluster.tcp_conninfo("postgres").unwrap();
    let password = cluster.password().unwrap();
    let (right, config) = (conninfo(&good), config());
    block(dump(&order(&right, temp.path(), &config), &no_listener())).unwrap();
    block(globals(&order(&right, temp.path(), &config))).unwrap();
    let wrong = conninfo(&good.replace(password, "a-wrong-one"));
    let target = tempfile::tempdir().unwrap();
    let error = block(dump(&order(&wrong, target.path(), &config), &no_listener())).unwrap_err();
    let text = format!("{error} {}", error.hint_text().unwrap_or_default());
    assert!(text.contains("password authentication failed") && !text.contains('\n'), "{text}");
    assert!(!text.contains("a-wrong-one"), "{text}");
}

#[test]
fn programs_that_cannot_carry_the_database_are_known_before_anything_is_done() {
    let temp = tempfile::tempdir().unwrap();
    let script = scripts(temp.path(), "echo 'pg_dump (PostgreSQL) 9.6.24'");
    let tools = PgTools::find(Some(&script.bindir), None, CLIENT).unwrap();
    let error = check_versions(&tools, 15, 15).unwrap_err();
    assert!(error.to_string().starts_with("pg_dump 9.6.24 in ") && error.hint_text().is_some(), "{error}");
}

#[test]
fn a_full_disk_is_one_clear_line_and_says_what_to_do() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 100000) g");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(temp.path()).output();
    if !mount.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a small file system cannot be mounted here: {mount:?}");
        return;
    }
    let (info, config) = (conninfo(&source.conninfo), config());
    let order = DumpOrder { tools: client_tools(), ..order(&info, temp.path(), &config) };
    let failed = block(dump(&order, &no_listener()));
    assert!(Command::new("umount").arg(temp.path()).status().unwrap().success());
    let error = failed.unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert!(error.hint_text().is_some_and(|hint| hint.starts_with("make room")), "{error}");
}

#[test]
fn a_full_disk_of_the_restore_server_is_named_and_not_taken_for_a_damaged_dump() {
    let Some(disk) = Small::mount("size=24m,mode=0777") else { return };
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run(
        "CREATE TABLE t AS SELECT g, md5(g::text) AS a, md5(g::text || 'x') AS b FROM generate_series(1, 300000) g",
    );
    let dumped = dumped(&source.conninfo, temp.path());
    let server = Database::connect(&cluster.conninfo("postgres"));
    let place = disk.path().join("space");
    fs::create_dir(&place).unwrap();
    std::os::unix::fs::chown(&place, Some(fs::metadata(cluster.data_dir()).unwrap().uid()), None).unwrap();
    server.run(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    server.run("CREATE DATABASE copy TEMPLATE template0 TABLESPACE small");
    let failed = restored(&dumped.path, &cluster.conninfo("copy"));
    server.run("DROP DATABASE copy");
    server.run("DROP TABLESPACE small");
    let error = failed.unwrap_err();
    assert!(error.to_string().contains("the disk of the restore server is full: "), "{error}");
    assert!(error.to_string().contains("No space left on device"), "{error}");
    let hint = error.hint_text().unwrap();
    assert!(hint.contains("make room on the restore server") && hint.contains("the dump is not the cause"), "{hint}");
}
