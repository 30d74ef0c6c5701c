//! Rules of the house that matter enough to be tests.

#![allow(clippy::unwrap_used, reason = "in a test, that is how to fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Modules in the order of `src/lib.rs`.
fn ladder() -> Vec<String> {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Text of the files by top-level module, without comments and without tests.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut modules = BTreeMap::<String, Vec<(PathBuf, String)>>::new();
    for path in files(&source()) {
        let inner = path.strip_prefix(source()).unwrap();
        let first = inner.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let is_test = inner.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        if !is_test && first != "lib" && first != "main" {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            modules.entry(first).or_default().push((path, code.join("\n")));
        }
    }
    modules
}

/// Every place in these modules that has one of these texts.
fn places(is_asked: impl Fn(&str) -> bool, texts: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for (module, files) in modules().iter().filter(|(module, _)| is_asked(module)) {
        for (path, code) in files {
            for text in texts.iter().filter(|text| code.contains(*text)) {
                places.push(format!("{module}: {text} in {}", path.display()));
            }
        }
    }
    places
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let ladder = ladder();
    let rung = |module: &str| ladder.iter().position(|listed| listed == module);
    let mut wrong = Vec::new();
    for (module, files) in modules() {
        let mine = rung(&module).unwrap_or_else(|| panic!("{module} is not in lib.rs"));
        for (path, code) in files {
            for used in code.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if rung(&name).is_some_and(|theirs| theirs > mine) {
                    wrong.push(format!("{} uses {name}, which is below it", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_module_makes_a_verdict() {
    // Matching on a verdict is everybody's right; giving one as a value is not.
    let makers = ["=> Verdict::", " = Verdict::", "(Verdict::", "{ Verdict::"];
    let found = places(|module| module != "verdict", &makers);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_prints_and_ends_the_process() {
    let found = places(
        |module| module != "cli",
        &["println!", "eprintln!", "print!(", "io::stdout", "io::stderr", "process::exit"],
    );
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_asks_the_clock_and_the_environment() {
    let found = places(|module| module != "cli", &["SystemTime::now", "env::var", "env::vars", "env::args"]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_connection_goes_through_one_door() {
    // Behind it the settings of the database are out of force (src/conninfo/first.rs).
    let found = places(
        |module| module != "conninfo" && module != "tap",
        &["tokio_postgres::connect", "tokio_postgres::Config", "tokio_postgres::config", "connect_raw("],
    );
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_that_writes_is_sent_to_a_database() {
    let words = ["INSERT INTO", "DELETE FROM", "UPDATE ", "DROP ", "ALTER ", "TRUNCATE ", "LOCK TABLE", "GRANT "];
    // The readers of dumps and of definitions know these words as text that they read; a cluster of our own is ours to write to.
    // `restoring` makes and drops the copy, which is proven to be ours by server, name and OID; the source is never given to it for writing.
    let theirs = ["archive", "canonical", "cluster", "cli", "demo", "name", "restoring"];
    let found = places(|module| !theirs.contains(&module), &words);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = modules()
        .into_values()
        .flatten()
        .filter_map(|(path, code)| Some((path, code.lines().count())).filter(|(_, lines)| *lines > 400))
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// How often a text is in the program, and in which files.
fn times(text: &str) -> BTreeMap<PathBuf, usize> {
    let counted = modules().into_values().flatten().map(|(path, code)| (path, code.matches(text).count()));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn only_in(text: &str, file: &str) {
    let found = times(text);
    assert_eq!(found.values().sum::<usize>(), 1, "{text}: {found:#?}");
    assert!(found.keys().all(|path| path.ends_with(file)), "{text}: {found:#?}");
}

#[test]
fn one_call_deletes_one_modifies_one_restores() {
    only_in("delete_db_instance()", "src/rds/proof/raw.rs");
    only_in("delete_db_", "src/rds/proof/raw.rs");
    only_in("skip_final_snapshot(true)", "src/rds/proof/raw.rs");
    only_in("raw::delete(", "src/rds/proof/mod.rs");
    only_in("modify_db_", "src/rds/password.rs");
    only_in("restore_db_", "src/rds/restore.rs");
}

#[test]
fn deletion_protection_is_sent_once_as_off_for_a_new_instance() {
    only_in(".deletion_protection(false)", "src/rds/restore.rs");
    // Beside that, it is only read.
    let sent = places(|_| true, &[".deletion_protection(true", "set_deletion_protection", "deletion_protection(!"]);
    assert!(sent.is_empty(), "{sent:#?}");
}

#[test]
fn nothing_else_that_changes_is_asked_of_aws() {
    // A call of the SDK is a method of its client; ours is named `api`.
    let mut asked: Vec<String> = Vec::new();
    for (_, code) in modules().remove("rds").unwrap() {
        let calls = code.split("api.").skip(1).chain(code.split("sts.").skip(1));
        asked.extend(calls.filter_map(|rest| rest.split_once("()")).map(|(name, _)| name.to_owned()));
    }
    asked.retain(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    asked.sort();
    asked.dedup();
    let expected = [
        "delete_db_instance",
        "describe_db_instances",
        "describe_db_snapshots",
        "get_caller_identity",
        "modify_db_instance",
        "restore_db_instance_from_db_snapshot",
    ];
    assert_eq!(asked, expected);
    let clients = places(|module| module != "rds", &["aws_sdk_rds", "aws_sdk_sts"]);
    assert!(clients.is_empty(), "{clients:#?}");
}

#[test]
fn only_the_proof_makes_what_may_be_deleted() {
    let made: Vec<PathBuf> = times("Ok(ProvenTemporary {").into_keys().collect();
    assert!(made.len() == 1 && made[0].ends_with("src/rds/proof/mod.rs"), "{made:#?}");
    let code = fs::read_to_string(source().join("rds/proof/mod.rs")).unwrap();
    let fields = code.split("pub struct ProvenTemporary {").nth(1).unwrap().split('}').next().unwrap();
    assert!(!fields.contains("pub"), "the fields of a ProvenTemporary are private");
    let derives = code.split("pub struct ProvenTemporary").next().unwrap().lines().last().unwrap();
    assert_eq!(
        code.matches("#[derive(Debug)]\npub struct ProvenTemporary").count(),
        1,
        "no Clone, no Default: {derives}"
    );
}

/// As numbers, so that 1.100 comes after 1.94.1.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_rust_version_that_is_promised_is_enough_for_every_locked_crate() {
    let promised = env!("CARGO_PKG_RUST_VERSION");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", &target]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let needs = packages.iter().filter_map(|package| Some((package["rust_version"].as_str()?, &package["name"])));
    let (most, name) = needs.max_by_key(|(text, _)| version(text)).unwrap();
    assert!(version(promised) >= version(most), "rust-version is {promised}; {name} needs {most}");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(
        readme.contains(&format!("Rust {promised} or later")),
        "README.md names another Rust version than {promised}"
    );
}

/// The commands by their full names, `report list` and the like.
fn commands() -> BTreeSet<String> {
    use clap::CommandFactory as _;
    let root = pgwitness::cli::args::Arguments::command();
    let below = |command: &clap::Command, name: &str| -> Vec<(String, clap::Command)> {
        command.get_subcommands().map(|one| (format!("{name}{}", one.get_name()), one.clone())).collect()
    };
    let first = below(&root, "");
    let second = first.iter().flat_map(|(name, command)| below(command, &format!("{name} ")));
    first.iter().cloned().chain(second).map(|(name, _)| name).collect()
}

/// What a line calls: between back quotes, or at the beginning of a hint.
fn calls(line: &str) -> Vec<String> {
    let quoted = line.split('`').skip(1).step_by(2);
    let hints = line.split("hint(").skip(1).filter_map(|hint| hint.trim_start_matches("format!(").strip_prefix('"'));
    quoted.chain(hints).filter_map(|call| call.strip_prefix("pgwitness ")).map(str::to_owned).collect()
}

#[test]
fn every_command_that_a_text_names_exists() {
    let commands = commands();
    let groups: BTreeSet<&str> = commands.iter().filter_map(|name| Some(name.split_once(' ')?.0)).collect();
    let modules = modules().into_values().flatten();
    let mut texts: Vec<(String, String)> = modules.map(|(path, text)| (path.display().to_string(), text)).collect();
    for name in ["README.md", "CHANGELOG.md", "src/config/examples/pgwitness.toml", "src/config/examples/club.toml"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        texts.push((name.to_owned(), text));
    }
    let mut named = 0;
    for (file, text) in &texts {
        // A line at a time: a lone back quote must not turn the rest of a file around.
        for call in text.lines().flat_map(calls) {
            let words: Vec<&str> = call.split_whitespace().collect();
            let name =
                if groups.contains(words[0]) { words[..words.len().min(2)].join(" ") } else { words[0].to_owned() };
            // `pgwitness report` is a group as it is; COMMAND stands for any.
            let is_known = commands.contains(&name) || words[0].starts_with('-') || words[0] == "COMMAND";
            assert!(is_known, "{file}: `pgwitness {call}`");
            named += 1;
        }
    }
    assert!(named > 30, "only {named} were looked at");
}

#[test]
fn the_readme_is_for_a_reader_in_a_hurry() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.lines().count() <= 180, "{} lines", readme.lines().count());
    for line in readme.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}
