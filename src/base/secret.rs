//! Secrets, from the places that a configuration names (a file, a command, a variable) or from chance.
//!
//! A secret is not in an argument, a message or a `Debug` form; a file that others can read is refused.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ssh_key::rand_core::{OsRng, RngCore as _};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::marked::MarkedText;

/// Limit for a password; longer output is not a password.
const MAX_BYTES: u64 = 1 << 16;

/// Limit for a command: a prompt would get no answer in an unattended run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where systemd puts what `LoadCredential=` names.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Of a random password: 192 bits.
const LENGTH: usize = 32;

/// Of a random password: what RDS takes (no `/`, `@`, `"`, space) and nothing that shells, URIs or password files would need
/// escaped. 64 characters, so that a random byte chooses without bias.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Reads an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A password or a passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new random password of 32 characters.
    ///
    /// # Errors
    /// When the system's random generator fails.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; LENGTH];
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| Error::new(error.to_string()))
            .doing(|| "read random bytes")?;
        Ok(Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect()))
    }

    /// The text itself: only for code that logs in or opens a key.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret, from the one place that is given; `None` when none is. A relative `file` is a credential from systemd.
///
/// # Errors
/// When the place has no secret to give, an empty one, or one that others could have read.
pub async fn resolve(
    file: Option<&Path>,
    command: Option<&[String]>,
    variable: Option<&str>,
    environment: Environment<'_>,
) -> Result<Option<Secret>> {
    let found = match (file, command, variable) {
        (None, None, None) => return Ok(None),
        (Some(file), None, None) => from_file(file, environment),
        (None, Some(command), None) => from_command(command, PATIENCE).await,
        (None, None, Some(variable)) => from_variable(variable, environment),
        _ => Err(Error::new("more than one place for one password")),
    };
    found.map(Some)
}

/// The secret in the first line of this file, which must be ours and closed to others.
///
/// # Errors
/// It cannot be read, or others could have read or written it.
pub fn of_path(path: &Path) -> Result<Secret> {
    read_private(path, false).and_then(|bytes| first_line(&bytes)).doing(|| format!("read secret {}", path.display()))
}

/// The whole text of this file, which must be ours and closed to others.
///
/// # Errors
/// As [`of_path`], or it is not UTF-8.
pub fn text_of_path(path: &Path) -> Result<String> {
    String::from_utf8(read_private(path, false)?).map_err(|_| Error::new("it is not UTF-8"))
}

fn from_file(file: &Path, environment: Environment<'_>) -> Result<Secret> {
    let credentials = environment(CREDENTIALS).map(PathBuf::from);
    let path = match &credentials {
        _ if file.is_absolute() => file.to_owned(),
        Some(directory) => directory.join(file),
        None => {
            let error = Error::new(format!("{CREDENTIALS} is not set"));
            let hint = "started by hand, systemd's credentials are not there: systemctl start pgwitness";
            return Err(error.context(format!("read secret {}", file.display())).hint(hint));
        }
    };
    let is_credential = credentials.is_some_and(|directory| path.parent() == Some(&directory));
    read_private(&path, is_credential)
        .and_then(|bytes| first_line(&bytes))
        .doing(|| format!("read secret {}", path.display()))
}

fn read_private(path: &Path, is_credential: bool) -> Result<Vec<u8>> {
    let file = files::open(path)?;
    let metadata = file.metadata()?;
    files::check_owner(&metadata)?;
    let mode = metadata.permissions().mode() & 0o7777;
    // systemd grants the service access by an access list, which stat shows as a group permission; no other user has access.
    let allowed = if is_credential { 0o640 } else { 0o600 };
    if mode & !allowed != 0 {
        let hint = format!("chmod 600 {}, if no other user has read it", path.display());
        return Err(Error::new(format!("its mode is {mode:04o}, wider than 0600")).hint(hint));
    }
    Ok(files::read_open(file, files::KEY)?)
}

fn from_variable(variable: &str, environment: Environment<'_>) -> Result<Secret> {
    let value = environment(variable).ok_or_else(|| {
        let hint = "cron and systemd pass on few variables: a file is easier (password_file)";
        Error::new(format!("the variable {variable} is not set")).hint(hint)
    })?;
    first_line(value.as_bytes()).doing(|| format!("read secret from the variable {variable}"))
}

async fn from_command(command: &[String], patience: Duration) -> Result<Secret> {
    let Some((program, arguments)) = command.split_first() else { return Err(Error::new("the command is empty")) };
    let doing = || format!("get a secret from {program}");
    let mut started = Command::new(program);
    started.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = started.spawn().doing(doing)?;
    let finished = tokio::time::timeout(patience, output(child)).await;
    let late = || Error::new(format!("it gave no answer within {} s", patience.as_secs())).hint("it must not prompt");
    let (printed, complaint, is_success) = finished.map_err(|_| late()).and_then(|done| done).doing(doing)?;
    if !is_success {
        let complaint = String::from_utf8_lossy(&complaint).trim_end().lines().last().unwrap_or_default().to_owned();
        // It may repeat the secret.
        let safe = "it failed";
        let why = if complaint.is_empty() { "it failed and printed no error".to_owned() } else { complaint };
        return Err(Error::new(MarkedText::with_values(why, safe))).doing(doing);
    }
    first_line(&printed).doing(doing)
}

