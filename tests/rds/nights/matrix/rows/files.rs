//! `[[files]]`.

use std::fs;

use super::local::{AT_WORK, at_work, before_placing};
use super::{Row, struck};
use crate::nights::matrix::scene::{REACHED, Scene, Strike};
use crate::support::night::{NightlyScenario, names};

const SNAPSHOTS: &str = "snapshots/media";
const IN_THE_WAY: &str = "snapshots/media/.removing-20200101T000000Z-00000000";

/// Snapshots that are not complete, by the name that the journal has.
pub fn partial(scenario: &NightlyScenario) -> Vec<String> {
    let names = names(&scenario.path(SNAPSHOTS));
    names.iter().filter_map(|name| name.strip_suffix(".partial").map(str::to_owned)).collect()
}

/// If there are files: the newest snapshot is verified, and has them.
pub fn demand_verified(scenario: &NightlyScenario, text: &str) {
    if !scenario.path("media").exists() {
        return;
    }
    let newest = names(&scenario.path(SNAPSHOTS)).into_iter().rfind(|name| !name.starts_with('.')).unwrap();
    let copy = scenario.path(SNAPSHOTS).join(newest).join("files/photo");
    assert_eq!(fs::read_to_string(&copy).unwrap_or_default(), "of a member", "{}:\n{text}", copy.display());
}

fn with_files(scene: &mut Scene) {
    let scenario = &mut scene.machine.scenario;
    scenario.use_files();
    fs::write(scenario.path("media/photo"), "of a member").unwrap();
}

fn wrapped(scene: &mut Scene, script: &str) {
    with_files(scene);
    let reached = scene.machine.scenario.path(REACHED);
    let is_asked = "case \"$*\" in --version) exec \"$REAL\" \"$@\";; esac";
    let script = script.replace("$REACHED", reached.to_str().unwrap());
    scene.machine.scenario.wrap_rsync(&format!("{is_asked}\n{script}"));
}

fn unwrap(scene: &mut Scene) {
    scene.machine.scenario.wrap_rsync("exec \"$REAL\" \"$@\"");
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("copy_files", "rsync fails", "2")
            .arrange(|scene| wrapped(scene, "echo 'rsync: out of luck' >&2; exit 12"))
            .repair(unwrap)
            .says("out of luck"),
        Row::new("place_files", "something has its name", "3")
            .arrange(|scene| {
                with_files(scene);
                let snapshots = scene.machine.scenario.path(SNAPSHOTS);
                before_placing(scene, move || {
                    let name = names(&snapshots).pop().unwrap();
                    fs::write(snapshots.join(name.trim_end_matches(".unverified")), "").unwrap();
                });
            })
            .repair(|scene| {
                let snapshots = scene.machine.scenario.path(SNAPSHOTS);
                let is_in_the_way = |name: &String| !name.starts_with('.') && snapshots.join(name).is_file();
                let file = names(&snapshots).into_iter().find(is_in_the_way).unwrap();
                fs::remove_file(snapshots.join(file)).unwrap();
            }),
        Row::new("prune_files", "an old removal cannot be finished", "3")
            .arrange(|scene| {
                with_files(scene);
                fs::create_dir(scene.machine.scenario.path(SNAPSHOTS)).unwrap();
                fs::write(scene.machine.scenario.path(IN_THE_WAY), "").unwrap();
            })
            .repair(|scene| fs::remove_file(scene.machine.scenario.path(IN_THE_WAY)).unwrap()),
    ];
    let copying = struck("copy_files", "while rsync runs", at_work, |scene| wrapped(scene, AT_WORK));
    rows.extend(copying.into_iter().map(|row| row.repair(unwrap)));
    rows.extend(struck("place_files", "", Strike::Begun, with_files).into_iter().map(Row::or_is_over));
    rows.extend(struck("prune_files", "", Strike::Begun, with_files).into_iter().map(Row::or_is_over));
    rows
}
