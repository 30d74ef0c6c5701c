//! Schemas that are not ours: applications from a package registry make their tables with their own migrations.

use std::collections::BTreeSet;
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
    // Migrations take seconds: the oldest version and the installed one have to do.
    let oldest = scenario.sources().first().copied();
    let majors: BTreeSet<u32> = oldest.into_iter().chain([crate::support::installed().version.major]).collect();
    for name in &names {
        for major in majors.iter().copied() {
            let source = scenario.create(major, name);
            python(&[name, scenario.socket(major).to_str().unwrap(), name]);
            for pair in scenario.pairs.iter().filter(|pair| pair.0 == major) {
                complaints.extend(scenario.complaint(&source, name, *pair));
                copies += 1;
            }
        }
    }
    eprintln!("{copies} copies of {} public schemas", names.len());
    assert!(complaints.is_empty(), "{} of {copies} copies:\n{}", complaints.len(), complaints.join("\n"));
}
