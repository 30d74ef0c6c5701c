//! How PostgreSQL gets onto a bare machine: with the package manager that is there.
//!
//! The caller decides to install: it asks the user, or a flag says so. Adds no package source, and leaves no
//! server running that was not there before.

use std::fmt;
use std::process::{Command, Stdio};

use crate::base::error::{Context, Error, Result};
use crate::postgres::versions::SUPPORTED;

/// What would be run, in order, to install PostgreSQL with its additional modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallPlan {
    /// The package manager, for instance `apt-get`.
    pub manager: &'static str,
    /// Programs with their arguments; each must succeed.
    pub steps: Vec<Vec<String>>,
    /// What a person types for the same packages, short.
    pub command: String,
    /// Neither root nor a way to become root: [`run`] refuses, but the message can show the commands for root.
    pub lacks_root: bool,
}

/// Debian's package makes a cluster of its own and starts it, on the very port where a production server may be
/// expected. This file tells it not to. It is the least invasive way: `policy-rc.d` would concern every package, and
/// this one goes away after the installation.
const DROP_IN: &str = "/etc/postgresql-common/createcluster.d/pgwitness.conf";

/// A package manager and its arguments.
struct Manager {
    program: &'static str,
    steps: &'static [&'static [&'static str]],
    /// What a person types for the same packages.
    command: &'static str,
}

/// apt-get waits so many seconds for another one that is at work.
const APT_WAITS: &str = "DPkg::Lock::Timeout=300";

const MANAGERS: &[Manager] = &[
    Manager {
        program: "apt-get",
        steps: &[
            &["apt-get", "update"],
            &["sh", "-c", "mkdir -p \"${1%/*}\" && echo 'create_main_cluster = false' > \"$1\"", "sh", DROP_IN],
            &[
                "env",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "install",
                "-o",
                APT_WAITS,
                "-y",
                "--no-install-recommends",
                "postgresql",
            ],
            &["rm", "-f", DROP_IN],
        ],
        command: "apt-get update && apt-get install -y postgresql",
    },
    Manager {
        program: DNF,
        steps: &[&[DNF, "install", "-y", "postgresql-server", "postgresql-contrib"]],
        command: "dnf install -y postgresql-server postgresql-contrib",
    },
    Manager {
        program: "zypper",
        steps: &[&["zypper", "--non-interactive", "install", "postgresql-server", "postgresql-contrib"]],
        command: "zypper install postgresql-server postgresql-contrib",
    },
    Manager {
        program: "apk",
        steps: &[&["apk", "add", "postgresql", "postgresql-client", "postgresql-contrib"]],
        command: "apk add postgresql postgresql-client postgresql-contrib",
    },
    Manager {
        program: "pacman",
        steps: &[&["pacman", "-S", "--needed", "--noconfirm", "postgresql"]],
        command: "pacman -S postgresql",
    },
    Manager { program: BREW, steps: &[&[BREW, "install", "postgresql@17"]], command: "brew install postgresql@17" },
];

/// Its packages have a version in their name on Amazon Linux and in PostgreSQL's own repository, and none on Fedora.
const DNF: &str = "dnf";

/// Prints a name and a version for every server package that dnf offers.
const DNF_OFFERS: &[&str] = &["-q", "repoquery", "--qf", "%{name} %{version}\n", "postgresql*-server"];

/// Homebrew installs as the user, and refuses root.
const BREW: &str = "brew";

/// The plan for this machine; `which` says whether a program is in PATH. None if there is no package manager we know.
pub fn plan(which: &dyn Fn(&str) -> bool, is_root: bool) -> Option<InstallPlan> {
    plan_with(which, is_root, &offered_by_dnf)
}

fn plan_with(which: &dyn Fn(&str) -> bool, is_root: bool, dnf_offers: &dyn Fn() -> String) -> Option<InstallPlan> {
    let fits = |manager: &&Manager| which(manager.program) && !(manager.program == BREW && is_root);
    let manager = MANAGERS.iter().find(fits)?;
    let needs_root = manager.program != BREW && !is_root;
    let become_root = ["sudo", "doas"].into_iter().find(|program| needs_root && which(program));
    // On Fedora, Amazon Linux and the like, the version chooses the package.
    let package = if manager.program == DNF { newest_supported(&dnf_offers()) } else { None };
    let rename = |text: &str| match &package {
        Some(package) => text.replace("postgresql-", &format!("{package}-")),
        None => text.to_owned(),
    };
    let step = |words: &&[&str]| become_root.iter().chain(words.iter()).map(|word| rename(word)).collect();
    let as_root = become_root.map_or(manager.program.to_owned(), |root| format!("{root} {}", manager.program));
    Some(InstallPlan {
        manager: manager.program,
        steps: manager.steps.iter().map(step).collect(),
        command: rename(manager.command).replace(manager.program, &as_root),
        lacks_root: needs_root && become_root.is_none(),
    })
}

/// Nothing where dnf cannot be asked; the names without a version stay then.
fn offered_by_dnf() -> String {
    let output = Command::new(DNF).args(DNF_OFFERS).stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// `postgresql17` out of `postgresql17-server 17.6`, the newest that we support.
fn newest_supported(offers: &str) -> Option<String> {
    let offered = offers.lines().filter_map(|line| {
        let (name, version) = line.split_once(' ')?;
        let name = name.strip_suffix("-server")?;
        let is_plain = name.strip_prefix("postgresql")?.chars().all(|c| c.is_ascii_digit());
        let major: u32 = version.split('.').next()?.trim().parse().ok()?;
        (is_plain && SUPPORTED.contains(&major)).then(|| (major, name.to_owned()))
    });
    offered.max().map(|(_, name)| name)
}

/// Carries the plan out, step by step. A step that cleans up runs whether the one before it succeeded or not.
pub fn run(plan: &InstallPlan) -> Result<()> {
    if plan.lacks_root {
        return Err(Error::new("only root may do that, and there is no sudo")
            .context("install PostgreSQL")
            .hint(format!("as root, run: {plan}")));
    }
    let mut outcome = Ok(());
    for step in &plan.steps {
        if outcome.is_ok() || cleans_up(step) {
            outcome = outcome.and(run_step(step));
        }
    }
    outcome.doing(|| "install PostgreSQL").map_err(|error| {
        let hint = what_to_do(&error.to_string());
        error.hint(hint)
    })
}

/// After a failure: never the command that failed.
fn what_to_do(complaint: &str) -> &'static str {
    let has = |texts: &[&str]| texts.iter().any(|text| complaint.contains(text));
    if has(&["Could not get lock", "is held by process", "Unable to lock"]) {
        return "another package manager is at work: wait until it has finished, then try again";
    }
    if has(&["resolv", "Failed to fetch", "Cannot download", "Connection", "timed out", "Curl error"]) {
        return "the package source cannot be reached: look at the network, the proxy and the list of package sources";
    }
    if has(&["Unable to locate", "No match for argument", "Unable to find a match", "no such package", "not found"]) {
        return "add a package source that has PostgreSQL 14 to 18 (https://www.postgresql.org/download/), or name the directory \
                of an installed one with --pg-bindir";
    }
    "install PostgreSQL 14 to 18 in another way, and name the directory of its programs with --pg-bindir"
}

fn cleans_up(step: &[String]) -> bool {
    step.iter().any(|word| word == "rm")
}

fn run_step(step: &[String]) -> Result<()> {
    let (program, arguments) = step.split_first().ok_or_else(|| Error::new("nothing to run"))?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.doing(|| format!("run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let last: Vec<&str> = complaint.lines().rev().filter(|line| !line.trim().is_empty()).take(2).collect();
    let last: Vec<&str> = last.into_iter().rev().map(str::trim).collect();
    let cause = if last.is_empty() { output.status.to_string() } else { last.join("; ") };
    Err(Error::new(cause).context(format!("run {}", shell(step))))
}

/// As one short line that can be pasted into a shell.
impl fmt::Display for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command)
    }
}

