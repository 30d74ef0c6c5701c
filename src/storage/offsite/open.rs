//! Opens the repository: finds restic, and reads the address, the password and further variables from where the configuration says.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::OffsiteRepository;
use crate::base::error::{Context, Error, Result};
use crate::base::secret::{self, Environment};
use crate::config::{OffsiteSettings, Span};

/// Passed on to restic, if they are set: where it finds programs (`ssh`, `rclone`), proxies, and the keys of storages.
pub const PASSED_ON: [&str; 24] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AZURE_ACCOUNT_KEY",
    "AZURE_ACCOUNT_NAME",
    "AZURE_ACCOUNT_SAS",
    "B2_ACCOUNT_ID",
    "B2_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_PROJECT_ID",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "RCLONE_CONFIG",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
];

/// Hint for a missing program.
const INSTALL: &str = "install restic 0.14 or later (Debian: apt-get install restic), or set offsite.program";

/// Where the address of the repository and its password are.
#[derive(Debug, Clone, Copy)]
pub struct RepositoryLogin<'a> {
    /// The address itself.
    pub repository: Option<&'a str>,
    /// A file that has the address.
    pub repository_file: Option<&'a Path>,
    /// A command that prints it.
    pub repository_command: Option<&'a [String]>,
    /// A file that has the password.
    pub password_file: Option<&'a Path>,
    /// A command that prints it.
    pub password_command: Option<&'a [String]>,
    /// A variable that has it.
    pub password_env: Option<&'a str>,
    /// A file with further variables.
    pub environment_file: Option<&'a Path>,
}

/// How restic is run.
#[derive(Debug)]
pub struct Access {
    /// The program; `None`: the one in `PATH`.
    pub program: Option<PathBuf>,
    /// `None`: no cache.
    pub cache: Option<PathBuf>,
    /// It is stopped after this time without progress.
    pub stalled_after: Span,
    /// How long to wait for a lock.
    pub lock_wait: Span,
}

impl OffsiteSettings {
    fn login(&self) -> RepositoryLogin<'_> {
        RepositoryLogin {
            repository: self.repository.as_deref(),
            repository_file: self.repository_file.as_deref(),
            repository_command: self.repository_command.as_deref(),
            password_file: self.password_file.as_deref(),
            password_command: self.password_command.as_deref(),
            password_env: self.password_env.as_deref(),
            environment_file: self.environment_file.as_deref(),
        }
    }
}

impl OffsiteRepository {
    /// As configured; `state` is the state directory.
    ///
    /// # Errors
    /// restic is not found, or a secret cannot be read.
    pub async fn configured(settings: &OffsiteSettings, state: &Path, environment: Environment<'_>) -> Result<Self> {
        let cache = settings.cache_directory.clone().unwrap_or_else(|| state.join("restic-cache"));
        let access = Access {
            program: settings.program.clone(),
            cache: Some(cache),
            stalled_after: settings.stalled_after,
            lock_wait: settings.lock_wait,
        };
        Self::open(&settings.login(), access, environment).await
    }

    /// Finds the program and reads the secrets; does not contact the repository.
    ///
    /// # Errors
    /// restic is not found, or a secret cannot be read.
    pub async fn open(login: &RepositoryLogin<'_>, access: Access, environment: Environment<'_>) -> Result<Self> {
        let program = find(access.program.as_deref(), environment("PATH").as_deref())?;
        let location = location(login, environment).await.doing(|| "read the address of the off-site repository")?;
        let password = secret::resolve(login.password_file, login.password_command, login.password_env, environment);
        let password = password.await.doing(|| "read the password of the off-site repository")?;
        let password = password.ok_or_else(|| Error::new("the off-site repository has no password"))?;
        let passed_on = PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), environment(name)?)));
        let mut variables: Vec<(String, String)> = passed_on.collect();
        if let Some(file) = login.environment_file {
            variables.extend(read_variables(file)?);
        }
        variables.extend([
            ("RESTIC_REPOSITORY".to_owned(), location.clone()),
            ("RESTIC_PASSWORD".to_owned(), password.reveal().to_owned()),
            ("RESTIC_PROGRESS_FPS".to_owned(), "1".to_owned()),
            ("LC_ALL".to_owned(), "C".to_owned()),
        ]);
        let (stalled_after, lock_wait) = (access.stalled_after.duration(), access.lock_wait.duration());
        Ok(Self { program, location, variables, cache: access.cache, stalled_after, lock_wait })
    }

    /// The address, without a password.
    pub fn describe(&self) -> String {
        without_password(&self.location)
    }
}

