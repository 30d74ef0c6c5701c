//! `pgwitness demo` names every damage case and leaves nothing behind, however it ends.

#![allow(clippy::unwrap_used, reason = "in a test, that is how to fail")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::programs::put_program;
use crate::support::{client_tools, pgwitness};
use pgwitness::cli::demo_scenario::WOUNDS;

fn demo() -> Command {
    let mut command = pgwitness();
    command.args(["demo", "--pg-bindir"]).arg(&client_tools().bindir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a process has in /tmp: its number is in the names.
fn left_by(process: u32) -> Vec<PathBuf> {
    let names = fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path());
    names.filter(|path| path.to_string_lossy().contains("pgwitness-") && has_number(path, process)).collect()
}

fn has_number(path: &std::path::Path, process: u32) -> bool {
    path.to_string_lossy().contains(&format!("-{process}-"))
}

/// Servers have their data directory in their arguments.
fn servers_of(process: u32) -> Vec<String> {
    let is_its = |line: &String| line.contains("pgwitness-cluster-") && line.contains(&format!("-{process}-"));
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(is_its).collect()
}

fn interrupt(child: &Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::INT).unwrap();
}

fn assert_interrupted(child: Child) {
    let process = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: interrupted\n");
    assert_eq!(left_by(process), Vec::<PathBuf>::new());
    assert_eq!(servers_of(process), Vec::<&str>::new());
}

#[test]
fn every_damage_case_is_named_and_nothing_is_left_behind() {
    let child = demo().spawn().unwrap();
    let process = child.id();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // Sentences are wrapped.
    let output = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for damage_case in WOUNDS {
        assert!(
            output.contains(damage_case.title) && output.contains(damage_case.why()),
            "{}\n{text}",
            damage_case.title
        );
        let named = damage_case.expected();
        assert!(named.iter().all(|finding| output.contains(finding)), "{named:?}\n{text}");
    }
    assert!(text.contains("6 of 6 damages found exactly"), "{text}");
    assert!(text.contains("sound (") && text.contains("good signature of") && text.contains("bad signature"), "{text}");
    let too_wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80 && line.contains("   $")).collect();
    assert_eq!(too_wide, Vec::<&str>::new());
    assert_eq!(left_by(process), Vec::<PathBuf>::new());
    assert_eq!(servers_of(process), Vec::<&str>::new());
}

#[test]
fn an_interruption_while_the_server_starts_leaves_nothing_behind() {
    let child = demo().spawn().unwrap();
    let start = Instant::now();
    while left_by(child.id()).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "no server directory");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    assert_interrupted(child);
}

#[test]
fn an_interruption_in_the_middle_leaves_nothing_behind() {
    for step in ["a sports club", "The next run", "a member lost"] {
        let mut child = demo().spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains(step)), "{step}");
        assert!(!servers_of(child.id()).is_empty(), "this test looks for servers in the wrong way");
        interrupt(&child);
        // Read the rest, so that the child does not block on a full pipe.
        lines.for_each(drop);
        assert_interrupted(child);
    }
}

#[test]
fn without_postgresql_one_line_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let output = pgwitness().args(["demo", "--pg-bindir"]).arg(empty.path()).env("PATH", "").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = format!("error: use PostgreSQL in {}: no program postgres, initdb, pg_ctl", empty.path().display());
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_night_of_the_demo_that_is_not_sound_prints_what_was_found() {
    let real = client_tools().bindir.canonicalize().unwrap();
    let bindir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&real).unwrap().flatten().filter(|entry| entry.file_name() != "pg_restore") {
        std::os::unix::fs::symlink(entry.path(), bindir.path().join(entry.file_name())).unwrap();
    }
    fs::set_permissions(bindir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = format!("#!/bin/sh\nexec {}/pg_restore --no-comments \"$@\"\n", real.display());
    put_program(&bindir.path().join("pg_restore"), &text);
    let output = pgwitness().args(["demo", "--pg-bindir"]).arg(bindir.path()).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}\n{error}");
    assert!(text.contains("6 findings") && text.contains("\n  comment table club.members\n"), "{text}\n{error}");
    assert!(error.contains("verify the copy, which is not wounded yet: damaged: "), "{error}");
}
