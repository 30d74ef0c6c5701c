//! Random fleets, end to end: a careless administrator confirms every name there is, and still only what a journal or its own
//! tags prove to be a temporary instance of ours goes.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use pgwitness::aws::identifier::identifier;
use pgwitness::base::time::Timestamp;
use pgwitness::storage::journal::{Entry, InstanceClaim, Journal, RunInfo};
use pgwitness::storage::reports::random_run_id;

use crate::fake_rds::{ACCOUNT, Action, Instance, Life, Stage, new_resource_id, tag};
use crate::nights::machine::{Machine, PRODUCTION, REGION};

const DAY: Duration = Duration::from_secs(86_400);
const FLEETS: u64 = 30;

/// The same fleets in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn at(time: SystemTime) -> String {
    Timestamp::new(time).to_string()
}

/// Two days ago ordered, a day ago expired: all that a temporary instance of ours has.
pub fn temporary(machine: &Machine) -> Instance {
    temporary_of(machine, "pgwitness")
}

fn temporary_of(machine: &Machine, prefix: &str) -> Instance {
    let ordered = SystemTime::now() - 2 * DAY;
    let run_id = random_run_id().unwrap();
    let tags = vec![
        tag("pgwitness-managed", "true"),
        tag("pgwitness-run-id", &run_id),
        tag("pgwitness-created-at", &at(ordered)),
        tag("pgwitness-expires-at", &at(ordered + DAY)),
        tag("pgwitness-source-resource-id", &machine.production.resource_id),
    ];
    Instance {
        id: identifier(prefix, Timestamp::new(ordered), &run_id[..8]),
        resource_id: new_resource_id(),
        created: Some(ordered + Duration::from_secs(60)),
        tags,
        deletion_protection: false,
        backup_retention: 0,
        ..Instance::production("")
    }
}

pub fn tag_of<'a>(instance: &'a Instance, key: &str) -> &'a str {
    instance.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str()).unwrap()
}

pub fn set_tag(instance: &mut Instance, key: &str, value: Option<&str>) {
    instance.tags.retain(|(name, _)| name != key);
    instance.tags.extend(value.map(|value| tag(key, value)));
}

