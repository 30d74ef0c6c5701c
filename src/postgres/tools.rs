//! Finds the programs of PostgreSQL on this machine, and their version.
//!
//! All programs come from one directory, so versions are not mixed. Skips Debian's wrappers in `/usr/bin`, which
//! choose a version by their own rules and files.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::base::error::{Error, Result};

/// What a client needs: to make a dump and to restore it.
pub const CLIENT: &[&str] = &["pg_dump", "pg_restore"];

/// Programs of a throw-away server (see [`crate::postgres::server`]).
pub const SERVER: &[&str] = &["postgres", "initdb", "pg_ctl"];

/// Directories with programs of PostgreSQL, `*` standing for any text within one name.
pub const PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/lib/postgresql*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/pgsql-*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The programs of one PostgreSQL version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgTools {
    /// The directory they are all in.
    pub bindir: PathBuf,
    /// Their version, as the first required program gives it.
    pub version: Version,
}

/// A version of PostgreSQL. Ordered by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// For instance 15.
    pub major: u32,
    /// For instance 18; 0 for a version that is not released yet.
    pub minor: u32,
    /// As the program prints it, for instance `15.18` or `19beta1`.
    pub text: String,
}

impl PgTools {
    /// The path of a program, for instance `pg_dump`, whether it exists or not.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bindir.join(name)
    }

    /// Finds the directory that has all the `required` programs. With `bindir` (`--pg-bindir`) only that one is looked
    /// at; otherwise the newest version wins, since an old `pg_dump` refuses a newer server, and among equals the one
    /// that comes first in `path` (the value of `PATH`).
    pub fn find(bindir: Option<&Path>, path: Option<&str>, required: &[&str]) -> Result<Self> {
        let wanted = required.join(", ");
        if let Some(bindir) = bindir {
            return inspect(bindir, required).map_err(|e| e.context(format!("use PostgreSQL in {}", bindir.display())));
        }
        let mut found: Vec<PgTools> = candidates(path).iter().filter_map(|dir| inspect(dir, required).ok()).collect();
        found.sort_by_key(|tools| Reverse((tools.version.major, tools.version.minor)));
        found.into_iter().next().ok_or_else(|| {
            Error::new("not in PATH, and in none of the usual directories")
                .context(format!("find the PostgreSQL programs {wanted}"))
                .hint("install PostgreSQL, or name the directory of its programs with --pg-bindir")
        })
    }
}

impl Version {
    /// From what `--version` prints, for instance `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    pub fn parse(printed: &str) -> Option<Self> {
        let (_, rest) = printed.split_once("PostgreSQL")?;
        let text = rest.trim_start_matches(')').split_whitespace().next()?;
        let digits = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>();
        let major = digits(text).parse().ok()?;
        let minor = text.split_once('.').and_then(|(_, minor)| digits(minor).parse().ok()).unwrap_or(0);
        Some(Self { major, minor, text: text.to_owned() })
    }
}

/// The directory, if it has every required program and they run.
fn inspect(dir: &Path, required: &[&str]) -> Result<PgTools> {
    let missing: Vec<&str> = required.iter().copied().filter(|name| !is_program(&dir.join(name))).collect();
    if !missing.is_empty() {
        return Err(Error::new(format!("no program {}", missing.join(", "))));
    }
    check_writers(dir)?;
    let program = dir.join(required.first().copied().unwrap_or("pg_dump"));
    let printed = printed_by(&program, "--version")?;
    let version = Version::parse(&printed)
        .ok_or_else(|| Error::new(format!("{} --version printed {printed:?}", program.display())))?;
    Ok(PgTools { bindir: dir.to_owned(), version })
}

/// Where every user may write, every user can put a program of that name.
fn check_writers(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(dir)?.permissions().mode() & 0o002 == 0 {
        return Ok(());
    }
    Err(Error::new("every user of this machine may write to this directory")
        .hint(format!("chmod o-w {}", dir.display())))
}

