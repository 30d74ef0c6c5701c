//! What `[source]` of kind postgres and `[restore]` have in common: a server, and where its password is.
//!
//! Never the password itself.

use std::path::Path;

use super::{PostgresSource, Restore};

/// A server, and the one place, if any, that its password is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// A libpq connection string or URI without a password.
    pub url: &'a str,
    /// A file with the password.
    pub password_file: Option<&'a Path>,
    /// A command that prints the password.
    pub password_command: Option<&'a [String]>,
    /// A variable with the password.
    pub password_env: Option<&'a str>,
}

impl PostgresSource {
    /// How to get in.
    pub fn login(&self) -> Login<'_> {
        let Self { url, password_file, password_command, password_env } = self;
        Login {
            url,
            password_file: password_file.as_deref(),
            password_command: password_command.as_deref(),
            password_env: password_env.as_deref(),
        }
    }
}

impl Restore {
    /// How to get in.
    pub fn login(&self) -> Login<'_> {
        let Self { url, password_file, password_command, password_env, .. } = self;
        Login {
            url,
            password_file: password_file.as_deref(),
            password_command: password_command.as_deref(),
            password_env: password_env.as_deref(),
        }
    }
}
