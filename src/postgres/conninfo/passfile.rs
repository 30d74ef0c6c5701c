//! The password file (`.pgpass`): which line answers for a host, port, database and user.
//!
//! Passwords are not printed, and a file that others may read is not used.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::error::{Error, Result};

/// A password file as it was when we read it.
#[derive(Clone, Default)]
pub struct Passfile {
    path: PathBuf,
    lines: Vec<(usize, String)>,
}

/// The path and the number of lines, never a line.
impl fmt::Debug for Passfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passfile({}, {} lines)", self.path.display(), self.lines.len())
    }
}

/// Who wants to log in where.
#[derive(Debug, Clone, Copy)]
pub struct PassfileQuery<'a> {
    /// Host name, address, or socket directory.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Database.
    pub dbname: &'a str,
    /// User.
    pub user: &'a str,
}

impl Passfile {
    /// Reads the file. A missing file is an empty one; a file that libpq would ignore is an error whose text is a warning.
    pub fn read(path: &Path) -> Result<Passfile> {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Passfile::default()),
            Err(error) => return Err(Error::from(error).context(format!("read password file {}", path.display()))),
        };
        is_private_file(path, &metadata)?;
        let text = crate::base::files::read(path, crate::base::files::BY_HAND)
            .map_err(|error| Error::from(error).context(format!("read password file {}", path.display())))?;
        Ok(Passfile { path: path.to_owned(), lines: numbered_lines(&String::from_utf8_lossy(&text)) })
    }

    /// The password of the first line that matches, and where it is (`~/.pgpass, line 3`).
    pub fn lookup(&self, login: &PassfileQuery<'_>) -> Option<(String, String)> {
        let (number, password) = self.lines.iter().find_map(|(number, line)| Some((number, matching(line, login)?)))?;
        Some((password, format!("{}, line {number}", self.path.display())))
    }
}

fn is_private_file(path: &Path, metadata: &Metadata) -> Result<()> {
    if !metadata.is_file() {
        return Err(Error::new(format!("password file {} is ignored: it is not a plain file", path.display())));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(Error::new(format!("password file {path} is ignored: others may read it (run chmod 0600 {path})")));
    }
    // libpq takes it; but its owner could change where a password goes.
    let doing = |error| Error::new(format!("password file {} is ignored: {error}", path.display()));
    crate::base::files::check_owner(metadata).map_err(doing)
}

fn numbered_lines(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r').to_owned()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The password of this line if its four fields match.
fn matching(line: &str, login: &PassfileQuery<'_>) -> Option<String> {
    let port = login.port.to_string();
    let rest = hosts_to_look_for(login.host).iter().find_map(|host| after_field(line, host))?;
    let rest = after_field(rest, &port)?;
    let rest = after_field(rest, login.dbname)?;
    Some(unescape(after_field(rest, login.user)?))
}

/// libpq looks for `localhost` when the socket directory is its compiled-in default, which differs between systems.
fn hosts_to_look_for(host: &str) -> Vec<&str> {
    match host {
        "" => vec!["localhost"],
        host if super::DEFAULT_SOCKET_DIRECTORIES.contains(&host) => vec!["localhost", host],
        host => vec![host],
    }
}

/// What follows the first field and its colon, if the field is `*` or, without its escapes, the wanted text.
fn after_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut field = line.char_indices();
    let mut wanted = wanted.chars();
    loop {
        let (at, c) = field.next()?;
        if c == ':' {
            return wanted.next().is_none().then(|| &line[at + 1..]);
        }
        let c = if c == '\\' { field.next()?.1 } else { c };
        if wanted.next() != Some(c) {
            return None;
        }
    }
}

/// The password field: up to a colon that no backslash protects.
fn unescape(field: &str) -> String {
    let mut password = String::new();
    let mut characters = field.chars();
    while let Some(c) = characters.next() {
        match c {
            ':' => break,
            '\\' => password.push(characters.next().unwrap_or('\\')),
            c => password.push(c),
        }
    }
    password
}

/// A field as `lookup` and libpq read it back. A line break cannot be written at all.
pub fn escape(field: &str) -> Result<String> {
    if field.contains(['\n', '\r']) {
        return Err(Error::new("a password file cannot hold a line break"));
    }
    let escaped = field.replace('\\', "\\\\").replace(':', "\\:");
    // A lone star would match everything.
    Ok(if escaped == "*" { "\\*".to_owned() } else { escaped })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask(text: &str, host: &str, user: &str) -> Option<String> {
        let file = Passfile { path: "f".into(), lines: numbered_lines(text) };
        file.lookup(&PassfileQuery { host, port: 5432, dbname: "app", user }).map(|(password, _)| password)
    }

    #[test]
    fn the_first_matching_line_answers() {
        let text = "# h:*:*:u:comment\nh:5433:*:u:port\nh:*:other:u:db\nh:5432:app:u:right\n*:*:*:*:any\r\n";
        assert_eq!(ask(text, "h", "u").as_deref(), Some("right"));
        assert_eq!(ask(text, "h", "v").as_deref(), Some("any"));
        assert_eq!(ask("h:5432:app:u:x", "hh", "u"), None);
        assert_eq!(ask("hh:5432:app:u:x", "h", "u"), None);
        assert_eq!(ask("h:5432:app", "h", "u"), None);
    }

    #[test]
    fn escapes_are_undone_in_fields_and_password() {
        assert_eq!(ask(r"::1\:x:5432:app:u:p", "::1:x", "u"), None);
        assert_eq!(ask(r"\:\:1:5432:app:u:p", "::1", "u").as_deref(), Some("p"));
        assert_eq!(ask(r"h:5432:app:a\\b:p\:q\\r", "h", r"a\b").as_deref(), Some(r"p:q\r"));
        assert_eq!(ask(r"h:5432:app:u:p\", "h", "u").as_deref(), Some(r"p\"));
    }

    #[test]
    fn localhost_stands_for_the_default_socket_directory() {
        assert_eq!(ask("localhost:*:*:*:p", "/tmp", "u").as_deref(), Some("p"));
        assert_eq!(ask("localhost:*:*:*:p", "/elsewhere", "u"), None);
        assert_eq!(ask("/elsewhere:*:*:*:p", "/elsewhere", "u").as_deref(), Some("p"));
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored_with_a_warning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "*:*:*:*:secret\n").unwrap();
        assert!(Passfile::read(file.path()).is_ok());
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        let warning = Passfile::read(file.path()).unwrap_err().to_string();
        assert!(warning.contains("chmod 0600") && !warning.contains("secret"), "{warning}");
        assert!(Passfile::read(Path::new("/nonexistent")).unwrap().lines.is_empty());
        assert!(Passfile::read(Path::new("/tmp")).is_err());
    }

    proptest! {
        #[test]
        fn any_login_finds_its_own_line(host in "[^\r\n\0]+", user in "[^\r\n\0]+", password in "[^\r\n\0]+") {
            let [h, u, p] = [&host, &user, &password].map(|field| escape(field).unwrap());
            // A line that starts with "#" is a comment to libpq, whatever was meant.
            prop_assume!(!host.starts_with('#'));
            prop_assert_eq!(ask(&format!("{h}:5432:app:{u}:{p}"), &host, &user), Some(password));
        }
    }
}
