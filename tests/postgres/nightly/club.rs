//! The example for the club as it is printed, with other places and a source on this machine: the whole chain of a night.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgwitness::config::examples;

use super::server;
use crate::support::night::{names, said, text};
use crate::support::notify_scenario::{PASSWORD, Scenario};
use crate::support::packages::restic;
use crate::support::programs::put_program;
use crate::support::smtp::{Smtp, Ways};
use crate::support::sshd::Sshd;
use crate::support::web_server::Web;
use crate::support::{Database, client_tools, pgwitness};

/// In place of the AWS CLI: notes what it is asked, and has the rule while it is open.
const AWS: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
for word; do printf '<%s>' "$word" >> calls; done
echo >> calls
case "$*" in
    *authorize-security-group-ingress*) : > rule ;;
    *describe-security-group-rules*) [ ! -e rule ] || echo sgr-0123 ;;
    *revoke-security-group-ingress*) rm rule ;;
    *) exit 254 ;;
esac
"#;

/// What the club's own script does: the copy by its name, and no other database.
const SANITISE: &str = "#!/bin/sh
exec PSQL -Xq -v ON_ERROR_STOP=1 -d \"$PGWITNESS_COPY\" -c \"UPDATE public.members SET email = 'x@example.org'\"
";

/// The machine of the club, below one directory.
struct Club {
    dir: tempfile::TempDir,
    mail: Smtp,
    ping: Web,
    sshd: Sshd,
    _receivers: Scenario,
    _runtime: tokio::runtime::Runtime,
}

