//! The time stamp of a run, by an authority that is the real openssl behind a web server.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::nightly_after::small;
use crate::support::night::{NightlyScenario, text};
use crate::support::timestamping::{AuthorityKind, TimestampServer, openssl_accepts};
use crate::support::web_server::{Answer, Web};

/// The authority; its web server ends with it.
struct Authority {
    server: TimestampServer,
    _runtime: tokio::runtime::Runtime,
}

impl Authority {
    /// Answers a few times otherwise, and then with time stamps.
    fn of(scenario: &mut NightlyScenario, answers: &[Answer]) -> Self {
        let server = TimestampServer::new(AuthorityKind::EC);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let web = runtime.block_on(Web::start_with(answers, server.responder()));
        scenario.set("report", &format!("timestamp_url = {:?}", web.url("/tsr")));
        scenario.set("report", &text("timestamp_ca_file", server.root()));
        Self { server, _runtime: runtime }
    }
}

/// Lets the key of the scenario sign.
fn allow(scenario: &mut NightlyScenario) {
    let key = scenario.path("key").display().to_string();
    let shown = crate::support::pgwitness().args(["keygen", &key, "--show"]).output().unwrap();
    let signers = scenario.path("allowed_signers");
    fs::write(&signers, shown.stdout).unwrap();
    scenario.set("report", &text("allowed_signers", &signers));
}

fn night(scenario: &NightlyScenario) -> (PathBuf, Value) {
    let night = scenario.nights().pop().unwrap();
    let closing = serde_json::from_slice(&fs::read(night.join("closing.json")).unwrap()).unwrap();
    (night, closing)
}

#[test]
fn a_run_gets_a_time_stamp_over_its_report_that_openssl_accepts() {
    let (_database, mut scenario) = small("stamped");
    let authority = Authority::of(&mut scenario, &[Answer::Status(503)]);
    allow(&mut scenario);
    let said = scenario.demand(&["config", "check"], 0);
    assert!(said.contains("report.timestamp_url") && said.contains(" by CN=tsa,O=Test"), "{said}");
    scenario.demand(&["nightly"], 0);
    let (night, closing) = night(&scenario);
    let [report, token] = ["report.json", "report.json.tsr"].map(|name| fs::read(night.join(name)).unwrap());
    assert!(openssl_accepts(&token, &report, &authority.server.root()));
    assert_eq!((&closing["format"], &closing["steps"][0]["name"]), (&4.into(), &"timestamp".into()));
    let named = &closing["timestamp"];
    assert_eq!((&named["authority"], &named["is_checked"]), (&"CN=tsa,O=Test".into(), &true.into()));
    let said = scenario.demand(&["report", "verify", "--require-timestamp"], 0);
    assert!(said.contains("time stamp of 20") && said.contains(" by CN=tsa,O=Test"), "{said}");
    let said = scenario.demand(&["report", "show", "latest", "--only", "steps"], 0);
    assert!(said.contains(" by CN=tsa,O=Test"), "{said}");
    assert!(fs::read_to_string(night.join("report.html")).unwrap().contains(" by CN=tsa,O=Test"));
    fs::remove_file(night.join("report.json.tsr")).unwrap();
    let said = scenario.demand(&["report", "verify"], 2);
    assert!(said.contains("report.json.tsr is missing, and closing.json names it"), "{said}");
    let said = scenario.demand(&["report", "list"], 2);
    assert!(said.contains("report.json.tsr is missing, and closing.json names it"), "{said}");
}

#[test]
fn a_time_stamp_that_cannot_be_had_turns_exit_0_into_3_and_leaves_the_report_valid() {
    let (_database, mut scenario) = small("not_stamped");
    let authority = Authority::of(&mut scenario, &vec![Answer::Status(500); 4]);
    allow(&mut scenario);
    let said = scenario.demand(&["nightly"], 3);
    let cause = "get a time stamp from 127.0.0.1: it answered 500 Internal Server Error";
    assert!(said.contains(cause), "{said}");
    let (night, closing) = night(&scenario);
    assert!(!night.join("report.json.tsr").exists());
    assert_eq!((&closing["exit_code"], closing.get("timestamp")), (&3.into(), None));
    assert!(closing["troubles"].to_string().contains(cause), "{closing}");
    let said = scenario.demand(&["report", "verify"], 0);
    assert!(said.contains(&format!("problem: {cause}")), "{said}");
    scenario.demand(&["report", "verify", "--require-timestamp"], 2);
    drop(authority);
    // An authority that is not the trusted one: its answer is not kept.
    let server = TimestampServer::new(AuthorityKind::EC);
    let _other = Authority::of(&mut scenario, &[]);
    scenario.set("report", &text("timestamp_ca_file", server.root()));
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("no chain from its certificate to the given ones"), "{said}");
    assert!(!scenario.nights().pop().unwrap().join("report.json.tsr").exists());
    scenario.demand(&["config", "check"], 2);
}
