//! `[access]`: what is open is a file with the id of the run.

use super::local::{AT_WORK, at_work};
use super::{Row, struck};
use crate::nights::matrix::scene::{REACHED, Scene};
use crate::support::night::{NightlyScenario, names};

/// The ids of the runs that have opened access and not closed it.
pub fn open(scenario: &NightlyScenario) -> Vec<String> {
    names(&scenario.path("access"))
}

/// Both commands do their work, and then this.
fn configure(scene: &mut Scene, opened: &str, endpoint: &str, closed: &str) {
    let scenario = &mut scene.machine.scenario;
    let (dir, reached) = (scenario.path("access"), scenario.path(REACHED));
    let (dir, reached) = (dir.display(), reached.to_str().unwrap());
    let command = |script: String| format!("[\"/bin/sh\", \"-c\", {:?}]", script.replace("$REACHED", reached));
    let open = format!("mkdir -p {dir}; touch {dir}/$PGWITNESS_RUN_ID; ");
    let lines = vec![
        format!("open = {}", command(format!("{open}{opened}"))),
        format!(
            "open_endpoint = {}",
            command(format!("[ -n \"$PGWITNESS_ENDPOINT_HOST\" ] || exit 9; {open}{endpoint}"))
        ),
        format!("close = {}", command(format!("{closed}; rm -f {dir}/$PGWITNESS_RUN_ID"))),
    ];
    scenario.sections.retain(|(name, _)| name != "access");
    scenario.sections.push(("access".into(), lines));
}

fn works(scene: &mut Scene) {
    configure(scene, "true", "true", "true");
}

pub fn rows() -> Vec<Row> {
    let (opening, closing) = ("open_access", "close_access");
    let mut rows = vec![
        Row::new(opening, "the command fails half way", "2")
            .arrange(|scene| configure(scene, "echo no way >&2; exit 1", "true", "true"))
            .repair(works)
            .says("no way"),
        Row::new(opening, "the tunnel to the instance fails", "2")
            .arrange(|scene| configure(scene, "true", "echo no way >&2; exit 1", "true"))
            .repair(works)
            .says("no way"),
        Row::new(closing, "the command fails", "3")
            .arrange(|scene| configure(scene, "true", "true", "echo stuck >&2; exit 1"))
            .repair(works)
            .says("stuck"),
    ];
    let acts: [(_, _, fn(&mut Scene)); 3] = [
        (opening, "while the command runs", |scene| configure(scene, AT_WORK, "true", "true")),
        (opening, "while the tunnel starts", |scene| configure(scene, "true", AT_WORK, "true")),
        (closing, "while the command runs", |scene| configure(scene, "true", "true", AT_WORK)),
    ];
    for (step, place, act) in acts {
        rows.extend(struck(step, place, at_work, act).into_iter().map(|row| row.repair(works)));
    }
    rows
}
