//! What the tests stand on: secrets in files, certificates, and runs to tell of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use pgwitness::base::error::Error;
use pgwitness::base::time::Timestamp;
use pgwitness::config::{Email, Notify, Ping, SmtpTls, Webhook, When};
use pgwitness::model::aspect::Aspect;
use pgwitness::model::finding::{ChangedColumn, ChangedRow, Finding, FindingKind, RowDifference, Unchecked};
use pgwitness::model::run::{Step, StepResult};
use pgwitness::model::run_summary::{Proven, ReportRef, RunSummary};
use pgwitness::model::verdict::{Coverage, Outcome, Scope, Verdict};
use pgwitness::output::notify::Limits;

use crate::authority::Authority;

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

pub struct Stage {
    pub dir: tempfile::TempDir,
    pub authority: Authority,
}

impl Stage {
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

pub fn verdict(outcome: &Outcome) -> Verdict {
    outcome.verdict()
}

fn sound() -> Outcome {
    let coverage = Coverage { tables_expected: 1, tables_actual: 1, tables_compared: 1, ..Default::default() };
    let scope = Scope { compared: vec![Aspect::Rows], not_compared: Vec::new() };
    Outcome { coverage, scope, ..Outcome::default() }
}

/// Sound and clean.
pub fn clean() -> RunSummary {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    RunSummary {
        run_id: RUN_ID.into(),
        host: "backup1".into(),
        source: "Vereinsverwaltung Größe, база данных".into(),
        started_at: at("2026-11-23T03:30:00Z"),
        finished_at: at("2026-11-23T04:42:07Z"),
        exit_code: 0,
        verdict: Some(verdict(&sound())),
        verdict_line: Some("sound (rows)".into()),
        dump_verdict: None,
        data_as_of: Some(at("2026-11-23T02:30:00Z")),
        coverage: Some(sound().coverage),
        findings: Vec::new(),
        unchecked: Vec::new(),
        waivers: 0,
        error: None,
        troubles: Vec::new(),
        debts: Vec::new(),
        instances_left: 0,
        steps: Vec::new(),
        dump: None,
        report: Some(ReportRef { path: "/srv/reports/x/report.json".into(), sha256: "ab".repeat(32) }),
        last_verified: Some(Proven {
            backup: "20261123T023000Z-1f2e3d4c".into(),
            data_as_of: at("2026-11-23T02:30:00Z"),
            verified_at: at("2026-11-23T04:40:00Z"),
            dump_bytes: 1_250_000,
        }),
    }
}

/// Damaged, with the canary wherever a value may be.
pub fn damaged() -> RunSummary {
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
    let outcome = Outcome { findings: vec![finding.clone()], ..sound() };
    let said = format!("duplicate key; Key (mail)=({CANARY}) already exists");
    RunSummary {
        exit_code: 1,
        verdict: Some(verdict(&outcome)),
        verdict_line: Some(outcome.verdict_line()),
        findings: vec![finding],
        unchecked: vec![Unchecked {
            object: "rows of shop.log".into(),
            side: "actual".into(),
            reason: format!("invalid input syntax: \"{CANARY}\""),
            limit: None,
        }],
        error: Some(format!("bad value '{CANARY}'")),
        troubles: vec![said.clone(), format!("x\nDETAIL: {CANARY}")],
        steps: vec![Step {
            name: "restore".into(),
            started_at: clean().started_at,
            duration_ms: 1,
            result: StepResult::Failed(said),
            notes: vec![CANARY.into()],
        }],
        ..clean()
    }
}
