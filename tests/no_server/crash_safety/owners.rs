//! Files of another user, links and pipes in place of ours: refused, and never written through.
//!
//! Needs root, to give a file to another user; without it, the tests say so and try the rest.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgwitness::base::marked::MarkedText;
use pgwitness::base::secret;
use pgwitness::base::tls;
use pgwitness::postgres::conninfo::ConnInfo;
use pgwitness::storage::backups::Backups;
use pgwitness::storage::journal::{LastVerified, Lock, lost_report, open_runs};
use pgwitness::storage::reports::{self, KeyFile};
use pgwitness::storage::user_files;

use crate::crash_safety::records::{RUN, day, dump, holder, id};

/// The user `nobody` on most systems; any user but us and root does.
const STRANGER: u32 = 65534;

/// Gives a file away. `false` where that needs root.
fn give(path: &Path) -> bool {
    let is_given = chown(path, Some(STRANGER), None).is_ok();
    if !is_given {
        println!("NOT TESTED: a file of another user, for only root can give one away: {}", path.display());
    }
    is_given
}

fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn pgwitness(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pgwitness")).args(arguments).output().unwrap()
}

/// Waits for nothing: a password that is read at once.
fn password(path: &Path) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(secret::resolve(Some(path), None, None, &|_| None));
    found.map(|secret| secret.unwrap().reveal().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn a_state_directory_of_another_user_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    drop(Lock::acquire(&state, &holder()).unwrap());
    if !give(&state) {
        return;
    }
    let error = Lock::acquire(&state, &holder()).unwrap_err().to_string();
    assert!(error.contains(&format!("it belongs to user {STRANGER}, not to root")), "{error}");
}

#[test]
fn a_lock_file_is_not_written_through_a_link_of_either_kind() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    drop(Lock::acquire(&state, &holder()).unwrap());
    let target = file(dir.path(), "target", "what another user wants overwritten");
    let lock = state.join("lock");
    for (link, why) in [(0, "it is a symbolic link"), (1, "not a regular file with one name")] {
        fs::remove_file(&lock).unwrap();
        match link {
            0 => symlink(&target, &lock).unwrap(),
            _ => fs::hard_link(&target, &lock).unwrap(),
        }
        let error = Lock::acquire(&state, &holder()).unwrap_err().to_string();
        assert!(error.ends_with(why), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "what another user wants overwritten");
    }
    // To a file that is not there yet, it makes none.
    fs::remove_file(&lock).unwrap();
    symlink(dir.path().join("new"), &lock).unwrap();
    Lock::acquire(&state, &holder()).unwrap_err();
    assert!(!dir.path().join("new").exists());
}