async fn location(login: &RepositoryLogin<'_>, environment: Environment<'_>) -> Result<String> {
    if let Some(repository) = login.repository {
        return Ok(repository.to_owned());
    }
    let found = secret::resolve(login.repository_file, login.repository_command, None, environment).await?;
    found.map(|found| found.reveal().to_owned()).ok_or_else(|| Error::new("it is not given"))
}

/// The given program, or the first one in `PATH`.
fn find(given: Option<&Path>, path: Option<&str>) -> Result<PathBuf> {
    let is_program = |file: &PathBuf| fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0);
    let candidates = match given {
        Some(given) => vec![given.to_owned()],
        None => std::env::split_paths(path.unwrap_or_default()).map(|dir| dir.join("restic")).collect(),
    };
    let why = || match given {
        Some(given) => Error::new(format!("no program {}", given.display())),
        None => Error::new("no program restic in PATH"),
    };
    candidates.into_iter().find(is_program).ok_or_else(|| why().hint(INSTALL))
}

/// Lines `NAME=VALUE`; a name that changes what we ask of restic is refused.
fn read_variables(file: &Path) -> Result<Vec<(String, String)>> {
    let doing = || format!("read {}", file.display());
    let text = secret::text_of_path(file).doing(doing)?;
    let mut variables = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself may be a secret.
        let parts = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = parts.filter(|(name, _)| is_name(name)) else {
            return Err(Error::new(format!("line {number} is not NAME=VALUE"))).doing(doing);
        };
        if name.starts_with("RESTIC_") {
            let error = Error::new(format!("line {number} sets {name}"));
            return Err(error.hint("the repository and its password have keys of their own in [offsite]")).doing(doing);
        }
        variables.push((name.to_owned(), unquoted(value).to_owned()));
    }
    Ok(variables)
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn unquoted(value: &str) -> &str {
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

/// `rest:https://user:***@host/` for `rest:https://user:secret@host/`
pub(super) fn without_password(location: &str) -> String {
    let masked = || {
        let (scheme, rest) = location.split_once("://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        let (login, host) = authority.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}{}", &rest[authority.len()..]))
    };
    masked().unwrap_or_else(|| location.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_in_an_address_is_not_shown() {
        for (location, shown) in [
            ("rest:https://user:secret@host:8000/path", "rest:https://user:***@host:8000/path"),
            ("s3:https://s3.example.org/bucket", "s3:https://s3.example.org/bucket"),
            ("sftp:user@host:/srv/restic", "sftp:user@host:/srv/restic"),
            ("rest:https://user:se@cret@host/", "rest:https://user:***@host/"),
        ] {
            assert_eq!(without_password(location), shown);
        }
    }

    #[test]
    fn variables_are_read_from_a_private_file_and_none_of_restic_itself() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("environment");
        let read = |text: &str, mode| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            read_variables(&file).map_err(|error| error.to_string())
        };
        let expected = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "a=b c")];
        let expected: Vec<(String, String)> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let text = "# keys\n\nAWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY='a=b c'\n";
        assert_eq!(read(text, 0o600), Ok(expected));
        for (text, mode, complaint) in [
            (text, 0o644, "its mode is 0644, wider than 0600"),
            ("s3cret\n", 0o600, "line 1 is not NAME=VALUE"),
            ("A=b\nRESTIC_PASSWORD=x\n", 0o600, "line 2 sets RESTIC_PASSWORD"),
        ] {
            assert_eq!(read(text, mode), Err(format!("read {}: {complaint}", file.display())));
        }
    }
}
