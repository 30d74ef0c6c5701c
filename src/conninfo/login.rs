//! From what a configuration says of a server to a finished [`ConnInfo`].
//!
//! Never keeps the password anywhere else.

use super::ConnInfo;
use crate::config::Login;
use crate::error::Result;
use crate::secret::{self, Secret};

impl ConnInfo {
    /// As `resolve`, with the password from the place that the configuration names, if it names one.
    pub async fn of_login(login: &Login<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let info = Self::resolve(login.url, environment)?;
        let Login { password_file, password_command, password_env, .. } = *login;
        let password = secret::resolve(password_file, password_command, password_env, environment).await?;
        Ok(password.map(|password| info.with_password(&password)).unwrap_or(info))
    }

    /// The same with a password from elsewhere, which wins over the environment and the password file.
    #[must_use]
    pub fn with_password(&self, password: &Secret) -> ConnInfo {
        let mut other = self.clone();
        other.params.insert("password".into(), password.reveal().to_owned());
        other.origins.insert("password".into(), "the configuration".into());
        // What was wrong with the password file does not matter any more.
        other.warnings.clear();
        other
    }
}