#[test]
fn a_key_a_password_and_a_configuration_of_another_user_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    reports::keygen(&key, "a@example.org").unwrap();
    let secret = file(dir.path(), "password", "hunter2\n");
    let config = file(dir.path(), "pgwitness.toml", "");
    let passfile = file(dir.path(), "pgpass", "*:*:*:*:hunter2\n");
    let warnings = || {
        let text = format!("host=h user=u passfile={}", passfile.display());
        ConnInfo::resolve(&text, &|_| None).unwrap().warnings().join("\n")
    };
    let show =
        || String::from_utf8(pgwitness(&["config", "show", "--config", config.to_str().unwrap()]).stderr).unwrap();
    let key_file = KeyFile { path: key.clone(), passphrase: None };
    assert!(reports::read_key(&key_file).is_ok() && password(&secret).is_ok());
    assert!(!show().contains("belongs to") && warnings().is_empty());
    if ![&key, &secret, &config, &passfile].iter().all(|path| give(path)) {
        return;
    }
    let refused =
        [reports::read_key(&key_file).unwrap_err().to_string(), password(&secret).unwrap_err(), show(), warnings()];
    for error in refused {
        assert!(error.contains(&format!("it belongs to user {STRANGER}")) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_passphrase_of_a_key_is_taken_only_from_a_file_that_is_ours_and_closed_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let (key, passphrase) = (dir.path().join("key"), file(dir.path(), "passphrase", "hunter2\n"));
    reports::keygen(&key, "a@example.org").unwrap();
    let reported = || {
        let reports = dir.path().join("reports");
        let [key, passphrase, reports] = [&key, &passphrase, &reports].map(|path| path.to_str().unwrap());
        let output =
            pgwitness(&["compare", "a=1", "b=1", "--report", reports, "--key", key, "--passphrase-file", passphrase]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!reported().contains("passphrase"), "{}", reported());
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(reported().contains("its mode is 0644, wider than 0600"), "{}", reported());
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    if give(&passphrase) {
        assert!(reported().contains(&format!("it belongs to user {STRANGER}")), "{}", reported());
    }
}

/// A pipe that no process writes to, then a file of 5 GiB without blocks.
fn replace(path: &Path, is_huge: bool) {
    fs::remove_file(path).ok();
    match is_huge {
        true => fs::File::create(path).unwrap().set_len(5 << 30).unwrap(),
        false => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// How one kind of file is read: what went wrong, in words.
type Reads<'a> = Box<dyn Fn() -> Option<String> + 'a>;

#[test]
fn a_pipe_or_a_huge_file_in_place_of_any_file_of_ours_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let state = at("state");
    drop(Lock::acquire(&state, &holder()).unwrap());
    fs::create_dir_all(state.join("runs")).unwrap();
    let backups = Backups::init(&at("backups"), RUN, day(1)).unwrap();
    dump(&backups, 1);
    let backup = backups.dir().join("unverified").join(id(1));
    let words = |error: pgwitness::base::error::Error| Some(error.to_string());
    let kinds: Vec<(PathBuf, Reads<'_>)> = vec![
        (
            state.join("runs/20260615T020000Z-00112233.journal"),
            Box::new(|| {
                open_runs(&state).map_or_else(words, |runs| runs.unreadable.into_iter().next().and_then(words))
            }),
        ),
        (state.join("last_signed.json"), Box::new(|| lost_report(&state, &at("reports")).and_then(words))),
        (state.join("last_verified.json"), Box::new(|| LastVerified::read(&state).err().and_then(words))),
        (backups.dir().join(".pgwitness-backups"), Box::new(|| Backups::open(backups.dir()).err().and_then(words))),
        (
            backup.join("backup.json"),
            Box::new(|| {
                let notes = MarkedText::join(&backups.list().unwrap().notes, "\n").full().to_owned();
                Some(notes).filter(|notes| !notes.is_empty())
            }),
        ),
        (at("password"), Box::new(|| password(&at("password")).err())),
        (
            at("key"),
            Box::new(|| reports::read_key(&KeyFile { path: at("key"), passphrase: None }).err().and_then(words)),
        ),
        (at("signers"), Box::new(|| user_files::allowed_signers(&at("signers")).err().and_then(words))),
        (at("bundle.pem"), Box::new(|| tls::certificates(&at("bundle.pem")).err().and_then(words))),
        (at("manifest.json"), Box::new(|| reports::load_manifest(&at("manifest.json")).err().and_then(words))),
        (
            at("pgpass"),
            Box::new(|| {
                let text = format!("host=h user=u passfile={}", at("pgpass").display());
                ConnInfo::resolve(&text, &|_| None).map_or_else(words, |info| info.warnings().first().cloned())
            }),
        ),
        (
            at("service"),
            Box::new(|| {
                let service = |name: &str| (name == "PGSERVICEFILE").then(|| at("service").display().to_string());
                ConnInfo::resolve("service=x", &service).err().and_then(words)
            }),
        ),
    ];
    for (path, read) in &kinds {
        let kept = fs::read(path).ok();
        for is_huge in [false, true] {
            replace(path, is_huge);
            let start = std::time::Instant::now();
            let said = read().unwrap_or_else(|| panic!("{} is taken", path.display()));
            assert!(start.elapsed() < std::time::Duration::from_secs(5), "{}", path.display());
            let why = if is_huge { "it is larger than" } else { "not a" };
            assert!(said.contains(why), "{}: {said}", path.display());
        }
        fs::remove_file(path).unwrap();
        if let Some(bytes) = kept {
            fs::write(path, bytes).unwrap();
        }
    }
}
