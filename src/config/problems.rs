//! The problems that a check of the configuration finds, and rules that several keys share.

use std::path::{Component, Path};

use regex::Regex;

use super::Retention;
use crate::base::error::Error;

/// The form of the name of an environment variable.
pub(super) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The problems so far.
#[derive(Default)]
pub struct Problems(pub Vec<Error>);

impl Problems {
    /// `hint` may be empty.
    pub fn unless(&mut self, holds: bool, problem: impl FnOnce() -> String, hint: &str) {
        if !holds {
            let error = Error::new(problem());
            self.0.push(if hint.is_empty() { error } else { error.hint(hint) });
        }
    }

    pub fn not_empty(&mut self, key: &str, text: &str) {
        self.unless(!text.trim().is_empty(), || format!("{key} is empty"), "");
    }

    pub fn has_form(&mut self, key: &str, text: &str, form: &str, example: &str) {
        self.unless(fits(form, text), || format!("{key}: {text:?} has the wrong form"), example);
    }

    pub fn absolute(&mut self, key: &str, path: Option<&Path>) {
        let is_absolute = path.is_none_or(Path::is_absolute);
        let shown = || format!("{key}: {:?} is not an absolute path", path.unwrap_or(Path::new("")));
        self.unless(is_absolute, shown, "cron and systemd start us in no directory that you would expect");
    }

    /// A name alone is looked up among the credentials that systemd passes.
    pub fn secret_file(&mut self, key: &str, path: Option<&Path>) {
        let is_name = |path: &Path| {
            let mut parts = path.components();
            matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
        };
        let fits = path.is_none_or(|path| path.is_absolute() || is_name(path));
        let hint = "an absolute path, or the name alone of a systemd credential (LoadCredential=)";
        self.unless(fits, || format!("{key}: {:?} is a relative path", path.unwrap_or(Path::new(""))), hint);
    }

    /// A typing error must never empty the set.
    pub fn keeps(&mut self, section: &str, retention: &Retention) {
        let Retention { keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly, keep_within } = retention;
        let counts = [keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly];
        let keeps = keep_within.is_some() || counts.iter().any(|count| **count > 0);
        let example = "for instance keep_daily = 7, keep_weekly = 5, keep_monthly = 12";
        self.unless(keeps, || format!("{section} keeps nothing"), example);
    }

    pub fn jobs(&mut self, key: &str, jobs: u16) {
        self.unless((1..=256).contains(&jobs), || format!("{key}: {jobs} is not from 1 to 256"), "");
    }

    /// Program and arguments; the program by absolute path or by name alone.
    pub fn command(&mut self, key: &str, command: &[String]) {
        let Some(program) = command.first() else { return };
        self.not_empty(&format!("{key}: the program"), program);
        let hint = "an absolute path, or the name alone of a program in PATH";
        let fits = program.starts_with('/') || !program.contains('/');
        self.unless(fits, || format!("{key}: {program:?} is a relative path"), hint);
        let hint = format!("no shell is started: {key} = [\"program\", \"argument\"], or [\"/bin/sh\", \"-c\", \"…\"]");
        let looks_whole = command.len() == 1 && program.contains(char::is_whitespace);
        self.unless(!looks_whole, || format!("{key}: {program:?} looks like a whole command line"), &hint);
    }
}

/// False if the constant is not a valid pattern, so that the value is refused.
pub fn fits(form: &str, text: &str) -> bool {
    Regex::new(form).is_ok_and(|form| form.is_match(text))
}
