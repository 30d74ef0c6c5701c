//! Schemas that are not ours: applications from a package registry make their tables with their own migrations.

use std::path::PathBuf;
use std::process::Command;

use crate::definitions::scenario::Scenario;

/// Applications, each with its own schema. Fewer, and a part is lost.
const LEAST: usize = 5;

#[test]
fn schemas_of_public_applications_are_sound_after_a_dump_and_restore() {
    let Some(dir) = std::env::var_os("PGWITNESS_PUBLIC_SCHEMAS").map(PathBuf::from) else {
        eprintln!(
            "not checked on schemas of public applications: none installed (tests/public_schemas.sh DIR; PGWITNESS_PUBLIC_SCHEMAS=DIR)"
        );
        return;
    };
    let script = format!("{}/tests/public_schemas.py", env!("CARGO_MANIFEST_DIR"));
    let python = |arguments: &[&str]| {
        let output = Command::new(dir.join("bin/python")).arg(&script).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let names = python(&[]);
    let names: Vec<&str> = names.lines().collect();
    assert!(names.len() >= LEAST, "{names:?}");
    let scenario = Scenario::start();
    let (mut complaints, mut copies) = (Vec::new(), 0);
    // Migrations take seconds: the oldest version makes the tables, and the installed one gets them from its dump.
    let installed = crate::support::installed().version.major;
    let oldest = scenario.sources().first().copied().unwrap_or(installed);
    for name in &names {
        let made = scenario.create(oldest, name);
        python(&[name, scenario.socket(oldest).to_str().unwrap(), name]);
        let mut sources = vec![(oldest, made)];
        if oldest != installed {
            let (files, restored) = (tempfile::tempdir().unwrap(), scenario.create(installed, name));
            scenario.restore(&sources[0].1, &restored, &files.path().join("dump"), (oldest, installed)).unwrap();
            sources.push((installed, restored));
        }
        for (major, source) in &sources {
            let manifest = scenario.manifest(source, name, *major);
            for pair in scenario.pairs.iter().filter(|pair| pair.0 == *major) {
                complaints.extend(scenario.complaint(source, &manifest, name, *pair));
                copies += 1;
            }
        }
    }
    eprintln!("{copies} copies of {} public schemas", names.len());
    assert!(complaints.is_empty(), "{} of {copies} copies:\n{}", complaints.len(), complaints.join("\n"));
}