impl Club {
    fn new(database: &str) -> Self {
        let receivers = Scenario::new();
        let mail = Smtp::start(&receivers, &Ways { starttls: true, ..Ways::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ping = runtime.block_on(Web::start(&[]));
        let (dir, sshd) = (tempfile::tempdir().unwrap(), Sshd::start(None));
        let club = Self { dir, mail, ping, sshd, _receivers: receivers, _runtime: runtime };
        for dir in ["etc/checks", "lib", "metrics", "bin", "media"] {
            fs::create_dir_all(club.path(dir)).unwrap();
        }
        // The SSH server's user must reach the media.
        fs::set_permissions(club.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        club.write("media/photo", "of a member", 0o644);
        for (key, file) in [("client", "etc/media-key"), ("known", "etc/known_hosts")] {
            club.write(file, &fs::read_to_string(club.sshd.path(key)).unwrap(), 0o600);
        }
        club.write("etc/smtp-password", PASSWORD, 0o600);
        club.write("etc/ping-url", &club.ping.url("/ping"), 0o600);
        club.write("etc/offsite-password", "words of the repository\n", 0o600);
        club.write("etc/offsite-environment", "AWS_ACCESS_KEY_ID=example\nAWS_SECRET_ACCESS_KEY=example\n", 0o600);
        club.write("etc/checks/members.sql", "SELECT id FROM public.members WHERE email IS NULL\n", 0o644);
        let sanitise = SANITISE.replace("PSQL", client_tools().program("psql").to_str().unwrap());
        put_program(&club.path("lib/sanitise-copy"), &sanitise);
        put_program(&club.path("bin/aws"), AWS);
        put_program(&club.path("bin/curl"), "#!/bin/sh\necho 203.0.113.5\n");
        let config = club.config(database);
        club.write("pgwitness.toml", &config, 0o640);
        let keygen = pgwitness().args(["keygen"]).arg(club.path("etc/key")).output().unwrap();
        assert!(keygen.status.success(), "{}", said(&keygen));
        let line = fs::read_to_string(club.path("etc/key.pub")).unwrap();
        club.write("etc/allowed_signers", &format!("pgwitness namespaces=\"pgwitness-report\" {line}"), 0o644);
        let init = club.restic(&["init"]);
        assert!(init.contains("created restic repository"), "{init}");
        club
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What an administrator would change in the example, and no more: the source, addresses and places.
    fn config(&self, database: &str) -> String {
        let (head, rest) = examples::CLUB.split_once("\n[source]\n").unwrap();
        let (_, rest) = rest.split_once("\n[access]\n").unwrap();
        let url = text("url", server().conninfo(database));
        let mut config = format!("{head}\n[source]\nkind = \"postgres\"\n{url}\n\n[access]\n{rest}");
        let mut change = |from: &str, to: &str| {
            assert!(config.contains(from), "the example has no {from}");
            config = config.replace(from, to);
        };
        for (from, to) in [
            ("/backup/", "backup"),
            ("/etc/pgwitness/", "etc"),
            ("/usr/local/lib/cobalt/", "lib"),
            ("/var/lib/prometheus/node-exporter/", "metrics"),
        ] {
            change(from, &format!("{}/", self.path(to).display()));
        }
        change(
            "\nurl = \"postgresql:///postgres?host=/run/postgresql&user=pgwitness\"",
            &format!("\n{}", text("url", server().conninfo("postgres"))),
        );
        change(
            "format = \"directory\"",
            &format!("format = \"directory\"\n{}", text("pg_bindir", &client_tools().bindir)),
        );
        change(
            "\"s3:https://s3.us-east-005.backblazeb2.com/example-offsite-backups/pgwitness\"",
            &format!("{:?}", self.path("repository").to_str().unwrap()),
        );
        change("read_back = \"all\"", &format!("read_back = \"all\"\n{}", text("program", restic())));
        let bundle = text("ca_bundle", self._receivers.authority.bundle());
        change(
            "host = \"email-smtp.ap-southeast-2.amazonaws.com\"",
            &format!("host = \"localhost\"\nport = {}\n{bundle}", self.mail.port),
        );
        change("AKIAEXAMPLEEXAMPLE00", "backup");
        let (sshd, media) = (&self.sshd, text("path", self.path("media")));
        change("host = \"media.example.org\"", &format!("host = \"127.0.0.1\"\nport = {}", sshd.port));
        change("user = \"ec2-user\"", &format!("user = {:?}", sshd.user));
        change("path = \"/cobalt-media\"", &media);
        config + &format!("\n[state]\n{}\n", text("directory", self.path("state")))
    }

    fn demand(&self, arguments: &[&str], code: i32) -> String {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = pgwitness();
        let output = command
            .args(arguments)
            .arg("--config")
            .arg(self.path("pgwitness.toml"))
            .env("PATH", path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn restic(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(restic());
        command.args(arguments).arg("--no-cache").env("RESTIC_REPOSITORY", self.path("repository"));
        said(&command.env("RESTIC_PASSWORD_FILE", self.path("etc/offsite-password")).output().unwrap())
    }

    fn names(&self, dir: &str) -> Vec<String> {
        names(&self.path(dir))
    }
}

fn source(name: &str) -> Database {
    let database = Database::create(server(), name);
    database.run(
        "DO $$ BEGIN CREATE ROLE cobalt; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         CREATE TABLE members (id int PRIMARY KEY, email text NOT NULL);
         CREATE TABLE payments_stripe (id int PRIMARY KEY, member int REFERENCES members, cents bigint);
         INSERT INTO members SELECT i, 'member' || i || '@example.net' FROM generate_series(1, 300) i;
         INSERT INTO payments_stripe SELECT i, 1 + i % 300, i * 7 FROM generate_series(1, 2000) i;",
    );
    database
}

/// The commands of [access]: the rule was there during the run, and is not there any more.
fn access_was_opened_and_closed(bin: &Path) {
    let calls = fs::read_to_string(bin.join("calls")).unwrap();
    let rule = "<IpProtocol=tcp,FromPort=5432,ToPort=5432,IpRanges=[{CidrIp=203.0.113.5/32,Description=pgwitness}]>";
    let calls: Vec<&str> = calls.lines().collect();
    assert!(calls[0].contains("<authorize-security-group-ingress>") && calls[0].contains(rule), "{calls:?}");
    assert!(calls.last().unwrap().ends_with("<--security-group-rule-ids><sgr-0123>"), "{calls:?}");
    assert!(!bin.join("rule").exists());
}

#[test]
fn the_chain_of_the_club_runs_as_the_example_says() {
    let database = source("cobalt_club");
    let club = Club::new("cobalt_club");
    club.demand(&["init"], 0);
    let said = club.demand(&["nightly"], 0);
    assert!(said.contains("sound ("), "{said}");
    access_was_opened_and_closed(&club.path("bin"));
    // The test system has the copy, without personal data; production is as it was.
    let copy = Database::connect(&server().conninfo("prod_load"));
    assert_eq!(copy.value("SELECT string_agg(DISTINCT email, ',') FROM public.members"), "x@example.org");
    assert_eq!(copy.value("SELECT count(*) FROM public.payments_stripe"), "2000");
    assert_eq!(database.value("SELECT count(DISTINCT email) FROM public.members"), "300");
    drop(copy);
    assert_eq!(club.names("backup/pgwitness/dumps/verified").len(), 1);
    assert!(said.contains("foreign keys, assertions, files)"), "{said}");
    let media = club.names("backup/pgwitness/files/media").pop().unwrap();
    let photo = club.path("backup/pgwitness/files/media").join(media).join("files/photo");
    assert_eq!(fs::read_to_string(photo).unwrap(), "of a member");
    let snapshots = club.restic(&["snapshots", "--json"]);
    assert_eq!(snapshots.matches("\"short_id\"").count(), 3, "dump, files and report are off site: {snapshots}");
    let mails = club.mail.log(|log| (log.messages.len(), log.receivers.clone()));
    assert_eq!(mails, (1, vec!["sysadmin@example.org".to_owned(), "treasurer@example.org".to_owned()]));
    assert_eq!(club.ping.targets().len(), 2, "start and success: {:?}", club.ping.targets());
    assert!(fs::read_to_string(club.path("metrics/pgwitness.prom")).unwrap().contains("database=\"cobalt\""));
    let listed = club.demand(&["report", "list"], 0);
    assert!(listed.contains("newest off-site backup") && listed.contains("1 run, in order"), "{listed}");
    // The next night gives the test system a new copy under the same name.
    database.run("INSERT INTO members VALUES (301, 'new@example.net')");
    club.demand(&["nightly"], 0);
    let copy = Database::connect(&server().conninfo("prod_load"));
    assert_eq!(copy.value("SELECT count(*) FROM public.members WHERE email = 'x@example.org'"), "301");
}
