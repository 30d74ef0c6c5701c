//! What `[source]` of kind postgres and `[restore]` have in common: a server, and where its password is.
//!
//! Holds no password.

use super::{PostgresSource, RestoreSettings};
use crate::postgres::conninfo::ServerLogin;

impl PostgresSource {
    /// How to get in.
    pub fn login(&self) -> ServerLogin<'_> {
        let Self { url, password_file, password_command, password_env } = self;
        ServerLogin {
            url,
            password_file: password_file.as_deref(),
            password_command: password_command.as_deref(),
            password_env: password_env.as_deref(),
        }
    }
}

impl RestoreSettings {
    /// How to get in; `None` where a run makes a server of its own.
    pub fn login(&self) -> Option<ServerLogin<'_>> {
        let Self { url, password_file, password_command, password_env, .. } = self;
        Some(ServerLogin {
            url: url.as_deref()?,
            password_file: password_file.as_deref(),
            password_command: password_command.as_deref(),
            password_env: password_env.as_deref(),
        })
    }
}
