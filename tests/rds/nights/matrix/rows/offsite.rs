//! The off-site repository.

use serde_json::Value;

use super::local::{AT_WORK, at_work};
use super::{Row, struck};
use crate::nights::matrix::scene::{REACHED, Scene};
use crate::support::night::NightlyScenario;
use crate::support::offsite::restic_for;

/// With a repository; at the upload of what has this tag, restic is this script.
fn wrapped(scene: &mut Scene, tag: &str, script: &str) {
    let scenario = &mut scene.machine.scenario;
    scenario.use_offsite();
    let script = script.replace("$REACHED", scenario.path(REACHED).to_str().unwrap());
    scenario.wrap_restic(&format!("case \"$*\" in *' backup '*{tag}*) {script};; esac; exec \"$REAL\" \"$@\""));
}

fn unwrap(scene: &mut Scene) {
    scene.machine.scenario.wrap_restic("exec \"$REAL\" \"$@\"");
}

/// If there is a repository: every verified dump but the one from before has its dump and its report there.
pub fn demand_all_stored(scenario: &NightlyScenario, text: &str) {
    if !scenario.sections.iter().any(|(name, _)| name == "offsite") {
        return;
    }
    let repository = scenario.path("repository").display().to_string();
    let stored = |kind: &str| -> Vec<String> {
        let output = restic_for(&repository).args(["snapshots", "--json", "--tag", kind]).output().unwrap();
        let snapshots: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        snapshots.iter().map(|snapshot| snapshot["tags"].to_string()).collect()
    };
    let (dumps, reports) = (stored("kind=dump"), stored("kind=report"));
    for id in scenario.backups("verified").iter().skip(1) {
        let tag = format!("backup={id}\"");
        assert!(dumps.iter().any(|tags| tags.contains(&tag)), "the dump of {id} is not off site:\n{text}");
        assert!(reports.iter().any(|tags| tags.contains(&tag)), "the report of {id} is not off site:\n{text}");
    }
}

pub fn rows() -> Vec<Row> {
    let fails = "echo 'Fatal: out of luck' >&2; exit 1";
    let mut rows = vec![
        Row::new("offsite", "the upload of the dump fails", "3")
            .arrange(move |scene| wrapped(scene, "kind=dump", fails))
            .repair(unwrap)
            .says("out of luck"),
        Row::new("offsite_report", "the upload of the report fails", "3")
            .arrange(move |scene| wrapped(scene, "kind=report", fails))
            .repair(unwrap)
            .says("out of luck"),
    ];
    let acts: [(_, _, fn(&mut Scene)); 2] = [
        ("offsite", "while the dump is uploaded", |scene| wrapped(scene, "kind=dump", AT_WORK)),
        ("offsite_report", "while the report is uploaded", |scene| wrapped(scene, "kind=report", AT_WORK)),
    ];
    for (step, place, act) in acts {
        rows.extend(struck(step, place, at_work, act).into_iter().map(|row| row.repair(unwrap)));
    }
    rows
}
