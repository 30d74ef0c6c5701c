//! `[access]`: what is refused, and with which message.

use std::fs;
use std::path::Path;
use std::process::Command;

use pgwitness::config::examples;

use super::{SMALL, parse, refusal};
use crate::support::programs::put_program;

fn refused(lines: &str) -> String {
    refusal(&format!("{SMALL}[access]\n{lines}\n")).0
}

#[test]
fn what_is_opened_is_closed_and_an_endpoint_is_one_of_rds() {
    parse(&format!("{SMALL}[access]\nopen = [\"up\"]\nclose = [\"down\"]\n"));
    parse(&format!("{SMALL}[access]\n"));
    let belong = "access: open or open_endpoint, and close belong together";
    assert_eq!(refused("open = [\"up\"]"), belong);
    assert_eq!(refused("close = [\"down\"]"), belong);
    assert_eq!(refused("open = [\"\"]\nclose = [\"down\"]"), "access.open: the program is empty");
    assert_eq!(
        refused("open_endpoint = [\"up\"]\nclose = [\"down\"]"),
        "access.open_endpoint is for a source of kind rds"
    );
    assert!(refused("opne = [\"up\"]").ends_with("unknown key access.opne: did you mean open?"));
}

/// A commented part of the example, as it is after its comment marks are removed.
fn of_the_example(from: &str, to: &str) -> toml::Table {
    let (_, access) = examples::TOML.split_once("\n[access]\n").unwrap();
    let (_, rest) = access.split_once(from).unwrap();
    let (part, _) = rest.split_once(to).unwrap();
    let is_line = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    let lines: Vec<&str> = part.lines().filter(is_line).map(|line| line.trim_start_matches('#')).collect();
    lines.join("\n").parse().unwrap_or_else(|error| panic!("{error}: {lines:#?}"))
}

/// Runs a command of the example where `programs` are all that it finds, besides those of the system; true if it succeeds.
fn runs(table: &toml::Table, key: &str, programs: &Path) -> bool {
    let words: Vec<&str> = table[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("PATH", format!("{}:/usr/bin:/bin", programs.display())).env("HOME", programs);
    command.env("PGWITNESS_ENDPOINT_HOST", "temporary.rds.example").env("PGWITNESS_ENDPOINT_PORT", "5432");
    command.status().unwrap().success()
}

/// A program that writes its arguments to a log, and then does this.
fn program(dir: &Path, name: &str, then: &str) {
    let script =
        format!("#!/bin/sh\nprintf '%s|' \"${{0##*/}}\" \"$@\" >> {0}/log; echo >> {0}/log\n{then}\n", dir.display());
    put_program(&dir.join(name), &script);
}

fn log(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("log")).unwrap_or_default();
    fs::remove_file(dir.join("log")).ok();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_security_group_rule_of_the_example_is_of_one_address_and_port_and_is_closed_twice_without_harm() {
    let (dir, table) = (tempfile::tempdir().unwrap(), of_the_example("# A rule of an EC2", "# A tunnel"));
    let dir = dir.path();
    program(dir, "curl", "echo 192.0.2.7");
    program(dir, "aws", "case \"$*\" in *describe*) cat \"${0%/*}/rules\";; esac");
    assert!(runs(&table, "open", dir));
    let rule = "IpProtocol=tcp,FromPort=5432,ToPort=5432,IpRanges=[{CidrIp=192.0.2.7/32,Description=pgwitness}]";
    let said = log(dir);
    assert!(
        said[1].contains(&format!(
            "|authorize-security-group-ingress|--group-id|sg-0123456789abcdef0|--ip-permissions|{rule}|"
        )),
        "{said:?}"
    );
    fs::write(dir.join("rules"), "sgr-1\tsgr-2\n").unwrap();
    assert!(runs(&table, "close", dir));
    assert!(log(dir)[1].ends_with("|--security-group-rule-ids|sgr-1|sgr-2|"));
    fs::write(dir.join("rules"), "").unwrap();
    assert!(runs(&table, "close", dir));
    assert_eq!(log(dir).len(), 1, "nothing is revoked where nothing is open");
    fs::remove_file(dir.join("rules")).unwrap();
    assert!(!runs(&table, "close", dir), "a rule that could not be looked for is not closed");
}

#[test]
fn the_tunnel_of_the_example_leads_to_the_endpoint_and_is_closed_twice_without_harm() {
    let (dir, table) = (tempfile::tempdir().unwrap(), of_the_example("# A tunnel", "# ---- Dump"));
    let dir = dir.path();
    program(dir, "ssh", "true");
    assert!(runs(&table, "open_endpoint", dir));
    let said = log(dir);
    assert!(said[0].contains("|127.0.0.1:15432:temporary.rds.example:5432|bastion.example.org|"), "{said:?}");
    assert!(runs(&table, "close", dir));
    assert_eq!(log(dir), Vec::<String>::new(), "there is no tunnel");
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("tunnel")).unwrap();
    assert!(runs(&table, "close", dir));
    assert!(log(dir)[0].ends_with("|-O|exit|bastion.example.org|"));
}