/// The journal of a run that ordered this instance and died.
pub fn journal(machine: &Machine, instance: &Instance, has_answer: bool) {
    let run_id = tag_of(instance, "pgwitness-run-id").to_owned();
    let ordered = Timestamp::parse(tag_of(instance, "pgwitness-created-at")).unwrap();
    let holder = RunInfo { run_id: run_id.clone(), command: "nightly".into(), pid: 1, at: ordered };
    let mut journal = Journal::create(&machine.scenario.path("state"), &holder).unwrap();
    let claim = InstanceClaim {
        identifier: instance.id.clone(),
        run_id,
        source_resource_id: machine.production.resource_id.clone(),
        source_instance: PRODUCTION.into(),
        snapshot: machine.snapshot.id.clone(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        prefix: instance.id.split('-').next().unwrap().into(),
        at: ordered,
    };
    journal.append(&Entry::InstanceIntended(claim)).unwrap();
    if has_answer {
        let (identifier, resource_id) = (instance.id.clone(), instance.resource_id.clone());
        journal.append(&Entry::InstanceCreated { identifier, resource_id }).unwrap();
    }
}

/// A record that is gone as soon as it is deleted.
pub fn add(machine: &Machine, instance: Instance) -> Instance {
    let (id, status) = (instance.id.clone(), instance.status.clone());
    machine.aws.add_instance(instance.clone());
    let stages = vec![Stage::new(&status, u32::MAX)];
    machine.aws.set_life_of(&id, Life { stages, deleting: 0, ..Life::default() });
    instance
}

/// Its name, and what is done to an instance that was a temporary one of ours.
type Change = (&'static str, fn(&mut Instance));

/// What makes a temporary instance one that must stay, whatever a journal says.
const CHANGES: &[Change] = &[
    ("deletion protection", |it| it.deletion_protection = true),
    ("a replica of it", |it| it.replicas = vec!["reports".into()]),
    ("a replica", |it| it.replica_of = Some(PRODUCTION.into())),
    ("of a cluster", |it| it.cluster = Some("aurora".into())),
    ("no mark", |it| set_tag(it, "pgwitness-managed", None)),
    ("a mark that says no", |it| set_tag(it, "pgwitness-managed", Some("false"))),
    ("two marks", |it| it.tags.push(tag("pgwitness-managed", "true"))),
    ("no run", |it| set_tag(it, "pgwitness-run-id", None)),
    ("older than its order", |it| it.created = Some(SystemTime::now() - 9 * DAY)),
    ("no creation time", |it| it.hidden = vec!["InstanceCreateTime".into()]),
    ("no resource id", |it| it.hidden = vec!["DbiResourceId".into()]),
    ("no ARN", |it| it.hidden = vec!["DBInstanceArn".into()]),
    ("no word on protection", |it| it.hidden = vec!["DeletionProtection".into()]),
];

/// What only matters when no journal knows it.
const ORPHAN_CHANGES: &[Change] = &[
    ("not expired", |it| set_tag(it, "pgwitness-expires-at", Some(&at(SystemTime::now() + DAY)))),
    ("no expiry", |it| set_tag(it, "pgwitness-expires-at", None)),
    ("an expiry that is no time", |it| set_tag(it, "pgwitness-expires-at", Some("soon"))),
    ("no order", |it| set_tag(it, "pgwitness-created-at", None)),
    ("of no source", |it| set_tag(it, "pgwitness-source-resource-id", None)),
    ("its own source", |it| {
        let own = it.resource_id.clone();
        set_tag(it, "pgwitness-source-resource-id", Some(&own));
    }),
];

/// Instances that must stay, whatever their names and tags.
const STRANGERS: &[&str] = &[
    "pgwitness",
    "pgwitness-production",
    "pgwitness-20260131t020000z",
    "pgwitness-20260131t020000z-0123abcd-old1",
    "pgwitness2-20260131t020000z-0123abcd",
    "xpgwitness-20260131t020000z-0123abcd",
    "pgwitness-20260231t020000z-0123abcd",
    "club-staging",
];

/// Adds one instance of a random kind; whether it has to go.
fn add_one(machine: &Machine, dice: &mut Dice, protected: &mut Vec<String>) -> (String, bool, &'static str) {
    let mut it = temporary(machine);
    let (what, goes) = match dice.roll(12) {
        0 | 1 => {
            journal(machine, &it, dice.roll(2) == 0);
            ("journaled", true)
        }
        2 => ("an expired orphan, confirmed", true),
        3 | 4 => {
            let (what, change) = CHANGES[dice.roll(CHANGES.len())];
            journal(machine, &it, true);
            change(&mut it);
            (what, false)
        }
        5 | 6 => {
            let (what, change) = CHANGES[dice.roll(CHANGES.len())];
            change(&mut it);
            (what, false)
        }
        7 => {
            let (what, change) = ORPHAN_CHANGES[dice.roll(ORPHAN_CHANGES.len())];
            change(&mut it);
            (what, false)
        }
        8 => {
            journal(machine, &it, true);
            it.resource_id = new_resource_id();
            ("another one under a journaled name", false)
        }
        9 => {
            journal(machine, &it, true);
            it.id = format!("renamed-{}", it.id);
            ("renamed", false)
        }
        // The configuration refuses to protect what begins as ours do; the prefix may have been another one then.
        10 => {
            it = temporary_of(machine, "former");
            journal(machine, &it, true);
            let is_protected = dice.roll(2) == 0;
            protected.extend(is_protected.then(|| it.id.clone()));
            ("of a former prefix, protected or not", !is_protected)
        }
        _ => {
            it.id = STRANGERS[dice.roll(STRANGERS.len())].into();
            ("a stranger", false)
        }
    };
    (add(machine, it).id, goes, what)
}

#[test]
fn of_random_fleets_only_what_was_journaled_or_has_expired_and_was_named_is_ever_deleted() {
    let mut machine = Machine::new("fleets");
    machine.scenario.sections.push(("protected".into(), vec![]));
    let (mut gone, mut stayed) = (0, 0);
    for seed in 0..FLEETS {
        let mut dice = Dice(seed);
        fs::remove_dir_all(machine.scenario.path("state/runs")).ok();
        machine.temporaries().iter().for_each(|it| machine.aws.forget_instance(&it.id));
        machine.aws.forget_calls();
        let mut protected = Vec::new();
        let count = 2 + dice.roll(5);
        let fleet: Vec<_> = (0..count).map(|_| add_one(&machine, &mut dice, &mut protected)).collect();
        machine.scenario.set("protected", &format!("instances = {protected:?}"));
        let mut arguments = vec!["sweep", "--confirm", PRODUCTION];
        fleet.iter().for_each(|(id, ..)| arguments.extend(["--confirm", id]));
        let output = machine.scenario.run(&arguments);
        let said = crate::support::night::said(&output);
        let left: BTreeSet<String> = machine.temporaries().into_iter().map(|it| it.id).collect();
        for (id, goes, what) in &fleet {
            assert_eq!(!left.contains(id), *goes, "fleet {seed}: {id} ({what}) in\n{said}");
            (gone, stayed) = if *goes { (gone + 1, stayed) } else { (gone, stayed + 1) };
        }
        machine.demand_untouched();
        let changes = [Action::ModifyDBInstance, Action::RestoreDBInstanceFromDBSnapshot, Action::AddTagsToResource];
        assert!(changes.iter().all(|action| machine.aws.calls_of(*action).is_empty()), "fleet {seed}");
        // Strangers may bear one name.
        let goes = fleet.iter().filter(|(_, goes, _)| *goes).count();
        assert_eq!(machine.aws.calls_of(Action::DeleteDBInstance).len(), goes, "fleet {seed}: {said}");
    }
    assert!(gone > 20 && stayed > 40, "{gone} gone, {stayed} stayed: the fleets are too poor");
}
