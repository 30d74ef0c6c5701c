use std::sync::{Arc, Mutex, mpsc};

use super::*;
use crate::config::{Config, Source, examples};
use crate::model::manifest::{EndpointFacts, Manifest};
use crate::model::report::{Report, Run};
use crate::model::run::{RdsFacts, RunFacts};

fn club(edit: impl FnOnce(&mut crate::config::RdsSource)) -> Source {
    match Config::parse(examples::CLUB).unwrap().source {
        Source::Rds(mut source) => {
            edit(&mut source);
            Source::Rds(source)
        }
        Source::Postgres(_) => panic!("the club is on RDS"),
    }
}

fn facts(source: &Source) -> RdsFacts {
    let Source::Rds(config) = source else { panic!("not on RDS") };
    RdsFacts {
        account: config.account.clone().unwrap_or_default(),
        region: config.region.clone(),
        source_instance: config.instance.clone(),
        source_resource_id: config.resource_id.clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn endpoint(description: &str) -> EndpointFacts {
    EndpointFacts { description: description.into(), ..Default::default() }
}

fn night_of(kind: &str, rds: Option<RdsFacts>, description: &str) -> Report {
    let manifest = Manifest { endpoint: endpoint(description), ..Manifest::not_read(String::new()) };
    let night = Some(RunFacts { source_kind: kind.into(), rds, ..Default::default() });
    Report::new(Default::default(), &manifest, &manifest, Run { night, ..Default::default() })
}

const THEN: &str = "postgresql://u@temporary-1:5432/club";
const NOW: &str = "postgresql://u@temporary-2:5432/club";

fn other(source: &Source, report: &Report) -> Option<String> {
    CurrentSource::new(source, &endpoint(NOW)).other_source(report)
}

#[test]
fn a_blue_green_switch_and_a_new_name_leave_the_source_what_it_is() {
    let source = club(|_| {});
    let green = |facts: RdsFacts| RdsFacts { source_resource_id: "db-BLUE".into(), ..facts };
    assert_eq!(other(&source, &night_of("rds", Some(green(facts(&source))), THEN)), None);
    let renamed = RdsFacts { source_instance: "before".into(), ..facts(&source) };
    assert_eq!(other(&source, &night_of("rds", Some(renamed.clone()), THEN)), None);
    let without_resource_id = club(|source| source.resource_id = None);
    assert!(other(&without_resource_id, &night_of("rds", Some(renamed), THEN)).unwrap().contains("(before in"));
}

#[test]
fn another_region_account_kind_or_database_is_another_source() {
    let source = club(|source| source.account = Some("123456789012".into()));
    let is_other = |rds, description| other(&source, &night_of("rds", Some(rds), description)).is_some();
    assert!(!is_other(facts(&source), THEN));
    assert!(is_other(RdsFacts { region: "us-east-1".into(), ..facts(&source) }, THEN));
    assert!(is_other(RdsFacts { account: "210987654321".into(), ..facts(&source) }, THEN));
    assert!(is_other(facts(&source), "postgresql://u@temporary-1:5432/club_test"));
    assert!(other(&source, &night_of("postgres", None, THEN)).is_some());
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_block_the_run() {
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    // The read lasts until the test ends.
    let hang = |held: Arc<Mutex<mpsc::Receiver<()>>>| {
        move || {
            held.lock().unwrap().recv().ok();
            Ok(())
        }
    };
    let limit = Duration::from_millis(20);
    let error = patiently(limit, hang(held.clone())).await.unwrap_err();
    assert!(error.to_string().contains("took longer than"), "{error}");
    // A signal is handled on the same thread meanwhile.
    tokio::select! {
        _ = patiently(PATIENCE, hang(held)) => panic!("it hangs"),
        () = tokio::time::sleep(limit) => {}
    }
    drop(release);
}

#[test]
fn a_refusal_names_the_newest_and_says_what_to_try() {
    assert_eq!(refusal(&FoundBaseline::default()), None);
    let refused = (1..=5).map(|number| format!("n{number}: not signed").into()).collect();
    let text = refusal(&FoundBaseline { refused, ..Default::default() }).unwrap();
    let text = text.full();
    assert!(text.starts_with("no sound run can be used, reports were refused: n1: not signed; "), "{text}");
    assert!(text.contains("n3: not signed; and 2 more; to go on: ") && text.ends_with(WAYS_OUT), "{text}");
}
