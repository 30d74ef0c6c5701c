//! What `[[files]]` must hold beyond its types.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use super::exclude::Exclude;
use super::problems::{Problems, fits};
use super::{Config, FilesSettings};

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$";
const HOST: &str = "^[A-Za-z0-9:][A-Za-z0-9.:_-]*$";
const USER: &str = "^[A-Za-z_][A-Za-z0-9._-]*$";
/// A path that stands in the options of ssh, which have quotes, blanks and `%` of their own.
const PLAIN_PATH: &str = "^/[A-Za-z0-9/._@+=,-]*$";

pub fn check_files(problems: &mut Problems, config: &Config) {
    let mut names = BTreeSet::new();
    for files in &config.files {
        let name = &files.name;
        problems.has_form("files.name", name, NAME, "letters, digits, - and _");
        problems.unless(names.insert(name), || format!("there are two sections [[files]] of the name {name:?}"), "");
        check_one(problems, &format!("files {name}"), files);
        let problem = || format!("files {name}: directory is inside the directory of dumps or of reports");
        let snapshots = files.snapshots();
        let others = [&config.dump.directory, &config.report.directory];
        let is_apart = others.iter().all(|one| !files.directory.starts_with(one) && !one.starts_with(&snapshots));
        problems.unless(is_apart, problem, "a directory of its own, best on the same disk as the dumps");
    }
}

fn check_one(problems: &mut Problems, section: &str, files: &FilesSettings) {
    problems.absolute(&format!("{section}: path"), Some(&files.path));
    problems.absolute(&format!("{section}: directory"), Some(&files.directory));
    problems.absolute(&format!("{section}: rsync"), files.rsync.as_deref());
    let problem = || format!("{section}: path has a .. or a control character in it");
    problems.unless(is_simple(&files.path), problem, "");
    if let Err(error) = Exclude::new(&files.exclude) {
        problems.0.push(error.context(format!("{section}: exclude")));
    }
    if let Some(percent) = files.max_shrink_percent {
        let problem = || format!("{section}: max_shrink_percent: {percent} is not from 0 to 99");
        problems.unless(percent <= 99, problem, "");
    }
    match &files.host {
        Some(host) => check_remote(problems, section, files, host),
        None => check_local(problems, section, files),
    }
}

fn check_remote(problems: &mut Problems, section: &str, files: &FilesSettings, host: &str) {
    problems.has_form(&format!("{section}: host"), host, HOST, "a name or an address");
    let user = files.user.as_deref().unwrap_or_default();
    problems.has_form(&format!("{section}: user"), user, USER, "a section with a host names the user there");
    for (key, file, hint) in [
        ("key_file", &files.key_file, "a private key without a passphrase: ssh-keygen -t ed25519 -N '' -f FILE"),
        (
            "known_hosts",
            &files.known_hosts,
            "ssh-keyscan HOST > FILE, and compare its fingerprint with that of the host",
        ),
    ] {
        let text = file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let problem = || match file {
            None => format!("{section}: a section with a host needs {key}"),
            Some(_) => format!("{section}: {key}: {text:?} is not an absolute path of letters, digits and ._@+=,-"),
        };
        problems.unless(fits(PLAIN_PATH, &text), problem, hint);
    }
}

fn check_local(problems: &mut Problems, section: &str, files: &FilesSettings) {
    let given = [
        ("user", files.user.is_some()),
        ("port", files.port.is_some()),
        ("key_file", files.key_file.is_some()),
        ("known_hosts", files.known_hosts.is_some()),
    ];
    for (key, is_given) in given {
        problems.unless(!is_given, || format!("{section}: {key} needs host"), "");
    }
    let problem = || format!("{section}: directory is inside path: each snapshot would hold all earlier ones");
    problems.unless(!files.directory.starts_with(&files.path), problem, "");
}

fn is_simple(path: &Path) -> bool {
    let has_parent = path.components().any(|part| part == Component::ParentDir);
    !has_parent && path.to_str().is_some_and(|text| !text.contains(char::is_control))
}
