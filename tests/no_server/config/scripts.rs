//! The scripts and the manifest that `config example` prints for a host, for AWS and for Kubernetes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pgwitness::config::{Config, Source, examples};
use serde_json::Value;

use super::parse;
use crate::support::{self, packages};

fn scripts() -> Vec<(String, String)> {
    let parts = support::scripts_in(examples::KUBERNETES_PARTS);
    assert_eq!(parts.len(), 2);
    let parts = parts
        .into_iter()
        .enumerate()
        .map(|(index, text)| (format!("kubernetes-parts-{index}"), format!("#!/bin/sh\n{text}")));
    let whole = [
        ("setup", examples::setup()),
        ("setup-amazon-linux", examples::setup_amazon_linux()),
        ("aws", examples::aws()),
        ("batch", examples::BATCH.to_owned()),
    ];
    whole.into_iter().map(|(name, text)| (name.to_owned(), text)).chain(parts).collect()
}

/// What a shell prints that runs this script.
fn run(script: &str) -> String {
    let mut command = Command::new("sh");
    let output = command.args(["-euc", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The functions of a setup script, with other values in the block of settings.
fn functions(script: &str, settings: &[(&str, &str)]) -> String {
    let (functions, _) = script.split_once("\nSTEP='the block of settings'").unwrap();
    settings.iter().fold(functions.to_owned(), |text, (name, value)| {
        let is_set = |line: &&str| line.starts_with(&format!("{name}="));
        let line = text.lines().find(is_set).unwrap().to_owned();
        text.replacen(&format!("\n{line}\n"), &format!("\n{name}='{value}'\n"), 1)
    })
}

/// The configuration that a setup script writes.
fn written(script: &str, settings: &[(&str, &str)]) -> Config {
    parse(&run(&(functions(script, settings) + "\nconfiguration\n")))
}

const RDS: [(&str, &str); 6] = [
    ("URL", ""),
    ("INSTANCE", "shop-production"),
    ("DBNAME", "shop"),
    ("REGION", "eu-central-1"),
    ("SECURITY_GROUP", "sg-0123456789abcdef0"),
    ("PARAMETER_GROUP", "pgwitness-postgres17"),
];

#[test]
fn each_script_is_one_that_sh_and_shellcheck_accept_and_has_no_gap_left() {
    let shellcheck = packages::shellcheck();
    let dir = tempfile::tempdir().unwrap();
    let gap = regex::Regex::new("<[A-Z_]+>").unwrap();
    for (name, text) in scripts() {
        let path = dir.path().join(format!("{name}.sh"));
        fs::write(&path, &text).unwrap();
        for command in [&["sh", "-n"][..], &[&shellcheck, "--shell=sh"]] {
            let output = Command::new(command[0]).args(&command[1..]).arg(&path).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        }
        assert_eq!(gap.find(&text).map(|found| found.as_str()), None, "{name}");
        assert!(text.starts_with("#!/bin/sh\n"), "{name}");
    }
}

#[test]
fn a_setup_script_writes_a_configuration_with_the_places_of_the_example_and_of_the_service() {
    let example = parse(examples::TOML);
    for script in [examples::setup(), examples::setup_amazon_linux()] {
        let url = r#"postgresql://b@db/s?application_name=a\"b&sslmode=require"#;
        let config = written(&script, &[("URL", url)]);
        let Source::Postgres(source) = &config.source else { panic!("not a server") };
        assert_eq!((source.url.as_str(), source.password_file.is_some()), (url, true));
        let peer = written(&script, &[("URL", "dbname=shop"), ("PASSWORD", "no")]);
        assert!(matches!(&peer.source, Source::Postgres(source) if source.password_file.is_none()));
        let rds = written(&script, &RDS);
        let Source::Rds(source) = &rds.source else { panic!("not on RDS") };
        assert_eq!(source.temporary.security_groups, ["sg-0123456789abcdef0"]);
        for config in [&config, &peer, &rds] {
            let places = |config: &Config| {
                let report = (config.report.directory.clone(), config.report.key.clone());
                (config.dump.directory.clone(), report, config.state.directory.clone(), config.retention.clone())
            };
            assert_eq!(places(config), places(&example));
            assert!(config.restore.url.is_none(), "a run makes a restore server of its own");
        }
        assert!(
            examples::SERVICE
                .contains("ExecStart=/usr/local/bin/pgwitness nightly --config /etc/pgwitness/pgwitness.toml")
        );
    }
}

/// The directories that a text makes, with their modes.
fn modes(text: &str, line: &str) -> BTreeMap<String, String> {
    let line = regex::Regex::new(line).unwrap();
    let one = |found: regex::Captures<'_>| {
        let mode = found["mode"].to_owned();
        found["dirs"].split(' ').map(|dir| (dir.to_owned(), mode.clone())).collect::<Vec<_>>()
    };
    line.captures_iter(text).flat_map(one).collect()
}

#[test]
fn a_setup_script_makes_the_directories_of_the_readme() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let expected = modes(&readme, r"(?m)^install -d -o pgwitness -g pgwitness -m (?<mode>\d+) (?<dirs>.*)$");
    assert_eq!(expected.len(), 3, "{expected:?}");
    for script in [examples::setup(), examples::setup_amazon_linux()] {
        assert_eq!(modes(&script, r"(?m)^directory (?<dirs>\S+) (?<mode>\d+)$"), expected);
        assert!(readme.contains(script.lines().find(|line| line.contains("useradd ")).unwrap().trim()));
    }
}

#[test]
fn a_file_is_written_once_and_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a file").display().to_string();
    let owner = "$(id -u):$(id -g)";
    let write = |text: &str| {
        format!("{}\nfile '{path}' {owner} 0640 {text}\necho $CHANGES\n", functions(&examples::setup(), &[]))
    };
    assert_eq!(run(&write("one")), format!("made   file {path}, mode 0640\n1\n"));
    assert_eq!(run(&write("two")), format!("there  file {path}, kept as it is\n0\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
    fs::remove_file(&path).unwrap();
    fs::write(format!("{path}.new"), "half").unwrap();
    run(&write("three"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n", "what a killed script has left is not taken for it");
}

#[test]
fn the_policy_in_the_script_for_aws_is_the_policy_for_its_settings() {
    let script = examples::aws();
    let block = script.split_once("# ---- Edit this block").unwrap().1.split_once("# ---- End of the block").unwrap().0;
    let policy = script.split_once("--policy-document \"$(cat <<END\n").unwrap().1.split_once("\nEND\n").unwrap().0;
    for is_public in ["false", "true"] {
        let known = format!(
            "PARTITION=aws ACCOUNT=123456789012 not_public={}\n",
            if is_public == "true" { "false" } else { "true" }
        );
        let settings = block
            .split_once('\n')
            .unwrap()
            .1
            .replace("PUBLICLY_ACCESSIBLE=false", &format!("PUBLICLY_ACCESSIBLE={is_public}"));
        let printed: Value =
            serde_json::from_str(&run(&format!("{settings}\n{known}cat <<END\n{policy}\nEND\n"))).unwrap();
        let text = RDS.iter().map(|(name, value)| (*name, *value)).collect::<Vec<_>>();
        let text = functions(&examples::setup(), &[text.as_slice(), &[("PUBLICLY_ACCESSIBLE", is_public)]].concat());
        let text = run(&(text.replace("PARAMETER_GROUP='pgwitness-postgres17'", "PARAMETER_GROUP='pgwitness'")
            + "\nconfiguration\n"));
        let text = text.replace("region = ", "account = \"123456789012\"\nregion = ");
        let expected: Value = serde_json::from_str(&examples::policy(Some(&parse(&text)))).unwrap();
        assert_eq!(printed, expected);
    }
}

/// The value of a key of the CronJob; the first of that name.
fn of_manifest(key: &str) -> &'static str {
    value_in(examples::KUBERNETES, key)
}

fn value_in<'a>(yaml: &'a str, key: &str) -> &'a str {
    let line = yaml.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")));
    line.unwrap_or_else(|| panic!("{key}")).split(" #").next().unwrap()
}

#[test]
fn the_manifest_for_kubernetes_has_a_configuration_that_loads_and_the_limits_of_the_service() {
    let (_, rest) = examples::KUBERNETES.split_once("  pgwitness.toml: |\n").unwrap();
    let (block, _) = rest.split_once("\n---").unwrap();
    let config = parse(
        &block.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect::<String>(),
    );
    let mounts: Vec<&str> = examples::KUBERNETES
        .lines()
        .filter_map(|line| line.split("mountPath: ").nth(1)?.split(['}', ',']).next())
        .collect();
    for place in [&config.dump.directory, &config.report.directory, &config.state.directory, &config.report.key] {
        assert!(mounts.iter().any(|mount| place.starts_with(mount)), "{}: {mounts:?}", place.display());
    }
    assert!(config.restore.url.is_none());
    for (key, value) in [
        ("concurrencyPolicy", "Forbid"),
        ("backoffLimit", "0"),
        ("restartPolicy", "Never"),
        ("runAsNonRoot", "true"),
        ("readOnlyRootFilesystem", "true"),
        ("allowPrivilegeEscalation", "false"),
        ("type", "RuntimeDefault"),
    ] {
        assert_eq!(of_manifest(key), value, "{key}");
    }
    let service = |key: &str| examples::SERVICE.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    assert_eq!((service("TimeoutStartSec="), of_manifest("activeDeadlineSeconds")), ("12h", "43200"));
    assert_eq!((service("TimeoutStopSec="), of_manifest("terminationGracePeriodSeconds")), ("5min", "300"));
    let image = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/Containerfile")).unwrap();
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert!(image.contains(&format!("USER {0}:{0}\n", of_manifest(key))), "{key}");
    }
}

/// Both are of the same image, and the parts run as the CronJob does.
#[test]
fn the_jobs_for_parts_have_as_many_parts_as_pods_and_the_limits_of_the_cronjob() {
    let yaml = examples::KUBERNETES_PARTS;
    let parts = value_in(yaml, "PARTS").trim_matches('"');
    assert_eq!((value_in(yaml, "completionMode"), value_in(yaml, "completions")), ("Indexed", parts));
    for key in [
        "restartPolicy",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "runAsNonRoot",
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "type",
        "allowPrivilegeEscalation",
        "readOnlyRootFilesystem",
        "image",
    ] {
        let line = format!("{key}: {}", of_manifest(key));
        let count = yaml.lines().filter(|found| found.trim().split(" #").next() == Some(&line)).count();
        assert_eq!(count, 2, "{line}");
    }
    assert_eq!(value_in(yaml, "activeDeadlineSeconds"), "43200", "as --hold-for");
    assert_eq!(yaml.matches("--hold-for 12h").count(), 1);
    assert_eq!(yaml.matches("claimName: pgwitness-shop-parts}").count(), 2);
    // What two documents share must be written twice: an anchor ends with its document.
    assert!(!yaml.contains(": *") && !yaml.contains(": &"));
}
