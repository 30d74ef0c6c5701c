//! How PostgreSQL gets onto a bare machine: with the package manager that is there.
//!
//! Never decides to install: the caller asks the user, or was told to. Never adds a package source, and leaves no
//! server running that was not there before.

use std::fmt;
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};

/// What would be run, in order, to install PostgreSQL with its additional modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallPlan {
    /// The package manager, for instance `apt-get`.
    pub manager: &'static str,
    /// Programs with their arguments; each must succeed.
    pub steps: Vec<Vec<String>>,
    /// Neither root nor a way to become root: [`run`] refuses, but the user can be told what root would do.
    pub lacks_root: bool,
}

/// Debian's package makes a cluster of its own and starts it, on the very port where a production server may be
/// expected. This file tells it not to. It is the least invasive way: `policy-rc.d` would concern every package, and
/// this one goes away after the installation.
const DROP_IN: &str = "/etc/postgresql-common/createcluster.d/pgwitness.conf";

/// A package manager and what it is to be told.
struct Manager {
    program: &'static str,
    steps: &'static [&'static [&'static str]],
}

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
                "-y",
                "--no-install-recommends",
                "postgresql",
            ],
            &["rm", "-f", DROP_IN],
        ],
    },
    Manager { program: "dnf", steps: &[&["dnf", "install", "-y", "postgresql-server", "postgresql-contrib"]] },
    Manager {
        program: "zypper",
        steps: &[&["zypper", "--non-interactive", "install", "postgresql-server", "postgresql-contrib"]],
    },
    Manager { program: "apk", steps: &[&["apk", "add", "postgresql", "postgresql-client", "postgresql-contrib"]] },
    Manager { program: "pacman", steps: &[&["pacman", "-S", "--needed", "--noconfirm", "postgresql"]] },
    Manager { program: BREW, steps: &[&["brew", "install", "postgresql@17"]] },
];

/// Homebrew installs as the user, and refuses root.
const BREW: &str = "brew";

/// The plan for this machine; `which` says whether a program is in PATH. None if there is no package manager we know.
pub fn plan(which: &dyn Fn(&str) -> bool, is_root: bool) -> Option<InstallPlan> {
    let fits = |manager: &&Manager| which(manager.program) && !(manager.program == BREW && is_root);
    let manager = MANAGERS.iter().find(fits)?;
    let needs_root = manager.program != BREW && !is_root;
    let become_root = ["sudo", "doas"].into_iter().find(|program| needs_root && which(program));
    let step = |words: &&[&str]| become_root.iter().chain(words.iter()).map(|word| (*word).to_owned()).collect();
    Some(InstallPlan {
        manager: manager.program,
        steps: manager.steps.iter().map(step).collect(),
        lacks_root: needs_root && become_root.is_none(),
    })
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
    outcome.doing(|| "install PostgreSQL").map_err(|error| error.hint(format!("what was to be done: {plan}")))
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

/// As one line that can be pasted into a shell.
impl fmt::Display for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(|step| shell(step)).collect();
        f.write_str(&steps.join(" && "))
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
        plan(&|name| programs.contains(&name), is_root)
    }

    #[test]
    fn root_on_debian_installs_without_starting_a_server_and_leaves_no_file() {
        let plan = planned(&["apt-get", "sudo"], true).unwrap();
        assert!(!plan.lacks_root);
        let text = plan.to_string();
        assert!(text.starts_with("apt-get update && sh -c "), "{text}");
        assert!(text.contains("create_main_cluster = false"), "{text}");
        assert!(text.ends_with(&format!("--no-install-recommends postgresql && rm -f {DROP_IN}")), "{text}");
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
        let error = run(&InstallPlan { manager: "sh", steps, lacks_root: false }).unwrap_err();
        assert!(error.to_string().ends_with("exit 1': no such package"), "{error}");
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }
}
