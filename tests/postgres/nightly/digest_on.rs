//! `verify.digest_on`: nights whose rows are hashed by the server.

use super::{copies_of, restore_and_change_a_row, shop};
use pgwitness::model::manifest::{DIGEST_ON, Manifest};

fn expected_manifest(scenario: &super::NightlyScenario) -> Manifest {
    let file = scenario.nights().last().unwrap().join("expected.manifest.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_night_is_sound_wherever_the_rows_are_hashed_and_the_digests_are_the_same() {
    let (_database, mut scenario) = shop("hashed_anywhere");
    let mut digests = Vec::new();
    for place in ["client", "server", "auto"] {
        scenario.set("verify", &format!("digest_on = {place:?}"));
        let said = scenario.demand(&["nightly"], 0);
        assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{place}: {said}");
        let manifest = expected_manifest(&scenario);
        let tallies: Vec<_> = manifest.relations.values().map(|relation| relation.rows.seen().unwrap()).collect();
        let is_told = manifest.endpoint.settings.get(DIGEST_ON).is_some_and(|value| value == "server");
        let is_there = tallies.iter().all(|tally| tally.sketch.is_none());
        match place {
            "client" => assert!(!is_told && !is_there, "{:?}", manifest.endpoint.settings),
            "server" => assert!(is_told && is_there, "{:?}", manifest.endpoint.settings),
            _ => assert_eq!(is_told, is_there),
        }
        digests.push(tallies.iter().map(|tally| tally.digest).collect::<Vec<_>>());
    }
    assert!(digests.windows(2).all(|two| two[0] == two[1]), "{digests:?}");
    assert_eq!(scenario.backups("verified").len(), 2, "the configured number is kept");
}

#[test]
fn a_changed_row_is_named_also_where_the_server_hashes() {
    let (_database, mut scenario) = shop("hashed_there");
    scenario.set("verify", "digest_on = \"server\"");
    scenario.wrap("pg_restore", &restore_and_change_a_row("hashed_there"));
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("shop.orders") && said.contains("id=17"), "{said}");
    assert!(said.contains("came in between dump and copy"), "{said}");
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (0, 1));
    assert_eq!(copies_of("hashed_there"), Vec::<String>::new());
}
