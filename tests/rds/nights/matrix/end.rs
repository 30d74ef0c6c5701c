//! What must be true after a night that was hurt, and after the next one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::rows::{Row, access, files, offsite};
use super::scene::{Scene, Strike, Template, entries, kind};
use crate::fake_rds::Action;
use crate::nights::machine::{Machine, PRODUCTION};
use crate::support::night::{names, said};

/// Plays one row: exit code, report and dump, what the next night did.
pub fn play(number: usize, row: &Row, template: &Template) -> [String; 3] {
    // A blow can come too late by a hair: then it did not test what it claims to.
    for attempt in 0..3 {
        let mut scene = Scene::new(number * 10 + attempt, template);
        (row.arrange)(&mut scene);
        let before = names(&scene.machine.scenario.path("reports"));
        let (output, journal) = scene.night(row.step, &row.strike);
        let entries = entries(&journal);
        if !came_in_its_step(row, &entries) {
            continue;
        }
        return judge(row, &mut scene, &output, &entries, &before);
    }
    panic!("the blow never came in the step")
}

/// The journal tells where the night was when it was struck or failed.
fn came_in_its_step(row: &Row, entries: &[Value]) -> bool {
    let steps: Vec<&Value> = entries.iter().filter(|entry| kind(entry).starts_with("step_")).collect();
    let is_killed = row.kind() == "SIGKILL";
    if row.step == "report" {
        let is_reported = entries.iter().any(|entry| kind(entry) == "reported");
        let last = steps.last().map(|entry| (kind(entry), entry["step"].as_str().unwrap_or_default().to_owned()));
        return !is_killed || (!is_reported && last == Some(("step_ended", "verify".to_owned())));
    }
    let Some(of_step) = steps.iter().rposition(|entry| entry["step"] == row.step) else { return false };
    match row.strike {
        // What was arranged may be survived, but it must have been met: the rows say so themselves.
        Strike::None => true,
        _ if is_killed => of_step + 1 == steps.len() && kind(steps[of_step]) == "step_started",
        _ => true,
    }
}

fn judge(row: &Row, scene: &mut Scene, output: &Output, entries: &[Value], before: &[String]) -> [String; 3] {
    let report = scene.reports_after(before).first().map(|(_, report)| report["night"]["steps"].to_string());
    let journal: Vec<String> = entries.iter().map(Value::to_string).collect();
    let text = format!("{}\njournal: {}\npaper: {}", said(output), journal.join("\n"), report.unwrap_or_default());
    let code = output
        .status
        .code()
        .map_or_else(|| format!("sig{}", output.status.signal().unwrap_or_default()), |code| code.to_string());
    let wanted: Vec<&str> = row.codes.split(' ').collect();
    assert!(wanted.contains(&code.as_str()), "it ended with {code}, not {}:\n{text}", row.codes);
    let is_dump_proven = text.contains("the dump is proven");
    let report = report_of(scene, before, &text);
    is_honest(&code, &report, &text);
    if let Some(word) = row.says {
        assert!(text.contains(word), "it does not say {word:?}:\n{text}");
    }
    dumps_are_right(row, scene, &report, is_dump_proven, &text);
    what_is_left_is_known(scene, &code, &text);
    only_ours_was_deleted(&scene.machine);
    let dumps = places(scene);
    let next = next_night(row, scene);
    [code, format!("{}; {dumps}", report.unwrap_or_else(|| "none".into())), next]
}

/// The verdict of the night's report, if there is one; signed, and no two.
fn report_of(scene: &Scene, before: &[String], text: &str) -> Option<String> {
    let reports = scene.reports_after(before);
    assert!(reports.len() <= 1, "two reports:\n{text}");
    let (folder, report) = reports.first()?;
    signature_holds(&scene.machine, folder);
    Some(report["verdict"].as_str().unwrap().to_owned())
}