fn shell(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=@:+".contains(c);
    let quote = |word: &String| match word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(programs: &[&str], is_root: bool) -> Option<InstallPlan> {
        plan_with(&|name| programs.contains(&name), is_root, &String::new)
    }

    fn by_dnf(offers: &str) -> InstallPlan {
        plan_with(&|name| name == DNF, true, &|| offers.to_owned()).unwrap()
    }

    #[test]
    fn root_on_debian_installs_without_starting_a_server_and_leaves_no_file() {
        let plan = planned(&["apt-get", "sudo"], true).unwrap();
        assert!(!plan.lacks_root);
        let steps: Vec<String> = plan.steps.iter().map(|step| shell(step)).collect();
        assert_eq!(steps[0], "apt-get update");
        assert!(steps[1].contains("create_main_cluster = false"), "{steps:?}");
        assert!(steps[2].ends_with("--no-install-recommends postgresql"), "{steps:?}");
        assert_eq!(steps[3], format!("rm -f {DROP_IN}"));
    }

    #[test]
    fn the_command_for_a_person_is_short() {
        let command = "sudo apt-get update && sudo apt-get install -y postgresql";
        assert_eq!(planned(&["apt-get", "sudo"], false).unwrap().to_string(), command);
        for manager in MANAGERS {
            assert!(manager.command.len() < 70, "{}", manager.command);
        }
    }

    #[test]
    fn dnf_installs_the_newest_version_that_it_offers_and_we_support() {
        let amazon = "postgresql15-server 15.14\npostgresql17-server 17.6\npostgresql16-server 16.10\n";
        assert_eq!(by_dnf(amazon).to_string(), "dnf install -y postgresql17-server postgresql17-contrib");
        assert_eq!(by_dnf(amazon).steps[0][3..], ["postgresql17-server", "postgresql17-contrib"]);
        let fedora = "postgresql-server 16.9\npostgresql15-server 15.13\n";
        assert_eq!(by_dnf(fedora).to_string(), "dnf install -y postgresql-server postgresql-contrib");
        let too_new = "postgresql19-server 19.1\npostgresql18-server 18.0\npostgresql-test-rpm-server 20\n";
        assert_eq!(by_dnf(too_new).steps[0][3], "postgresql18-server");
        assert_eq!(by_dnf("").steps[0][3], "postgresql-server");
    }

    #[test]
    fn others_use_sudo_or_are_told_that_they_lack_it() {
        let plan = planned(&["dnf", "sudo"], false).unwrap();
        assert_eq!(plan.to_string(), "sudo dnf install -y postgresql-server postgresql-contrib");
        let plan = planned(&["dnf"], false).unwrap();
        assert!(plan.lacks_root);
        let error = run(&plan).unwrap_err();
        assert_eq!(error.to_string(), "install PostgreSQL: only root may do that, and there is no sudo");
        assert_eq!(error.hint_text(), Some("as root, run: dnf install -y postgresql-server postgresql-contrib"));
    }

    #[test]
    fn every_package_manager_has_its_command() {
        for manager in ["apt-get", "dnf", "zypper", "apk", "pacman"] {
            assert_eq!(planned(&[manager, "doas"], false).unwrap().steps[0][..2], ["doas", manager]);
            assert_eq!(planned(&[manager], true).unwrap().manager, manager);
        }
        assert_eq!(planned(&[], true), None);
    }

    #[test]
    fn homebrew_is_run_by_the_user_and_never_by_root() {
        assert_eq!(planned(&["brew", "sudo"], false).unwrap().to_string(), "brew install postgresql@17");
        assert_eq!(planned(&["brew"], true), None);
    }

    #[test]
    fn the_hint_after_a_failure_names_the_cause_and_not_the_command_that_failed() {
        let hints = [
            ("E: Could not get lock /var/lib/dpkg/lock-frontend", "another package manager is at work"),
            ("Temporary failure resolving 'deb.example.org'", "the package source cannot be reached"),
            ("Error: Unable to find a match: postgresql-server", "add a package source"),
            ("exit status: 100", "install PostgreSQL 14 to 18 in another way"),
        ];
        for (complaint, hint) in hints {
            assert!(what_to_do(complaint).starts_with(hint), "{complaint}: {}", what_to_do(complaint));
            assert!(!what_to_do(complaint).contains("apt-get"), "{complaint}");
        }
    }

    #[test]
    fn a_failing_step_stops_the_rest_but_not_the_cleaning_up() {
        let temp = tempfile::tempdir().unwrap();
        let file = |name: &str| temp.path().join(name).display().to_string();
        let step = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let steps = vec![
            step(&["touch", &file("drop-in")]),
            step(&["sh", "-c", "echo no such package >&2; exit 1"]),
            step(&["touch", &file("never")]),
            step(&["rm", "-f", &file("drop-in")]),
        ];
        let plan = InstallPlan { manager: "sh", steps, command: "install it".into(), lacks_root: false };
        let error = run(&plan).unwrap_err();
        assert!(error.to_string().ends_with("exit 1': no such package"), "{error}");
        assert!(error.hint_text().unwrap().starts_with("add a package source"), "{error:?}");
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }
}
