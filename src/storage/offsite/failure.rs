//! Why restic failed, and what to do: by its exit code (from 0.17 on) or by its message.

use serde::Deserialize;

use crate::base::error::Error;

/// What restic 0.17 and later exit with.
const NO_REPOSITORY: i32 = 10;
const LOCKED: i32 = 11;
const WRONG_PASSWORD: i32 = 12;

/// How the error of a locked repository begins.
const IS_LOCKED: &str = "the repository is locked";

/// Parts of lines that do not say why it failed.
const NOISE: [&str; 3] = ["using parent snapshot", "unable to open cache", "signal interrupt received"];

/// Lines of standard error that are kept.
const LINES: usize = 50;

/// What restic wrote to standard error.
#[derive(Debug, Default)]
pub struct ResticMessages {
    lines: Vec<String>,
}

/// A line of `--json`.
#[derive(Deserialize)]
struct JsonMessage {
    message: Option<String>,
    error: Option<JsonError>,
}

#[derive(Deserialize)]
struct JsonError {
    message: Option<String>,
}

impl ResticMessages {
    /// One more line.
    pub fn add(&mut self, line: &str) {
        let inner = serde_json::from_str::<JsonMessage>(line).ok();
        let inner = inner.and_then(|line| line.message.or(line.error?.message));
        let text = inner.unwrap_or_else(|| line.to_owned());
        if self.lines.len() < LINES {
            self.lines.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        }
    }

    fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// The error of this exit code.
    pub fn error(&self, code: Option<i32>) -> Error {
        let locked = self.lines.iter().find(|line| line.contains("already locked"));
        if code == Some(LOCKED) || locked.is_some() {
            let by = locked.and_then(|line| line.split_once("already locked ")).map(|(_, by)| format!(" {by}"));
            let hint = "wait for the other process; if it is gone: restic unlock";
            return Error::new(format!("{IS_LOCKED}{}", by.unwrap_or_default())).hint(hint);
        }
        if code == Some(WRONG_PASSWORD) || self.has("wrong password or no key found") {
            return Error::new("the password does not open the repository")
                .hint("is it the password that `restic init` was given? Test it: restic snapshots");
        }
        if code == Some(NO_REPOSITORY)
            || self.has("unable to open config file")
            || self.has("config file does not exist")
        {
            let why = self.first().map(|line| format!(": {line}")).unwrap_or_default();
            return Error::new(format!("there is no repository{why}"))
                .hint("is the address right? A new repository is made once, by `restic init` with the same password");
        }
        let code = code.map(|code| format!("restic exited with code {code}")).unwrap_or_default();
        let error = Error::new(self.first().map_or(code, |line| format!("restic: {line}")));
        if self.is_damage() { error.hint("check the repository: restic check --read-data") } else { error }
    }

    /// Whether the repository itself is damaged.
    fn is_damage(&self) -> bool {
        [
            "ciphertext verification failed",
            "hash mismatch",
            "returned invalid hash",
            "not found in index",
            "id not found",
        ]
        .iter()
        .any(|text| self.has(text))
    }

    /// The line with the cause.
    fn first(&self) -> Option<&str> {
        let fatal = self.lines.iter().find_map(|line| line.strip_prefix("Fatal: "));
        let is_noise = |line: &&String| NOISE.iter().any(|noise| line.contains(noise));
        fatal.or_else(|| self.lines.iter().find(|line| !is_noise(line)).map(String::as_str))
    }
}

/// Whether this is the error of a repository that another process has locked.
pub fn is_locked(error: &Error) -> bool {
    error.text().full().contains(IS_LOCKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(lines: &[&str], code: i32) -> String {
        let mut messages = ResticMessages::default();
        lines.iter().for_each(|line| messages.add(line));
        messages.error(Some(code)).to_string()
    }

    #[test]
    fn the_messages_of_old_and_new_versions_are_understood() {
        let locked = [
            "unable to create lock in backend: repository is already locked exclusively by PID 7 on vm by root (UID 0, GID 0)",
            "lock was created at 2026-01-31 02:00:00 (1s ago)",
            "the `unlock` command can be used to remove stale locks",
        ];
        let by = "the repository is locked exclusively by PID 7 on vm by root (UID 0, GID 0)";
        assert_eq!(error(&locked, 1), by);
        assert_eq!(error(&[], 11), "the repository is locked");
        let newer = r#"{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}"#;
        let password = "the password does not open the repository";
        assert_eq!([error(&[newer], 12), error(&["Fatal: wrong password or no key found"], 1)], [password, password]);
        let none =
            ["Fatal: unable to open config file: stat /x/config: no such file", "Is there a repository at", "/x"];
        let expected = "there is no repository: unable to open config file: stat /x/config: no such file";
        assert_eq!(error(&none, 1), expected);
        let item = r#"{"message_type":"error","error":{"message":"open /x: permission denied"},"during":"archival"}"#;
        assert_eq!(error(&[item], 3), "restic: open /x: permission denied");
        assert_eq!(error(&[], 2), "restic exited with code 2");
    }
}
