//! All that a club does at night, with no PostgreSQL server of its own: and a disaster after it.

use std::fs;

use super::machine::Machine;
use super::whole::no_password_anywhere;
use crate::support::night::{NightlyScenario, names, said};
use crate::support::offsite::{PASSWORD, private};
use crate::support::sshd::Sshd;
use crate::support::{Database, cluster, pgwitness};

#[test]
fn a_night_with_access_files_and_an_off_site_copy_is_sound_and_comes_back_on_an_empty_machine() {
    let mut machine = Machine::new("end_to_end");
    machine.scenario.use_own_server();
    machine.scenario.set("restore", "from = \"offsite\"");
    let repository = machine.scenario.use_offsite();
    let sshd = Sshd::start(None);
    machine.scenario.use_files();
    machine.scenario.use_remote_files(&sshd);
    fs::write(machine.scenario.path("media/photo"), "of a member").unwrap();
    let log = with_access(&mut machine.scenario);
    let plan = machine.scenario.demand(&["nightly", "--dry-run"], 0);
    for step in ["open access", "temporary instance", "upload", "make a restore server", "close it"] {
        assert!(plan.contains(step), "no {step}: {plan}");
    }
    let said = machine.scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys, files)"), "{said}");
    machine.demand_untouched();
    assert_eq!(machine.temporaries(), vec![]);
    assert_eq!(machine.scenario.open_journals(), Vec::<String>::new());
    assert_eq!(machine.scenario.servers(), Vec::<String>::new());
    no_password_anywhere(&machine);
    let report = machine.scenario.report();
    let rds = &report["night"]["rds"];
    let run = report["run_id"].as_str().unwrap();
    let temporary = rds["temporary_instance"].as_str().unwrap();
    let lines = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], format!("open {run}"));
    assert!(lines[1].starts_with(&format!("endpoint {run} {temporary}.")), "{lines:?}");
    assert_eq!(lines[2].split(' ').take(2).collect::<Vec<_>>(), ["close", run]);
    assert!(lines[2].contains(temporary), "the closing command knows the endpoint: {lines:?}");
    let offsite = report["night"]["steps"].as_array().unwrap().iter().find(|step| step["name"] == "offsite").unwrap();
    assert_eq!(offsite["result"], "done", "{offsite}");
    comes_back(machine, &repository);
}

/// Every command adds a line to a log.
fn with_access(scenario: &mut NightlyScenario) -> std::path::PathBuf {
    let log = scenario.path("access.log");
    let command = |what: &str| {
        let words = format!("echo {what} $PGWITNESS_RUN_ID $PGWITNESS_ENDPOINT_HOST $PGWITNESS_ENDPOINT_PORT");
        format!("[\"/bin/sh\", \"-c\", {:?}]", format!("{words} >> {}", log.display()))
    };
    let lines = vec![
        format!("open = {}", command("open")),
        format!("open_endpoint = {}", command("endpoint")),
        format!("close = {}", command("close")),
    ];
    scenario.sections.push(("access".into(), lines));
    log
}

/// Everything is gone but the repository, its password and the public key.
fn comes_back(machine: Machine, repository: &str) {
    let empty = tempfile::tempdir().unwrap();
    let at = |name: &str| empty.path().join(name);
    let status = std::process::Command::new("mv").arg(repository).arg(at("repository")).status().unwrap();
    assert!(status.success());
    let key = fs::read_to_string(machine.scenario.path("key.pub")).unwrap();
    drop(machine);
    fs::write(at("allowed_signers"), format!("pgwitness {key}")).unwrap();
    private(&at("password"), PASSWORD);
    fs::create_dir(at("downloads")).unwrap();
    let server = cluster();
    Database::connect(&server.conninfo("postgres")).run("CREATE ROLE clubadmin; CREATE ROLE rds_superuser");
    let mut command = pgwitness();
    command.arg("restore").arg("--offsite").arg(at("repository")).args(["--into", &server.conninfo("club_again")]);
    command.arg("--offsite-password-file").arg(at("password")).arg("--allowed-signers").arg(at("allowed_signers"));
    command.arg("--download-to").arg(at("downloads")).current_dir(empty.path());
    let output = command.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("sound ("), "{said}");
    let orders = Database::connect(&server.conninfo("club_again")).value("SELECT count(*) FROM shop.orders");
    assert_eq!(orders, "3000");
    assert_eq!(names(&at("downloads")), Vec::<String>::new());
}
