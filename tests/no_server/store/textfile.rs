//! The file for node_exporter: complete or unchanged, whatever happens to the writer.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, thread};

use pgwitness::output::metrics_file;

use super::*;
use crate::support::disk::Small;
use crate::support::ignored_test;

/// Tells the writer below where to.
const PLACE: &str = "PGWITNESS_TEST_TEXTFILE";

/// So long that it cannot be written in one go, and the end tells whether it is whole.
fn figures(number: usize) -> String {
    let line = format!("pgwitness_x {number}\n");
    format!("# HELP pgwitness_x A figure.\n{}# end {number}\n", line.repeat(20_000))
}

fn is_whole(text: &str) -> bool {
    let number = text.trim_end().rsplit(' ').next().and_then(|number| number.parse().ok());
    number.is_some_and(|number| text == figures(number))
}

#[test]
fn everybody_may_read_it_and_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pgwitness.prom");
    for number in 0..2 {
        metrics_file::write(&path, &figures(number)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), figures(number));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    }
    assert_eq!(names(dir.path()), ["pgwitness.prom"]);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pgwitness.prom");
    let refusal = |expected: &str| {
        let error = metrics_file::write(&path, &figures(1)).unwrap_err();
        assert_eq!(error.to_string(), format!("write {}: {expected}", path.display()));
        assert!(error.hint_text().unwrap().starts_with("move it away"));
        assert!(metrics_file::check_ours(&path, &Default::default()).is_err());
    };
    fs::write(&path, "# HELP node_time Theirs.\n").unwrap();
    refusal("there is a file of this name that pgwitness did not write");
    assert_eq!(fs::read_to_string(&path).unwrap(), "# HELP node_time Theirs.\n");
    fs::rename(&path, dir.path().join("theirs")).unwrap();
    // What it leads to looks like ours, and would be replaced or written through.
    fs::write(dir.path().join("theirs"), figures(0)).unwrap();
    symlink(dir.path().join("theirs"), &path).unwrap();
    refusal("it exists and is not a regular file");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refusal("it exists and is not a regular file");
    assert_eq!(fs::read_to_string(dir.path().join("theirs")).unwrap(), figures(0));
}

#[test]
fn two_configurations_do_not_take_turns_with_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pgwitness.prom");
    let text =
        |labels: &str| format!("# HELP pgwitness_x A figure.\n# TYPE pgwitness_x gauge\npgwitness_x{labels} 1\n");
    let labels = |database: &str| [("database".to_owned(), database.to_owned())].into();
    // A value may look like labels.
    let (shop, odd) = (text("{database=\"shop\",stage=\"dump\"}"), "a\",stage=\"b\\\n}");
    metrics_file::write(&path, &shop).unwrap();
    metrics_file::write(&path, &text("{database=\"shop\"}")).unwrap();
    metrics_file::check_ours(&path, &labels("shop")).unwrap();
    for other in ["{database=\"club\"}", ""] {
        let error = metrics_file::write(&path, &text(other)).unwrap_err();
        let expected = format!(
            "write {}: its metrics have the labels {{database=\"shop\"}}, this configuration has {{",
            path.display()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.hint_text().unwrap().starts_with("another file for each configuration"));
    }
    metrics_file::check_ours(&path, &labels("club")).unwrap_err();
    metrics_file::check_ours(&path, &labels(odd)).unwrap_err();
    fs::write(&path, text("{database=\"a\\\",stage=\\\"b\\\\\\n}\",stage=\"dump\"}")).unwrap();
    metrics_file::check_ours(&path, &labels(odd)).unwrap();
}

#[test]
fn a_link_in_the_place_of_the_unfinished_file_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, theirs) = (dir.path().join("pgwitness.prom"), dir.path().join("theirs"));
    fs::write(&theirs, "theirs").unwrap();
    symlink(&theirs, dir.path().join("pgwitness.prom.partial")).unwrap();
    metrics_file::write(&path, &figures(1)).unwrap();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    assert_eq!(names(dir.path()), ["pgwitness.prom", "theirs"]);
}

#[test]
fn a_directory_that_is_not_there_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let error = metrics_file::write(&absent.join("pgwitness.prom"), "").unwrap_err();
    let expected = format!("write {0}/pgwitness.prom: there is no directory {0}", absent.display());
    assert_eq!(error.to_string(), expected);
    assert!(error.hint_text().unwrap().contains("--collector.textfile.directory"));
}

#[test]
fn a_full_disk_leaves_the_old_file_whole() {
    let Some(disk) = Small::mount("size=4m") else { return };
    let path = disk.path().join("pgwitness.prom");
    metrics_file::write(&path, &figures(1)).unwrap();
    disk.fill();
    let error = metrics_file::write(&path, &figures(2)).unwrap_err();
    assert_eq!(error.to_string(), format!("write {}: the disk is full", path.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), figures(1));
    assert_eq!(names(disk.path()), ["filler", "pgwitness.prom"]);
    disk.free();
    metrics_file::write(&path, &figures(2)).unwrap();
    disk.make_read_only();
    metrics_file::write(&path, &figures(3)).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), figures(2));
}

#[test]
#[ignore = "a process for the test below, which kills it"]
fn writes_until_it_is_killed() {
    let Some(path) = env::var_os(PLACE) else { return };
    for number in 0.. {
        metrics_file::write(Path::new(&path), &figures(number)).unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_a_whole_file_and_the_next_one_writes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pgwitness.prom");
    let mut left_unfinished = 0;
    for round in 0..12 {
        metrics_file::write(&path, &figures(0)).unwrap();
        let mut writer = ignored_test(module_path!(), "writes_until_it_is_killed")
            .env(PLACE, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while fs::read_to_string(&path).unwrap() == figures(0) {
            assert!(Instant::now() < until, "the writer does not write");
            thread::sleep(Duration::from_millis(1));
        }
        // A reader sees a complete file meanwhile too.
        for _ in 0..20 {
            assert!(is_whole(&fs::read_to_string(&path).unwrap()));
        }
        thread::sleep(Duration::from_micros(700 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert!(is_whole(&fs::read_to_string(&path).unwrap()));
        left_unfinished += names(dir.path()).iter().filter(|name| name.ends_with(".partial")).count();
        assert!(names(dir.path()).iter().filter(|name| name.ends_with(".prom")).count() == 1);
    }
    println!("killed {left_unfinished} times of 12 in the middle of a file");
    metrics_file::write(&path, &figures(1)).unwrap();
    assert_eq!(names(dir.path()), ["pgwitness.prom"]);
}
