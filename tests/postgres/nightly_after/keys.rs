//! Runs that sign with keys of other kinds than Ed25519.

use std::fs;
use std::path::Path;

use crate::nightly_after::small;
use crate::support::night::{NightlyScenario, text};
use crate::support::pgwitness;
use crate::support::ssh_agent::Agent;

/// Makes a key of this type, which signs and is allowed to.
fn use_key(scenario: &mut NightlyScenario, kind: &str) {
    let key = scenario.path(kind);
    assert!(pgwitness().arg("keygen").arg(&key).args(["--type", kind]).output().unwrap().status.success());
    let shown = pgwitness().arg("keygen").arg(&key).arg("--show").output().unwrap();
    let signers = scenario.path("allowed_signers");
    fs::write(&signers, shown.stdout).unwrap();
    scenario.set("report", &text("allowed_signers", &signers));
    scenario.set("report", &text("key", &key));
}

fn signature(scenario: &NightlyScenario) -> String {
    fs::read_to_string(scenario.nights().pop().unwrap().join("report.json.sig")).unwrap()
}

#[test]
fn a_run_signs_with_rsa_and_with_a_key_in_an_ssh_agent() {
    let (_database, mut scenario) = small("other_keys");
    use_key(&mut scenario, "rsa");
    scenario.demand(&["nightly"], 0);
    scenario.demand(&["report", "verify"], 0);
    let by_file = signature(&scenario);
    // The same key, of which the host has only the public half.
    let agent = Agent::start(&scenario.path(""));
    agent.add(&scenario.path("rsa"));
    fs::remove_file(scenario.path("rsa")).unwrap();
    scenario.set("report", &text("key", scenario.path("rsa.pub")));
    let said = scenario.demand(&["config", "check"], 2);
    assert!(said.contains("it is a public key, and no ssh-agent signs with it"), "{said}");
    scenario.environment.push(("SSH_AUTH_SOCK".into(), agent.socket.display().to_string()));
    scenario.demand(&["config", "check"], 0);
    scenario.demand(&["nightly"], 0);
    scenario.demand(&["report", "verify"], 0);
    assert_ne!(signature(&scenario), by_file);
}

#[test]
fn a_run_refuses_a_security_key_before_it_reads_anything() {
    let (_database, mut scenario) = small("no_touch");
    let key = scenario.path("sk.pub");
    write_security_key(&key);
    scenario.set("report", &text("key", &key));
    let expected = "a security key signs only when it is touched, and this is unattended";
    for command in ["nightly", "config"] {
        let arguments = if command == "config" { &["config", "check"][..] } else { &["nightly"] };
        let said = scenario.demand(arguments, 2);
        assert!(said.contains(expected), "{said}");
    }
    assert!(scenario.nights().is_empty() && scenario.backups("verified").is_empty());
}

/// Some key of type sk-ssh-ed25519.
fn write_security_key(path: &Path) {
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let kind = "sk-ssh-ed25519@openssh.com";
    let blob = [string(kind.as_bytes()), string(&[7; 32]), string(b"ssh:")].concat();
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(blob);
    fs::write(path, format!("{kind} {encoded} someone@example.org\n")).unwrap();
}
