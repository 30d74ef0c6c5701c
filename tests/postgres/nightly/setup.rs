//! The set-up in the README, run line by line as it is written, under a prefix and with `nobody` for the user of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use pgwitness::config::examples;

use crate::support::{self, Database};

const MARK: &str = "<!-- tests/postgres/nightly/setup.rs runs these lines -->\n```sh\n";
/// What a test cannot do: build, make users, talk to systemd.
const LEFT_OUT: [&str; 3] = ["cargo install", "useradd", "systemctl"];

/// The lines under a prefix. Where the tests do not run as root, everything belongs to one user.
fn script(prefix: &str, is_root: bool) -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let block = readme.split_once(MARK).unwrap().1.split_once("```").unwrap().0;
    let (left_out, kept): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| LEFT_OUT.iter().any(|start| line.starts_with(start)));
    assert_eq!((left_out.len(), kept.len() > 8), (LEFT_OUT.len(), true), "{block}");
    let owner = if is_root { "-o nobody -g \"$(id -gn nobody)\"" } else { "" };
    let user = if is_root { "runuser -u nobody --" } else { "" };
    let mut text = kept.join("\n").replace("-o pgwitness -g pgwitness", owner).replace("runuser -u pgwitness --", user);
    for dir in ["/etc/", "/srv/", "/var/lib/"] {
        text = text.replace(dir, &format!("{prefix}{dir}"));
    }
    // This is where the administrator edits the configuration.
    let line = text.lines().find(|line| line.contains("config example toml")).unwrap().to_owned();
    text.replace(&line, &format!("{line}\ncat {prefix}/edited.toml > {prefix}/etc/pgwitness/pgwitness.toml"))
}

/// The example with another source and server, which is all that an administrator has to change.
fn edited(prefix: &str, cluster: &pgwitness::postgres::server::Cluster) -> String {
    let socket = cluster.socket_dir().display();
    let url = |database: &str| format!("url = \"postgresql:///{database}?host={socket}&user=postgres\"");
    let (before, rest) = examples::TOML.split_once("\n[source]\n").unwrap();
    let (_, rest) = rest.split_once("\n[dump]\n").unwrap();
    let example = r#"url = "postgresql:///postgres?host=/run/postgresql&user=pgwitness""#;
    assert!(rest.contains(example), "the example has another [restore]");
    let rest = rest.replace(example, &url("postgres"));
    let rest = rest.replace("\"/srv/", &format!("\"{prefix}/srv/")).replace("\"/etc/", &format!("\"{prefix}/etc/"));
    let rest = rest.replace("#directory = \"/var/lib/", &format!("directory = \"{prefix}/var/lib/"));
    format!("{before}\n[source]\nkind = \"postgres\"\n{}\n\n[dump]\n{rest}", url("club"))
}

#[test]
fn the_lines_of_the_readme_lead_from_a_bare_host_to_the_first_sound_night() {
    let cluster = support::cluster();
    let source = Database::create(&cluster, "club");
    source.run(
        "CREATE TABLE members (id integer PRIMARY KEY, name text); INSERT INTO members VALUES (1, 'Ann'), (2, 'Bo')",
    );
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let prefix = dir.path().to_str().unwrap();
    for place in ["etc/systemd/system", "srv", "var/lib", "bin"] {
        fs::create_dir_all(dir.path().join(place)).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_pgwitness"), dir.path().join("bin/pgwitness")).unwrap();
    fs::write(dir.path().join("edited.toml"), edited(prefix, &cluster)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let path = format!("{prefix}/bin:{}:{}", support::client_tools().bindir.display(), "/usr/sbin:/usr/bin:/sbin:/bin");
    let mut shell = Command::new("sh");
    shell.args(["-eux", "-c", &script(prefix, is_root)]).current_dir("/").env_clear().env("PATH", path);
    let output = shell.env("PGWITNESS_CONFIG", format!("{prefix}/etc/pgwitness/pgwitness.toml")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{text}");
    let verified = fs::read_dir(dir.path().join("srv/pgwitness/dumps/verified")).unwrap().count();
    assert_eq!(verified, 1, "{text}");
    for (unit, text) in [("pgwitness.service", examples::SERVICE), ("pgwitness.timer", examples::TIMER)] {
        assert_eq!(
            fs::read_to_string(dir.path().join("etc/systemd/system").join(unit)).unwrap().trim_end(),
            text.trim_end()
        );
    }
}
