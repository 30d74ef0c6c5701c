//! The packages, as far as they can be checked without building them: `tests/package_in_debootstrap.sh` installs one.

#![allow(clippy::unwrap_used, reason = "in a test, that is how to fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgwitness::config::examples;
use regex::Regex;

use crate::support::packages;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pgwitness");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Source and destination of every file of a package.
fn assets(metadata: &toml::Value) -> Vec<(String, String)> {
    let one = |asset: &toml::Value| match asset {
        toml::Value::Array(parts) => (text(&parts[0]), format!("/{}", text(&parts[1]))),
        table => (text(&table["source"]), text(&table["dest"])),
    };
    metadata["assets"].as_array().unwrap().iter().map(one).collect()
}

fn text(value: &toml::Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What `packaging/build --stage` has made from the program.
fn staged() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut build = Command::new(root().join("packaging/build"));
    let output = build.arg("--stage").arg(dir.path().join("package")).arg(PROGRAM).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir
}

#[test]
fn every_file_of_a_package_is_made_and_everything_that_is_made_is_in_a_package() {
    let manifest: toml::Value = toml::from_str(&read("Cargo.toml")).unwrap();
    let metadata = &manifest["package"]["metadata"];
    let dir = staged();
    let stage = dir.path().join("package");
    // Made by a tool that a test does not install.
    fs::write(stage.join("sbom.cdx.json"), "{}").unwrap();
    let mut destinations = Vec::new();
    for kind in ["deb", "generate-rpm"] {
        let mut packed = BTreeSet::new();
        for (source, _) in assets(&metadata[kind]).iter().filter(|(source, _)| source != "target/release/pgwitness") {
            let (base, name) = match source.strip_prefix("target/package/") {
                Some(name) => (stage.clone(), name),
                None => (root().to_owned(), source.as_str()),
            };
            let found: Vec<PathBuf> = match name.strip_suffix("/*") {
                Some(directory) => {
                    fs::read_dir(base.join(directory)).unwrap().map(|entry| entry.unwrap().path()).collect()
                }
                None => vec![base.join(name)],
            };
            assert!(!found.is_empty() && found.iter().all(|path| path.is_file()), "{kind}: {source}: {found:?}");
            packed.extend(found);
        }
        let mut made = vec![stage.clone()];
        while let Some(path) = made.pop() {
            if path.is_dir() {
                made.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if !path.ends_with("changelog.Debian") {
                assert!(packed.contains(&path), "{kind} lacks {}", path.display());
            }
        }
        let same = |path: &str| path.replace("vendor-completions", "site-functions").replace("/licenses/", "/doc/");
        destinations.push(assets(&metadata[kind]).iter().map(|(_, to)| same(to)).collect::<BTreeSet<_>>());
    }
    assert_eq!(destinations[0], destinations[1], "both packages have the same files");
    let scripts = ["pre_install", "post_install", "pre_uninstall", "post_uninstall"];
    for script in scripts.map(|name| text(&metadata["generate-rpm"][format!("{name}_script").as_str()])) {
        assert!(root().join(&script).is_file(), "{script}");
    }
}

#[test]
fn the_units_of_a_package_are_those_of_the_example_for_a_program_in_usr_bin() {
    let dir = staged();
    for (name, example) in [("service", examples::SERVICE), ("timer", examples::TIMER)] {
        let unit = fs::read_to_string(dir.path().join("package/systemd").join(format!("pgwitness.{name}"))).unwrap();
        let (_, example) = example.split_once("\n\n").unwrap();
        assert_eq!(unit, example.replace("/usr/local/bin/", "/usr/bin/"));
        assert!(unit.starts_with("[Unit]\n") && !unit.contains("/etc/systemd"), "{unit}");
    }
}

/// The README, the set-up script and the packages agree on the user, the directories and their modes.
#[test]
fn a_package_makes_the_directories_of_the_set_up_script() {
    let directory = Regex::new(r"(?m)^directory (\S+) (\d+)$").unwrap();
    let setup = examples::setup();
    let expected: Vec<_> =
        directory.captures_iter(&setup).map(|found| (found[1].to_owned(), found[2].to_owned())).collect();
    assert_eq!(expected.len(), 3, "{expected:?}");
    let [tmpfiles, postinst, post] =
        ["packaging/tmpfiles.conf", "packaging/debian/postinst", "packaging/rpm/post.sh"].map(read);
    for (path, mode) in &expected {
        assert!(tmpfiles.contains(&format!("\nd {path} :{mode} :pgwitness :pgwitness -\n")), "{path}");
        for script in [&postinst, &post] {
            let made =
                [format!("directory {path} {mode}"), format!("-m {mode} {path}"), format!("chmod {mode} {path}")];
            assert!(made.iter().any(|line| script.contains(line)), "{path}: {script}");
        }
    }
    let user = "--home-dir /var/lib/pgwitness --shell /usr/sbin/nologin pgwitness";
    assert!(setup.contains(user) && postinst.contains(user));
    assert!(read("packaging/sysusers.conf").contains(" /var/lib/pgwitness /usr/sbin/nologin\n"));
}

#[test]
fn no_script_of_a_package_enables_the_timer_or_removes_data() {
    let scripts = [
        "debian/postinst",
        "debian/prerm",
        "debian/postrm",
        "rpm/pre.sh",
        "rpm/post.sh",
        "rpm/preun.sh",
        "rpm/postun.sh",
    ];
    let shellcheck = packages::shellcheck();
    for path in scripts.map(|name| format!("packaging/{name}")).into_iter().chain(["packaging/build".to_owned()]) {
        let output = Command::new(&shellcheck).args(["--shell=sh", &path]).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let forbidden =
        Regex::new(r"(?m)\b(rm -|userdel|deluser|find .* -delete|systemctl (--\S+ )*(enable|start)|helper enable)\b")
            .unwrap();
    for name in scripts {
        let text = read(&format!("packaging/{name}"));
        assert!(!forbidden.is_match(&text), "{name}: {text}");
    }
    let output =
        Command::new(&shellcheck).args(["tests/package_in_debootstrap.sh"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
