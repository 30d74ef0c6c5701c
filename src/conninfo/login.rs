//! From what a configuration says of a server to a finished [`ConnInfo`].
//!
//! Never keeps the password anywhere else.

use super::ConnInfo;
use crate::config::Login;
use crate::error::Result;
use crate::secret;

impl ConnInfo {
    /// As `resolve`, with the password from the place that the configuration names, if it names one.
    pub async fn of_login(login: &Login<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Result<ConnInfo> {
        let info = Self::resolve(login.url, environment)?;
        let Login { password_file, password_command, password_env, .. } = *login;
        let password = secret::resolve(password_file, password_command, password_env, environment).await?;
        let Some(password) = password else { return Ok(info) };
        let mut info = info.with_password(password.reveal());
        // What is wrong with the password file does not matter any more.
        info.warnings.clear();
        Ok(info)
    }
}
