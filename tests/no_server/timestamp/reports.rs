//! The time stamp beside a report: what `report verify` says of it.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use pgwitness::base::time::Timestamp;
use pgwitness::model::run::{Closing, TimestampFacts};
use pgwitness::storage::reports::{KeyFile, sha256, sign_json};
use pgwitness::storage::timestamp::TIMESTAMP;

use crate::small_report::{make_key, manifest, write_night};
use crate::support::pgwitness;
use crate::support::timestamping::{AuthorityKind, TimestampServer};

/// A report of a night that ended then, with its closing.json.
struct Night {
    dir: tempfile::TempDir,
    key: KeyFile,
    report: PathBuf,
}

impl Night {
    fn ended(at: Timestamp) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (key, generated) = make_key(dir.path());
        fs::write(dir.path().join("allowed_signers"), &generated.allowed_signers_line).unwrap();
        let rows = manifest(&["1\tpaid"], 8);
        fs::create_dir(dir.path().join("reports")).unwrap();
        let facts = Some(Default::default());
        let report = write_night(&dir.path().join("reports"), Some(&key), at, facts, &rows, &rows);
        let report = if report.is_dir() { report.join("report.json") } else { report };
        Self { dir, key, report }
    }

    fn now() -> Self {
        Self::ended(Timestamp::new(std::time::SystemTime::now()).minus_seconds(60))
    }

    fn stamped_by(server: &TimestampServer) -> Self {
        let night = Self::now();
        let bytes = fs::read(&night.report).unwrap();
        fs::write(night.token(), server.stamp(&bytes)).unwrap();
        night
    }

    fn token(&self) -> PathBuf {
        self.report.with_file_name(TIMESTAMP)
    }

    /// As a run records it.
    fn name_in_closing(&self) {
        let bytes = fs::read(self.report.with_file_name("closing.json")).unwrap();
        let closing = Closing::from_bytes(&bytes).unwrap();
        let timestamp = Some(TimestampFacts {
            sha256: sha256(&fs::read(self.token()).unwrap()),
            at: Timestamp::default(),
            authority: "CN=tsa".into(),
            is_checked: true,
        });
        let closing = Closing { format: 4, timestamp, ..closing };
        sign_json(self.report.parent().unwrap(), "closing.json", &closing.stored(), &self.key).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = pgwitness();
        command.args(["report", "verify", "--allowed-signers"]).arg(self.dir.path().join("allowed_signers"));
        command.arg("--directory").arg(self.dir.path().join("reports")).args(arguments);
        command.output().unwrap()
    }

    /// The exit code and the text.
    fn verify(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments);
        let said = [&output.stdout[..], &output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

fn demand((code, said): (i32, String), expected_code: i32, line: &str) {
    assert!(code == expected_code && said.contains(line), "exit code {code}, {line:?} is not in:\n{said}");
}

#[test]
fn a_time_stamp_is_proven_with_the_certificates_of_its_authority() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let night = Night::stamped_by(&server);
    let root = server.root().display().to_string();
    for arguments in [&["--timestamp-ca", &root][..], &["latest", "--timestamp-ca", &root, "--require-timestamp"]] {
        demand(night.verify(arguments), 0, "time stamp of 20");
        demand(night.verify(arguments), 0, " (± 2 s) by CN=tsa,O=Test");
    }
}

#[test]
fn a_configuration_that_is_named_and_cannot_be_read_does_not_leave_a_time_stamp_unchecked() {
    let night = Night::stamped_by(&TimestampServer::new(AuthorityKind::EC));
    let broken = night.dir.path().join("broken.toml");
    fs::write(&broken, "[report]\ntimestamp_ca_file = 7\n").unwrap();
    for config in [broken, night.dir.path().join("absent.toml")] {
        let mut command = pgwitness();
        command.args(["report", "verify", "--allowed-signers"]).arg(night.dir.path().join("allowed_signers"));
        let output = command.arg(&night.report).arg("--config").arg(&config).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        demand((output.status.code().unwrap(), said), 2, &format!("read {}", config.display()));
    }
}

#[test]
fn without_certificates_a_time_stamp_is_never_said_to_be_proven() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let night = Night::stamped_by(&server);
    demand(night.verify(&[]), 0, "time stamp not checked: --timestamp-ca FILE names the certificates");
    let (code, said) = night.verify(&["--require-timestamp"]);
    assert_eq!(code, 2);
    assert!(said.contains("--require-timestamp needs the certificates of the time stamping authority"), "{said}");
}

#[test]
fn a_wrong_time_stamp_has_the_exit_code_of_a_bad_signature() {
    let (server, other) = (TimestampServer::new(AuthorityKind::EC), TimestampServer::new(AuthorityKind::RSA));
    let night = Night::stamped_by(&server);
    let [root, foreign] = [&server, &other].map(|server| server.root().display().to_string());
    demand(
        night.verify(&["--timestamp-ca", &foreign]),
        2,
        "report.json.tsr: no chain from its certificate to the given",
    );
    // Both are trusted.
    demand(night.verify(&["--timestamp-ca", &foreign, "--timestamp-ca", &root]), 0, "time stamp of 20");
    fs::write(night.token(), server.stamp(b"another report")).unwrap();
    for arguments in [&[][..], &["--timestamp-ca", &root], &["latest", "--timestamp-ca", &root]] {
        demand(night.verify(arguments), 2, "report.json.tsr: it is over other bytes");
    }
    fs::write(night.token(), "no token").unwrap();
    demand(night.verify(&[]), 2, "report.json.tsr: not the answer of a time stamping authority");
}

#[test]
fn a_token_that_closing_json_names_can_be_neither_removed_nor_replaced() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let night = Night::stamped_by(&server);
    night.name_in_closing();
    let root = server.root().display().to_string();
    demand(night.verify(&["--timestamp-ca", &root]), 0, "time stamp of 20");
    let answer = fs::read(night.token()).unwrap();
    for position in (0..answer.len()).step_by(97) {
        let mut changed = answer.clone();
        changed[position] ^= 1;
        fs::write(night.token(), changed).unwrap();
        demand(night.verify(&[]), 2, "report.json.tsr is not the file that closing.json names");
    }
    fs::remove_file(night.token()).unwrap();
    for arguments in [&[][..], &["latest"]] {
        demand(night.verify(arguments), 2, "report.json.tsr is missing, and closing.json names it");
    }
}

#[test]
fn a_missing_time_stamp_is_not_proven_where_one_is_required() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let night = Night::now();
    let root = server.root().display().to_string();
    demand(night.verify(&["--timestamp-ca", &root]), 0, "good signature");
    let required = ["--timestamp-ca", &root, "--require-timestamp"];
    demand(night.verify(&required), 2, "no time stamp: there is no report.json.tsr");
}

#[test]
fn a_report_whose_time_is_not_the_one_of_its_time_stamp_is_not_proven() {
    let server = TimestampServer::new(AuthorityKind::EC);
    let root = server.root().display().to_string();
    let now = Timestamp::new(std::time::SystemTime::now());
    // Dated back by two days, and ahead by an hour.
    for ended in [now.minus_seconds(2 * 86_400), now.plus_seconds(3600)] {
        let night = Night::ended(ended);
        fs::write(night.token(), server.stamp(&fs::read(&night.report).unwrap())).unwrap();
        let (code, said) = night.verify(&["latest", "--timestamp-ca", &root]);
        assert_eq!(code, 2, "{said}");
        let line =
            said.lines().find(|line| line.contains("the time stamp is of 20")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("and by the clock of its host the run ended at 20"), "{line}");
    }
}
