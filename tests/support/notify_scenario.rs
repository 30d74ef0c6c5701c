//! What the tests stand on: secrets in files, certificates, and runs to tell of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use pgwitness::base::error::Error;
use pgwitness::base::marked::MarkedText;
use pgwitness::base::time::Timestamp;
use pgwitness::config::{Email, Notify, Ping, SmtpTls, Webhook, When};
use pgwitness::model::aspect::Aspect;
use pgwitness::model::finding::{ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, Unchecked};
use pgwitness::model::report::Report;
use pgwitness::model::run::{RunFacts, Step, StepResult};
use pgwitness::model::run_record::RunRecord;
use pgwitness::model::verdict::Outcome;
use pgwitness::output::notify::Limits;

use crate::support::authority::Authority;
use crate::support::samples;

/// A value out of the database.
pub const CANARY: &str = "c4n4ry@example.org";
pub const PASSWORD: &str = "correct horse battery";
pub const RUN_ID: &str = "0123456789abcdef0123456789abcdef";
pub const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Short, so that a server that says nothing does not keep the tests.
pub const LIMITS: Limits =
    Limits { mail: Duration::from_secs(20), http: Duration::from_secs(20), pause: Duration::from_millis(20) };
pub const IMPATIENT: Limits =
    Limits { mail: Duration::from_millis(700), http: Duration::from_millis(700), pause: Duration::from_millis(20) };

pub struct Scenario {
    pub dir: tempfile::TempDir,
    pub authority: Authority,
}

impl Scenario {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create(dir.path());
        Self { dir, authority }
    }

    pub fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Logs in, and trusts our authority.
    pub fn email(&self, port: u16, tls: SmtpTls) -> Email {
        Email {
            host: "localhost".into(),
            port: Some(port),
            tls,
            ca_bundle: Some(self.authority.bundle().to_owned()),
            username: Some("backup".into()),
            password_file: Some(self.secret("password", PASSWORD)),
            password_command: None,
            password_env: None,
            from: "pgwitness <backup@example.org>".into(),
            to: vec!["Žofie <admin@example.org>".into()],
            configuration_set: None,
            when: When::Always,
        }
    }
}

pub fn by_mail(email: Email) -> Notify {
    Notify { email: Some(email), ..Notify::default() }
}

pub fn by_webhook(url: &str) -> Notify {
    let url = Some(url.to_owned());
    let webhook = Webhook { url, url_file: None, authorization_file: None, ca_bundle: None, when: When::Always };
    Notify { webhook: Some(webhook), ..Notify::default() }
}

pub fn by_ping(url_file: PathBuf) -> Notify {
    Notify { ping: Some(Ping { url: None, url_file: Some(url_file), ca_bundle: None }), ..Notify::default() }
}

pub fn nothing(_: &str) -> Option<String> {
    None
}

/// The only error.
pub fn only(errors: &[Error]) -> String {
    assert_eq!(errors.len(), 1, "{errors:?}");
    let text = errors[0].to_string();
    assert!(!text.contains('\n') && !text.contains(PASSWORD), "{text}");
    text
}

fn sound() -> Outcome {
    samples::equal(1, &[Aspect::Rows])
}

fn report_on(outcome: &Outcome, steps: Vec<Step>) -> Report {
    let data_as_of = Some(Timestamp::parse("2026-11-23T02:30:00Z").unwrap());
    samples::report_on(outcome, RunFacts { data_as_of, steps, ..Default::default() })
}

/// Sound and clean.
pub fn clean() -> RunRecord {
    let source = "Vereinsverwaltung Größe, база данных".into();
    RunRecord { source, ..samples::record_of(report_on(&sound(), Vec::new())) }
}

/// [`clean`] with changes.
pub fn with(change: impl FnOnce(&mut RunRecord)) -> RunRecord {
    let mut run = clean();
    change(&mut run);
    run
}

/// Damaged, with the canary wherever a value may be.
pub fn damaged() -> RunRecord {
    let column = ChangedColumn { column: "mail".into(), expected: CANARY.into(), actual: "x".into() };
    let mut finding = Finding::new(FindingKind::RowContent, "shop.members").sides(CANARY, "3 rows");
    finding.detail = vec![format!("expected: {CANARY}")];
    finding.rows = Some(RowDifference {
        expected_only: 1,
        actual_only: 1,
        is_exact: true,
        changed: vec![ChangedRow { key: format!("mail={CANARY}"), columns: vec![column] }],
        ..RowDifference::default()
    });
    let said = |text: &str| MarkedText::with_values(format!("{text} ({CANARY})"), "unique_violation (SQLSTATE 23505)");
    let unchecked = Unchecked::new("rows of shop.log", "actual", said("invalid input syntax"));
    let outcome = Outcome { findings: vec![finding], unchecked: vec![unchecked], ..sound() };
    let step = Step {
        name: "restore".into(),
        started_at: clean().started_at,
        duration_ms: 1,
        result: StepResult::Failed(said("duplicate key")),
        notes: vec![CANARY.into()],
    };
    with(|run| {
        run.report = Some(report_on(&outcome, vec![step]));
        run.error = Some(said("bad value"));
        run.closing.exit_code = 1;
        run.closing.troubles = vec![said("duplicate key; Key (mail)="), said("balance")];
    })
}