/// What it printed, what it complained of, and whether it succeeded.
async fn output(mut child: Child) -> Result<(Vec<u8>, Vec<u8>, bool)> {
    let (mut printed, mut complaint) = (Vec::new(), Vec::new());
    if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
        let (mut stdout, mut stderr) = (stdout.take(MAX_BYTES), stderr.take(MAX_BYTES));
        tokio::try_join!(stdout.read_to_end(&mut printed), stderr.read_to_end(&mut complaint))?;
    }
    let status = child.wait().await?;
    Ok((printed, complaint, status.success()))
}

/// Refuses a password that is not text or that the server would truncate.
fn first_line(bytes: &[u8]) -> Result<Secret> {
    let text = str::from_utf8(bytes).map_err(|_| Error::new("it is not UTF-8"))?;
    let line = text.lines().next().unwrap_or_default();
    match line {
        "" => Err(Error::new("its first line is empty")),
        _ if line.contains('\0') => Err(Error::new("it holds a NUL character")),
        _ => Ok(Secret(line.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn file_of(dir: &Path, name: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, "s3cret pass\r\nsecond line\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    async fn of_shell(script: &str, patience: Duration) -> Result<Secret> {
        from_command(&["/bin/sh".into(), "-c".into(), script.into()], patience).await
    }

    #[test]
    fn a_random_password_is_one_that_rds_takes_and_never_the_same_twice() {
        let made: std::collections::BTreeSet<String> = (0..100).map(|_| Secret::random().unwrap().0).collect();
        assert_eq!(made.len(), 100);
        for text in made {
            assert_eq!(text.len(), LENGTH);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@\"' \\:".contains(&byte)), "{text}");
        }
        assert_eq!(ALPHABET.iter().collect::<std::collections::BTreeSet<_>>().len(), ALPHABET.len());
    }

    #[tokio::test]
    async fn a_secret_is_the_first_line_wherever_it_comes_from() {
        let dir = tempfile::tempdir().unwrap();
        let path = file_of(dir.path(), "password", 0o600);
        let from_file = resolve(Some(&path), None, None, &nothing).await.unwrap().unwrap();
        let command = ["printf".to_owned(), "%s\\n%s\\n".into(), "s3cret pass".into(), "two".into()];
        let from_command = resolve(None, Some(&command), None, &nothing).await.unwrap().unwrap();
        let environment = |name: &str| (name == "PW").then(|| "s3cret pass".to_owned());
        let from_variable = resolve(None, None, Some("PW"), &environment).await.unwrap().unwrap();
        assert_eq!([from_file.reveal(), from_command.reveal(), from_variable.reveal()], ["s3cret pass"; 3]);
        assert_eq!(resolve(None, None, None, &nothing).await.unwrap(), None);
        assert_eq!(format!("{from_file:?}"), "Secret(…)");
    }

    #[tokio::test]
    async fn two_places_are_refused() {
        let error = resolve(Some(Path::new("/x")), None, Some("PW"), &nothing).await.unwrap_err();
        assert_eq!(error.to_string(), "more than one place for one password");
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o700, 0o4600] {
            let path = file_of(dir.path(), "password", mode);
            let error = resolve(Some(&path), None, None, &nothing).await.unwrap_err();
            let expected = format!("read secret {}: its mode is {mode:04o}, wider than 0600", path.display());
            assert_eq!(error.to_string(), expected);
        }
        let path = file_of(dir.path(), "password", 0o400);
        assert!(resolve(Some(&path), None, None, &nothing).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let error = resolve(Some(dir.path()), None, None, &nothing).await.unwrap_err();
        assert!(error.to_string().ends_with(": not a regular file"), "{error}");
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = resolve(Some(&pipe), None, None, &nothing).await.unwrap_err();
        assert!(error.to_string().ends_with(": not a regular file"), "{error}");
    }

    #[tokio::test]
    async fn a_name_alone_is_a_credential_from_systemd() {
        let dir = tempfile::tempdir().unwrap();
        // As systemd makes them where access lists work.
        file_of(dir.path(), "restore-password", 0o440);
        let directory = dir.path().to_string_lossy().into_owned();
        let environment = |name: &str| (name == CREDENTIALS).then(|| directory.clone());
        let name = Path::new("restore-password");
        assert_eq!(resolve(Some(name), None, None, &environment).await.unwrap().unwrap().reveal(), "s3cret pass");
        let error = resolve(Some(name), None, None, &nothing).await.unwrap_err();
        assert_eq!(error.to_string(), "read secret restore-password: CREDENTIALS_DIRECTORY is not set");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_quoted_by_its_last_complaint_and_never_by_what_it_printed() {
        let error = of_shell("echo s3cret; echo first >&2; echo locked >&2; exit 1", PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "get a secret from /bin/sh: locked");
        let error = of_shell("echo s3cret; exit 1", PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "get a secret from /bin/sh: it failed and printed no error");
        let error = of_shell("true", PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "get a secret from /bin/sh: its first line is empty");
        let error = of_shell("printf '\\377'", PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "get a secret from /bin/sh: it is not UTF-8");
    }

    #[tokio::test]
    async fn a_command_gets_no_input_and_no_more_than_its_time() {
        assert_eq!(of_shell("cat; echo end", PATIENCE).await.unwrap().reveal(), "end");
        let error = of_shell("exec sleep 60", Duration::from_millis(200)).await.unwrap_err();
        assert!(error.to_string().contains("it gave no answer within"), "{error}");
    }

    #[tokio::test]
    async fn an_unset_variable_is_named() {
        let error = resolve(None, None, Some("PGWITNESS_PW"), &nothing).await.unwrap_err();
        assert_eq!(error.to_string(), "the variable PGWITNESS_PW is not set");
    }
}
