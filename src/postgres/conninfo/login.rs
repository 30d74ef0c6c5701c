//! Makes a [`ConnInfo`] from the configuration of a server.
//!
//! The password is stored only there.

use super::ConnInfo;
use std::path::Path;

use crate::base::error::Result;
use crate::base::secret;

/// A server, and the one place, if any, that its password is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLogin<'a> {
    /// A libpq connection string or URI without a password.
    pub url: &'a str,
    /// A file with the password.
    pub password_file: Option<&'a Path>,
    /// A command that prints the password.
    pub password_command: Option<&'a [String]>,
    /// A variable with the password.
    pub password_env: Option<&'a str>,
}

impl ConnInfo {
    /// As `resolve`, with the password from the place that the configuration names, if it names one.
    pub async fn of_login(login: &ServerLogin<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let info = Self::resolve(login.url, environment)?;
        let ServerLogin { password_file, password_command, password_env, .. } = *login;
        let password = secret::resolve(password_file, password_command, password_env, environment).await?;
        let Some(password) = password else { return Ok(info) };
        let mut info = info.with_password(password.reveal());
        // What is wrong with the password file does not matter any more.
        info.warnings.clear();
        Ok(info)
    }
}
