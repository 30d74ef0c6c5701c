//! Programs that a bare machine lacks. They are installed where that surprises no user (root on a machine with apt-get), by one
//! test at a time; elsewhere the message names the package.

use std::fs::File;
use std::process::{Command, Stdio};

/// The first of these programs in PATH.
pub fn which(names: &[&str]) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut found = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)));
    found.find(|file| file.is_file()).map(|file| file.display().to_string())
}

/// One installation at a time, over all test binaries on this machine: apt-get refuses a second one. Held until it is dropped.
pub fn turn() -> File {
    let path = std::env::temp_dir().join("pgwitness-packages.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock().unwrap();
    file
}

/// What `find` finds, after installing Debian packages if it finds nothing. `what` names the programs for people.
pub fn require<T>(what: &str, packages: &[&str], find: impl Fn() -> Option<T>) -> T {
    if let Some(found) = find() {
        return found;
    }
    let _turn = turn();
    // Another test may have installed them while this one waited.
    if let Some(found) = find() {
        return found;
    }
    let hint = format!(
        "this test needs {what}; install it with: apt-get update && apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    assert!(is_root && which(&["apt-get"]).is_some(), "{hint}");
    install(packages, &hint);
    find().unwrap_or_else(|| panic!("{hint}"))
}

fn install(packages: &[&str], hint: &str) {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{hint}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    apt(&["update"]);
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat());
}

/// `ssh-keygen`, by which our signatures are tested.
pub fn ssh_keygen() -> Command {
    Command::new(require("ssh-keygen", &["openssh-client"], || which(&["ssh-keygen"])))
}

/// `shellcheck`, by which printed scripts are tested.
pub fn shellcheck() -> String {
    require("shellcheck", &["shellcheck"], || which(&["shellcheck"]))
}

/// `restic`, by which off-site repositories are read and written.
pub fn restic() -> String {
    require("restic", &["restic"], || which(&["restic"]))
}

/// `mandoc`, by which manual pages are tested.
pub fn mandoc() -> String {
    require("mandoc", &["mandoc"], || which(&["mandoc"]))
}
