//! The source: lists it and reads its content, on this host by our own code, on another one with the GNU programs `find`, `xargs` and
//! `sha256sum`.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::reading::{CancelOnDrop, copy_records, hash_of};
use super::records::{NulReader, RecordFile, write_list};
use super::sorting;
use super::ssh::{Ssh, error_of};
use crate::base::error::{Context, Error, Result};
use crate::base::secret::Environment;
use crate::base::text::shell_word;
use crate::config::FilesSettings;
use crate::config::exclude::Exclude;
use crate::model::files::FileHash;
use crate::postgres::process::{GRACE, PipedOrder, PipedOutput, run_piped};

/// What find prints of an entry: the fields of a record. The first part is for directories that it may not list.
const FIND: &str = r"find . -ignore_readdir_race '(' -type d ! '(' -readable -executable ')' -printf 'X\0%m\0%s\0%T@ %C@\0\0%P\0\0' -prune ')' -o -printf '%y\0%m\0%s\0%T@ %C@\0%l\0%P\0\0'";
/// Lists of names are read from its standard input.
const HASH: &str = "xargs -0 -r env LC_ALL=C sha256sum -z --";
/// Fails with a word that names what is missing.
const PROBE: &str = "for p in rsync find xargs sha256sum env; do command -v $p >/dev/null || { echo \"missing: $p\" >&2; exit 96; }; done; \
find . -maxdepth 0 -readable -executable -printf '' || { echo 'missing: GNU find' >&2; exit 96; }; \
test -r . && test -x . || { echo 'the directory cannot be read by this user' >&2; exit 97; }; \
sha256sum -z /dev/null >/dev/null || { echo 'missing: GNU sha256sum' >&2; exit 96; }; \
xargs -0 -r true </dev/null || { echo 'missing: GNU xargs' >&2; exit 96; }";
/// xargs: a file could not be read.
const SOME_UNREAD: i32 = 123;
/// Lines of standard error that are kept.
const LINES: usize = 20;

/// A directory that is copied.
#[derive(Debug, Clone)]
pub struct FilesSource {
    /// Its path on its host.
    path: PathBuf,
    /// What is left out.
    pub exclude: Exclude,
    /// `None`: on this host.
    pub ssh: Option<Ssh>,
    timeout: Duration,
    /// For the programs.
    search_path: String,
}

impl FilesSource {
    /// As configured; it is not contacted.
    ///
    /// # Errors
    /// ssh is not found.
    pub fn configured(settings: &FilesSettings, environment: Environment<'_>) -> Result<Self> {
        let search_path = environment("PATH").unwrap_or_default();
        let ssh =
            Ssh::new(settings, || find("ssh", None, &search_path, "install the SSH client (Debian: openssh-client)"))?;
        let exclude = Exclude::new(&settings.exclude)?;
        Ok(Self { path: settings.path.clone(), exclude, ssh, timeout: settings.timeout.duration(), search_path })
    }

    /// The directory, with `/` at its end, as rsync takes it.
    pub fn for_rsync(&self) -> String {
        let address = self.ssh.as_ref().map(Ssh::address).unwrap_or_default();
        format!("{address}{}/", self.path.display().to_string().trim_end_matches('/'))
    }

    /// Whether it can be reached and listed, and the programs are there.
    ///
    /// # Errors
    /// What is missing.
    pub async fn probe(&self) -> Result<()> {
        let Some(ssh) = &self.ssh else {
            let listed = fs::read_dir(&self.path).map(drop);
            return listed.doing(|| format!("list {}", self.path.display()));
        };
        let line = format!("cd {} && exec sh -c {}", shell_word(&self.path.display().to_string()), shell_word(PROBE));
        let (code, said, _) = self.run(ssh.command(&line), None, |_| Ok(())).await?;
        match code {
            Some(0) => Ok(()),
            code => Err(self.failure("ssh", &said, code)),
        }
    }

    /// Lists every entry that is not left out.
    ///
    /// # Errors
    /// It cannot be reached or listed.
    pub async fn list(&self, target: &Path) -> Result<RecordFile> {
        let (exclude, target) = (self.exclude.clone(), target.to_owned());
        let Some(ssh) = &self.ssh else {
            let (root, cancel) = (self.path.clone(), CancelOnDrop::default());
            let flag = cancel.flag();
            let list = move || copy_records(&root, &exclude, false, &target, &flag);
            return tokio::task::spawn_blocking(list).await.map_err(Error::of_thread)?;
        };
        let read = move |output: &mut PipedOutput| {
            sorting::sort(output, &target, |record| {
                let is_directory = matches!(record.kind.letter(), b'd' | b'X');
                !record.path.is_empty() && !exclude.has(&record.path, is_directory)
            })
        };
        let line = format!("cd {} && exec env LC_ALL=C {FIND}", shell_word(&self.path.display().to_string()));
        let (code, said, listed) = self.run(ssh.command(&line), None, read).await?;
        match code {
            Some(0) => listed,
            code => Err(self.failure("find", &said, code)),
        }
    }