fn signature_holds(machine: &Machine, folder: &str) {
    let key = fs::read_to_string(machine.scenario.path("key.pub")).unwrap();
    let allowed = machine.scenario.path("allowed_signers");
    fs::write(&allowed, format!("pgwitness {key}")).unwrap();
    let folder = machine.scenario.path("reports").join(folder);
    let mut command = crate::support::packages::ssh_keygen();
    command.args(["-Y", "verify", "-I", "pgwitness", "-n", "pgwitness-report", "-f"]).arg(&allowed);
    command.arg("-s").arg(folder.join("report.json.sig")).stdin(fs::File::open(folder.join("report.json")).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// The exit code and the report say the same.
fn is_honest(code: &str, report: &Option<String>, text: &str) {
    let verdict = report.as_deref();
    let is_right = match code {
        "0" | "3" => verdict == Some("sound"),
        "1" => verdict != Some("sound"),
        "2" => matches!(verdict, None | Some("inconclusive")),
        // Interrupted: whatever was known by then, but nothing that was not.
        _ => true,
    };
    assert!(is_right, "exit {code} with the report {verdict:?}:\n{text}");
    if verdict == Some("sound") {
        assert!(text.contains(r#""step":"verify"}"#), "sound without verification:\n{text}");
    }
}

/// The old dump is whole; nothing is under verified/ or damaged/ that no report put there.
fn dumps_are_right(row: &Row, scene: &Scene, report: &Option<String>, is_dump_proven: bool, text: &str) {
    if row.keeps_old {
        old_is_whole(scene, text);
    }
    assert!(!scene.machine.scenario.backups("verified").is_empty(), "no verified dump is left:\n{text}");
    let others = |place: &str| -> Vec<String> {
        scene.machine.scenario.backups(place).into_iter().filter(|name| *name != scene.old).collect()
    };
    let verdict = report.as_deref();
    let is_verified = verdict == Some("sound") || is_dump_proven;
    assert!(others("verified").len() <= usize::from(is_verified), "not verified:\n{text}");
    assert!(others("damaged").len() <= usize::from(verdict == Some("damaged")), "not damaged:\n{text}");
    for name in others("verified").iter().filter(|name| !is_in_the_way(scene, name)) {
        whole(&scene.machine.scenario.path("backups/verified").join(name), text);
    }
}

/// What a row has put there instead.
fn is_in_the_way(scene: &Scene, name: &str) -> bool {
    fs::read_to_string(scene.machine.scenario.path("backups/in-the-way")).is_ok_and(|id| id == name)
}

fn old_is_whole(scene: &Scene, text: &str) {
    let path = scene.machine.scenario.path("backups/verified").join(&scene.old);
    assert!(path.exists(), "the old dump is gone:\n{text}");
    whole(&path, text);
}

fn whole(dir: &Path, text: &str) {
    let check = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(dir).output().unwrap();
    assert!(check.status.success(), "{}: {}\n{text}", dir.display(), said(&check));
}

/// Whatever is left is in an open journal, and unless there was no time to speak, was named.
fn what_is_left_is_known(scene: &Scene, code: &str, text: &str) {
    let runs = scene.machine.scenario.path("state/runs");
    let journals: String = scene
        .machine
        .scenario
        .open_journals()
        .iter()
        .map(|name| fs::read_to_string(runs.join(name)).unwrap())
        .collect();
    let instances = scene.machine.temporaries().into_iter().filter(|instance| instance.status != "deleting");
    let partials = scene.machine.scenario.backups("unverified").into_iter().filter(|name| name.ends_with(".partial"));
    let partials = partials.map(|name| name.trim_end_matches(".partial").to_owned());
    let left: Vec<String> = instances
        .map(|instance| instance.id)
        .chain(partials)
        .chain(scene.machine.databases(&scene.copy))
        .chain(scene.machine.scenario.servers())
        .chain(access::open(&scene.machine.scenario))
        .chain(files::partial(&scene.machine.scenario))
        .collect();
    for name in left {
        assert!(journals.contains(&name), "{name} is left, and no journal owes it:\n{text}");
        assert!(
            code == "sig9" || text.split("journal: ").next().unwrap().contains(&name),
            "{name} is left unsaid:\n{text}"
        );
    }
}

/// Production is as it was; what was deleted had our name, and no final snapshot was asked for.
fn only_ours_was_deleted(machine: &Machine) {
    machine.demand_untouched();
    for call in machine.aws.calls_of(Action::DeleteDBInstance) {
        let name = &call.parameters["DBInstanceIdentifier"];
        assert!(name.starts_with("pgwitness-2") && name != PRODUCTION, "{call:?}");
        assert_eq!(call.parameters.get("SkipFinalSnapshot").map(String::as_str), Some("true"));
    }
    for call in machine.aws.calls_of(Action::ModifyDBInstance) {
        assert!(call.parameters["DBInstanceIdentifier"].starts_with("pgwitness-2"), "{call:?}");
        assert!(!call.parameters.contains_key("DeletionProtection"), "{call:?}");
    }
}

fn places(scene: &Scene) -> String {
    let mut counts = BTreeMap::new();
    for place in ["verified", "damaged", "unverified"] {
        for name in scene.machine.scenario.backups(place).iter().filter(|name| **name != scene.old) {
            *counts.entry(if name.ends_with(".partial") { "partial" } else { place }).or_insert(0) += 1;
        }
    }
    let words: Vec<&str> = counts.keys().copied().collect();
    if words.is_empty() { "no dump".into() } else { format!("dump {}", words.join(", ")) }
}

/// Undisturbed: it is sound, and nothing is left of either.
fn next_night(row: &Row, scene: &mut Scene) -> String {
    scene.machine.aws.clear_faults();
    scene.machine.aws.forward_freely();
    scene.machine.aws.set_life(super::scene::short_life());
    (row.repair)(scene);
    let before = names(&scene.machine.scenario.path("reports"));
    let (output, journal) = scene.night("", &Strike::None);
    let text = format!("the next night: {}\n{}", said(&output), fs::read_to_string(&journal).unwrap_or_default());
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(report_of(scene, &before, &text).as_deref(), Some("sound"), "{text}");
    let scenario = &scene.machine.scenario;
    assert_eq!(scene.machine.temporaries(), vec![], "{text}");
    assert_eq!(scenario.open_journals(), Vec::<String>::new(), "{text}");
    assert_eq!(scene.machine.databases(&scene.copy), Vec::<String>::new(), "{text}");
    assert_eq!(scenario.servers(), Vec::<String>::new(), "{text}");
    assert_eq!(access::open(scenario), Vec::<String>::new(), "{text}");
    assert_eq!(files::partial(scenario), Vec::<String>::new(), "{text}");
    files::demand_verified(scenario, &text);
    offsite::demand_all_stored(scenario, &text);
    assert_eq!(scenario.backups("unverified"), Vec::<String>::new(), "{text}");
    assert!(names(&scenario.path("backups")).iter().all(|name| !name.starts_with(".removing-")), "{text}");
    let is_unfinished = |night: &std::path::PathBuf| !night.join("report.json").exists();
    assert!(!scenario.nights().iter().any(is_unfinished), "an unfinished report is left:\n{text}");
    if row.keeps_old {
        old_is_whole(scene, &text);
        assert!(scenario.backups("verified").len() >= 2, "{text}");
    }
    scenario.backups("verified").iter().for_each(|name| whole(&scenario.path("backups/verified").join(name), &text));
    only_ours_was_deleted(&scene.machine);
    described(&entries(&journal), &said(&output))
}

/// What the next night says that it cleaned up.
fn described(entries: &[Value], said: &str) -> String {
    let is_recovered =
        entries.iter().any(|e| kind(e) == "step_ended" && e["step"] == "recover" && e["result"] == "done");
    if !is_recovered {
        return "sound; had nothing to clear".into();
    }
    let mut words = Vec::new();
    for (mark, word) in [
        ("is gone", "instance"),
        ("was discarded", "partial dump"),
        ("was verified", "dump verified"),
        ("was damaged", "dump to damaged/"),
        ("was unverified", "dump kept"),
        ("was dropped", "copy"),
    ] {
        if said.lines().any(|line| line.contains("run ") && line.contains(mark)) {
            words.push(word);
        }
    }
    let what = if words.is_empty() { "the journal".to_owned() } else { words.join(", ") };
    format!("sound; cleared {what}")
}