/// An executable file that is not a wrapper: Debian's are links to a script named `pg_wrapper`.
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::canonicalize(file).is_ok_and(|real| {
        real.file_name() != Some(OsStr::new("pg_wrapper"))
            && fs::metadata(&real).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Every directory to search, each once: those of `PATH` in their order, that of `pg_config`, the usual places.
fn candidates(path: Option<&str>) -> Vec<PathBuf> {
    let in_path: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let configured = in_path.iter().map(|dir| dir.join("pg_config")).find(|file| file.is_file());
    let configured = configured.and_then(|program| printed_by(&program, "--bindir").ok()).map(PathBuf::from);
    let usual = PLACES.iter().flat_map(|place| expand(place));
    let mut seen = BTreeSet::new();
    in_path
        .into_iter()
        .chain(configured)
        .chain(usual)
        .filter(|dir| dir.is_absolute() && seen.insert(fs::canonicalize(dir).unwrap_or_else(|_| dir.clone())))
        .collect()
}

/// What a program prints when it is called with one argument, in an environment of its own.
fn printed_by(program: &Path, argument: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.arg(argument).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output().map_err(|e| Error::from(e).context(format!("run {}", program.display())))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::new(why).context(format!("run {} {argument}", program.display())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The directories that fit a pattern of `PLACES`, in no order that matters.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = match part.split_once('*') {
            None => found.into_iter().map(|dir| dir.join(part)).filter(|dir| dir.is_dir()).collect(),
            Some((before, after)) => found.iter().flat_map(|dir| children(dir, before, after)).collect(),
        };
    }
    found
}

/// The directories in `dir` whose names start with `before` and end with `after`.
fn children(dir: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let fits =
        |name: &str| name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(fits))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory with programs that print this version and do nothing else.
    fn programs(parent: &Path, dir: &str, version: &str, names: &[&str]) -> PathBuf {
        let dir = parent.join(dir);
        fs::create_dir_all(&dir).unwrap();
        for name in names {
            let file = dir.join(name);
            // Written by another process: see tests/support/programs.rs.
            let text = format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n");
            let write = ["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"];
            assert!(Command::new("sh").args(write).arg(file).arg(text).status().unwrap().success());
        }
        dir
    }

    #[test]
    fn versions_are_read_as_every_packager_prints_them() {
        let version = |text: &str| Version::parse(text).map(|v| (v.major, v.minor, v.text));
        assert_eq!(version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18, "15.18".to_owned())));
        assert_eq!(version("postgres (PostgreSQL) 19devel"), Some((19, 0, "19devel".to_owned())));
        assert_eq!(version("PostgreSQL 16.2"), Some((16, 2, "16.2".to_owned())));
        assert_eq!(version("bash 5.2"), None);
    }

    #[test]
    fn the_newest_version_wins_wherever_it_is_in_path() {
        let temp = tempfile::tempdir().unwrap();
        let old = programs(temp.path(), "old", "990.9", CLIENT);
        let new = programs(temp.path(), "new", "990.10", CLIENT);
        let path = format!("{}:{}", old.display(), new.display());
        let tools = PgTools::find(None, Some(&path), CLIENT).unwrap();
        assert_eq!((tools.bindir.clone(), tools.version.minor), (new.clone(), 10));
        assert_eq!(tools.program("pg_dump"), new.join("pg_dump"));
    }

    #[test]
    fn a_directory_without_all_programs_does_not_count() {
        let temp = tempfile::tempdir().unwrap();
        let half = programs(temp.path(), "half", "991.1", &["pg_dump"]);
        let whole = programs(temp.path(), "whole", "990.1", CLIENT);
        let path = format!("{}:{}", half.display(), whole.display());
        assert_eq!(PgTools::find(None, Some(&path), CLIENT).unwrap().bindir, whole);
    }

    #[test]
    fn a_wrapper_that_chooses_a_version_by_itself_is_not_taken() {
        let temp = tempfile::tempdir().unwrap();
        let real = programs(temp.path(), "share", "992.1", &["pg_wrapper"]);
        let bin = temp.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(real.join("pg_wrapper"), bin.join("pg_dump")).unwrap();
        let error = PgTools::find(Some(&bin), None, &["pg_dump"]).unwrap_err();
        assert_eq!(error.to_string(), format!("use PostgreSQL in {}: no program pg_dump", bin.display()));
    }

    #[test]
    fn the_directory_given_by_the_user_is_the_only_one_looked_at() {
        let temp = tempfile::tempdir().unwrap();
        let given = programs(temp.path(), "given", "9.6.24", CLIENT);
        assert_eq!(PgTools::find(Some(&given), Some("/usr/bin"), CLIENT).unwrap().version.major, 9);
        let error = PgTools::find(Some(temp.path()), Some("/usr/bin"), CLIENT).unwrap_err();
        assert!(error.to_string().ends_with("no program pg_dump, pg_restore"), "{error}");
    }

    #[test]
    fn what_cannot_be_found_is_named_with_what_to_do() {
        let error = PgTools::find(None, None, &["pg_unheard_of"]).unwrap_err();
        assert!(error.to_string().starts_with("find the PostgreSQL programs pg_unheard_of: "), "{error}");
        assert!(error.hint_text().unwrap().contains("--pg-bindir"));
    }
}