    /// Reads the content of regular files: `list` has their paths with `./` in front, in order. `target` gets what `sha256sum -z` prints;
    /// a file that cannot be read is not in it.
    ///
    /// # Errors
    /// The source cannot be reached.
    pub async fn hash(&self, list: &Path, target: &Path) -> Result<ContentFile> {
        let (list, path) = (list.to_owned(), target.to_owned());
        let contents = ContentFile(target.to_owned());
        let Some(ssh) = &self.ssh else {
            let (root, cancel) = (self.path.clone(), CancelOnDrop::default());
            let flag = cancel.flag();
            let hash = move || hash_here(&root, &list, &path, &flag);
            return tokio::task::spawn_blocking(hash).await.map_err(Error::of_thread)?.map(|()| contents);
        };
        let read = move |output: &mut PipedOutput| {
            let mut file = File::create(&path)?;
            io::copy(output, &mut file).map(drop).doing(|| format!("write {}", path.display()))
        };
        let input = File::open(&list).doing(|| format!("read {}", list.display()))?;
        let line = format!("cd {} && exec {HASH}", shell_word(&self.path.display().to_string()));
        let (code, said, read) = self.run(ssh.command(&line), Some(input), read).await?;
        match code {
            Some(0 | SOME_UNREAD) => read.map(|()| contents),
            code => Err(self.failure("sha256sum", &said, code)),
        }
    }

    /// Runs a program to its end: its exit code, the first lines of its standard error, and what `read` made of its output.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        mut command: Command,
        input: Option<File>,
        read: impl FnOnce(&mut PipedOutput) -> Result<T> + Send + 'static,
    ) -> Result<(Option<i32>, Vec<String>, Result<T>)> {
        command.env_clear().env("PATH", &self.search_path).env("LC_ALL", "C");
        let order = PipedOrder { command, input, stalled_after: self.timeout, grace: GRACE };
        let mut said: Vec<String> = Vec::new();
        let mut hear = |line: &str| {
            if said.len() < LINES && !line.trim().is_empty() {
                said.push(line.trim().to_owned());
            }
        };
        let (end, output) = run_piped(order, read, &mut hear).await?;
        Ok((end.status.code(), said, output))
    }

    /// An error with what the user may try.
    pub(super) fn failure(&self, program: &str, said: &[String], code: Option<i32>) -> Error {
        let error = error_of(program, said, code);
        let (all, host) = (said.join("\n"), self.ssh.as_ref().map(Ssh::address).unwrap_or_default());
        let host = host.trim_end_matches(':');
        if let Some(missing) = said.iter().find_map(|line| line.strip_prefix("missing: ")) {
            let error = Error::new(format!("{host} has no {missing}"));
            return error
                .hint("install rsync, findutils and coreutils there: the programs of BusyBox and BSD are not enough");
        }
        if all.contains("No space left on device") {
            return error.hint("free space on the disk of the snapshots, or move older ones away");
        }
        match self.ssh.as_ref().and_then(|ssh| ssh.hint(&all)) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn hash_here(root: &Path, list: &Path, target: &Path, is_cancelled: &AtomicBool) -> Result<()> {
    let mut names = NulReader::new(File::open(list).doing(|| format!("read {}", list.display()))?);
    let lines = std::iter::from_fn(|| names.text().transpose()).filter_map(|name| {
        let line = name.and_then(|name| {
            let hash = hash_of(&root.join(std::ffi::OsStr::from_bytes(&name)), is_cancelled)?;
            Ok(hash.map(|hash| [hex::encode(hash).as_bytes(), b"  ", &name].concat().into()))
        });
        line.transpose()
    });
    write_list(target, lines)
}

/// The content of files, as `sha256sum -z` prints it, in the order of their paths.
#[derive(Debug, Clone)]
pub struct ContentFile(PathBuf);

/// Reads a [`ContentFile`].
pub struct ContentReader(NulReader<File>);

impl ContentFile {
    /// Reads it from its start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn read(&self) -> Result<ContentReader> {
        Ok(ContentReader(NulReader::new(File::open(&self.0).doing(|| format!("read {}", self.0.display()))?)))
    }
}

impl ContentReader {
    /// The next path and its hash.
    ///
    /// # Errors
    /// It has another form.
    pub fn next_content(&mut self) -> Result<Option<(Vec<u8>, FileHash)>> {
        let Some(line) = self.0.text()? else { return Ok(None) };
        let mut hash = [0; 32];
        let parts = line.split_at_checked(64).and_then(|(hex, rest)| Some((hex, rest.get(2..)?.strip_prefix(b"./")?)));
        let path = parts.filter(|(hex, _)| hex::decode_to_slice(hex, &mut hash).is_ok()).map(|(_, path)| path.to_vec());
        match path {
            Some(path) => Ok(Some((path, hash))),
            None => Err(Error::new("sha256sum printed something else than a SHA-256 and a name")),
        }
    }
}

/// A program by its path, or the first of its name in `search_path`.
pub(super) fn find(name: &str, given: Option<&Path>, search_path: &str, hint: &str) -> Result<PathBuf> {
    let is_program = |file: &PathBuf| fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0);
    let candidates = match given {
        Some(given) => vec![given.to_owned()],
        None => std::env::split_paths(search_path).map(|dir| dir.join(name)).collect(),
    };
    let shown = given.map_or(name.to_owned(), |given| given.display().to_string());
    candidates.into_iter().find(is_program).ok_or_else(|| Error::new(format!("there is no program {shown}")).hint(hint))
}
