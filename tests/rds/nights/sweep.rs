//! What is left over, and who may clean it up: `sweep`.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::fake_rds::{Action, Fault, Moment};
use crate::nights::before::demand_only_questions;
use crate::nights::fleets::{add, journal, set_tag, temporary};
use crate::nights::machine::{Machine, PRODUCTION};
use crate::support::night::said;

#[test]
fn nothing_left_over_is_said_and_is_fine() {
    let machine = Machine::new("sweep_nothing");
    assert_eq!(machine.scenario.demand(&["sweep"], 0), "nothing is left over\n");
    demand_only_questions(&machine);
    assert_eq!(machine.scenario.open_journals(), Vec::<String>::new());
}

/// Starts a night and kills it when it first looks at its new instance.
fn killed_night(machine: &Machine) {
    let pid = Arc::new(Mutex::new(None::<u32>));
    let (known, has_ordered) = (pid.clone(), Arc::new(Mutex::new(false)));
    let ordered = has_ordered.clone();
    machine.aws.hook(Action::RestoreDBInstanceFromDBSnapshot, Moment::AfterReply, move |_| {
        *ordered.lock().unwrap() = true;
    });
    machine.aws.hook(Action::DescribeDBInstances, Moment::AfterReply, move |_| {
        if *has_ordered.lock().unwrap() {
            let pid = known.lock().unwrap().unwrap();
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    });
    let mut guard = pid.lock().unwrap();
    let mut night = machine.scenario.command(&["nightly", "--quiet"]).spawn().unwrap();
    *guard = Some(night.id());
    drop(guard);
    assert_eq!(night.wait().unwrap().code(), None, "it was killed");
    machine.aws.clear_hooks();
}

#[test]
fn what_a_killed_night_has_left_is_shown_and_then_cleaned_up() {
    let machine = Machine::new("sweep_killed");
    killed_night(&machine);
    let left = machine.temporaries();
    assert_eq!((left.len(), machine.scenario.open_journals().len()), (1, 1));
    machine.aws.forget_calls();
    let said = machine.scenario.demand(&["sweep", "--dry-run"], 3);
    assert_eq!(said, format!("would clean up: RDS instance {} in ap-southeast-2\n", left[0].id));
    demand_only_questions(&machine);
    let said = machine.scenario.demand(&["sweep"], 0);
    assert!(said.contains(&format!(": the temporary instance {} is gone\n", left[0].id)), "{said}");
    assert_eq!((machine.temporaries(), machine.scenario.open_journals()), (vec![], vec![]));
    let all = machine.scenario.demand(&["sweep"], 0);
    assert!(all.ends_with("nothing is left over\n"), "{all}");
    machine.demand_untouched();
}

#[test]
fn an_instance_of_ours_that_no_journal_here_knows_goes_only_when_it_has_expired_and_is_named() {
    let machine = Machine::new("sweep_orphan");
    let expired = add(&machine, temporary(&machine));
    let mut young = temporary(&machine);
    set_tag(&mut young, "pgwitness-expires-at", Some("9000-01-01T00:00:00Z"));
    let young = add(&machine, young);
    machine.aws.forget_calls();
    let shown = machine.scenario.demand(&["sweep"], 3);
    for id in [&expired.id, &young.id] {
        assert!(shown.contains(&format!("instance {id} (available, since ")), "{shown}");
        assert!(shown.contains(&format!("to delete it, --confirm {id}\n")), "{shown}");
    }
    demand_only_questions(&machine);
    machine.scenario.demand(&["sweep", "--dry-run", "--confirm", &expired.id], 3);
    demand_only_questions(&machine);
    let said = machine.scenario.demand(&["sweep", "--confirm", &young.id], 3);
    assert!(said.contains(&format!("error: delete {}: ", young.id)), "{said}");
    assert!(said.contains("an orphan has expired: its tag pgwitness-expires-at is Some(\"9000"), "{said}");
    demand_only_questions(&machine);
    let said = machine.scenario.demand(&["sweep", "--confirm", &expired.id], 3);
    assert!(said.contains(&format!("the instance {} is gone\n", expired.id)), "{said}");
    let left: Vec<String> = machine.temporaries().into_iter().map(|it| it.id).collect();
    assert_eq!(left, vec![young.id]);
    machine.demand_untouched();
}

#[test]
fn a_name_that_is_none_of_ours_is_refused_aloud() {
    let machine = Machine::new("sweep_typo");
    for name in [PRODUCTION, "pgwitness-20260131t020000z-0123abcd"] {
        let said = machine.scenario.demand(&["sweep", "--confirm", name], 3);
        let expected = format!("error: --confirm {name}: no instance of this name has our tags: nothing was deleted\n");
        assert!(said.contains(&expected), "{said}");
    }
    demand_only_questions(&machine);
    machine.demand_untouched();
}

#[test]
fn what_cannot_be_deleted_is_reported_with_a_command_and_stays_to_be_removed() {
    let machine = Machine::new("sweep_denied");
    let it = temporary(&machine);
    journal(&machine, &it, true);
    add(&machine, it.clone());
    machine.aws.faults(Action::DeleteDBInstance, u32::MAX, Fault::access_denied());
    let said = machine.scenario.demand(&["sweep"], 3);
    let words = [
        format!("warning: STILL RUNNING AND BILLED: RDS instance {} in ap-southeast-2", it.id),
        format!("aws rds delete-db-instance --db-instance-identifier {}", it.id),
        "AccessDenied".to_owned(),
    ];
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
    assert_eq!(machine.scenario.open_journals().len(), 1);
    machine.aws.clear_faults();
    machine.scenario.demand(&["sweep"], 0);
    assert_eq!((machine.temporaries(), machine.scenario.open_journals()), (vec![], vec![]));
}

#[test]
fn what_cannot_be_asked_is_not_called_clean() {
    let machine = Machine::new("sweep_unknown");
    machine.aws.faults(Action::DescribeDBInstances, u32::MAX, Fault::access_denied());
    let output = machine.scenario.run(&["sweep"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!said(&output).contains("nothing is left over"), "{}", said(&output));
    machine.aws.clear_faults();
    let broken = machine.scenario.path("state/runs/20260131T020000Z-0123abcd.journal");
    fs::create_dir_all(broken.parent().unwrap()).unwrap();
    fs::write(&broken, "{\"entry\":\"no such\"}\n").unwrap();
    let said = machine.scenario.demand(&["sweep"], 3);
    assert!(said.contains(&format!("error: read journal {}: line 1: ", broken.display())), "{said}");
    assert!(!said.contains("nothing is left over"), "{said}");
}

/// `2026-01-31`, UTC.
fn today() -> String {
    let mut now = pgwitness::base::time::Timestamp::new(std::time::SystemTime::now()).to_string();
    now.truncate(10);
    now
}

#[test]
fn nothing_is_swept_under_a_night_that_is_at_work() {
    let machine = Machine::new("sweep_locked");
    let (started, go) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(())));
    let hold = go.lock().unwrap();
    let (flag, wait) = (started.clone(), go.clone());
    machine.aws.hook(Action::DescribeDBSnapshots, Moment::Before, move |_| {
        *flag.lock().unwrap() = true;
        drop(wait.lock());
    });
    machine.aws.forget_snapshot(&machine.snapshot.id);
    let day = today();
    let mut night =
        machine.scenario.command(&["nightly", "--quiet"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    while !*started.lock().unwrap() {
        std::thread::sleep(Duration::from_millis(50));
    }
    for command in ["sweep", "nightly"] {
        let output = machine.scenario.run(&[command]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
        let start = format!(
            "error: lock {}: another run is at work: nightly, process {}, run ",
            machine.scenario.path("state/lock").display(),
            night.id()
        );
        assert!(stderr.starts_with(&start), "{stderr}");
        // The day may have ended since.
        let is_since = |day: &str| stderr.contains(&format!(", since {day}T"));
        assert!(is_since(&day) || is_since(&today()), "{stderr}");
        assert!(
            stderr.ends_with(
                "try: wait for it to end; when it is gone the lock is free by itself, never remove the file\n"
            )
        );
    }
    drop(hold);
    assert_eq!(night.wait().unwrap().code(), Some(2), "there was no snapshot");
}

#[test]
fn no_command_that_deletes_is_printed_for_an_instance_that_is_not_proven_ours() {
    for tag in ["pgwitness-managed", "pgwitness-run-id"] {
        let machine = Machine::new("sweep_unproven");
        let mut it = temporary(&machine);
        journal(&machine, &it, true);
        set_tag(&mut it, tag, None);
        let it = add(&machine, it);
        for (command, code) in [(vec!["sweep"], 3), (vec!["nightly", "--quiet"], 3)] {
            let said = machine.scenario.demand(&command, code);
            assert!(said.contains(&it.id), "it is named: {said}");
            assert!(!said.contains("delete-db-instance"), "{command:?}: {said}");
        }
        assert_eq!(machine.temporaries().len(), 1, "it is not deleted");
    }
}

#[test]
fn a_night_names_an_instance_with_our_tags_that_no_journal_knows_and_deletes_none() {
    let machine = Machine::new("night_orphan");
    let expired = add(&machine, temporary(&machine));
    let mut young = temporary(&machine);
    set_tag(&mut young, "pgwitness-expires-at", Some("9000-01-01T00:00:00Z"));
    let young = add(&machine, young);
    let said = machine.scenario.demand(&["nightly", "--quiet"], 3);
    assert!(said.contains(&format!("pgwitness sweep --confirm {}", expired.id)), "{said}");
    assert!(!said.contains(&format!("--confirm {}", young.id)), "another machine may be using it: {said}");
    let mut left: Vec<String> = machine.temporaries().into_iter().map(|it| it.id).collect();
    left.sort();
    let mut both = vec![expired.id.clone(), young.id.clone()];
    both.sort();
    assert_eq!(left, both);
    let report = machine.scenario.report().to_string();
    assert!(report.contains(&expired.id) && report.contains(&young.id), "{report}");
    machine.demand_untouched();
}
