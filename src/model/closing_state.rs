//! What happened after the report of a run was signed, as far as it was recorded.
//!
//! Not a part of the verdict. A record that is missing, or whose signature is not trusted, does not count as success.

use serde::Serialize;

use crate::model::run::{CLOSING, Closing, StepResult};
use crate::model::status::SIGNALS;

/// What is known of the time after the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosingState {
    /// Nothing is to be known: only `nightly` goes on after its report. (Nor of a report that cannot be read.)
    Nothing,
    /// There is no record: the run was killed, or is still running.
    Absent {
        /// True for the newest run, when it is less than a day old.
        may_be_running: bool,
    },
    /// There is one, and it is not trusted: the reason.
    Void(String),
    /// Its contents.
    Told(Box<Closing>),
}

/// What there is to say while a run may still be at it.
pub const NOT_YET: &str = "no closing.json yet: the run is still at it, or was killed after the report was signed";

/// Before what must still be removed.
pub const CLEANUP_TASK: &str = "cleanup task: ";

impl ClosingState {
    /// The contents of the record, if its signature is trusted.
    pub fn closing(&self) -> Option<&Closing> {
        match self {
            Self::Told(closing) => Some(closing),
            Self::Nothing | Self::Absent { .. } | Self::Void(_) => None,
        }
    }

    /// The same, where a run that has left no record may still be running.
    pub fn if_running(self, may_be_running: bool) -> Self {
        match self {
            Self::Absent { .. } => Self::Absent { may_be_running },
            known => known,
        }
    }

    /// The problem of the record itself, in one line.
    pub fn report_problems(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Told(_) | Self::Absent { may_be_running: true } => None,
            Self::Void(why) => Some(format!("{CLOSING}: {why}")),
            Self::Absent { may_be_running: false } => {
                Some(format!("no {CLOSING}: the run was killed after the report was signed, or the file was removed"))
            }
        }
    }

    /// [`NOT_YET`], of a run that may still be at it.
    pub fn pending(&self) -> Option<&'static str> {
        matches!(self, Self::Absent { may_be_running: true }).then_some(NOT_YET)
    }

    /// What went wrong, a line each, in a run with this exit code for its verdict: what was left behind (it may cost money, so it
    /// comes first), troubles, an interruption.
    pub fn later_failures(&self, verdict_code: u8) -> Vec<String> {
        let Some(closing) = self.closing() else { return Vec::new() };
        let mut lines: Vec<String> = closing.debts.iter().map(|debt| format!("{CLEANUP_TASK}{debt}")).collect();
        lines.extend(closing.troubles.iter().map(|trouble| format!("problem: {}", trouble.full())));
        lines.extend(untold_failures(closing));
        match closing.exit_code {
            code if code == verdict_code => {}
            code if code > SIGNALS => {
                lines.push(format!("interrupted by signal {} (exit code {code})", code - SIGNALS))
            }
            // With 3 it says what the lines above say.
            3 if !lines.is_empty() => {}
            code => lines.push(format!("exit code {code}")),
        }
        lines
    }
}

/// Failed steps that no recorded problem names.
fn untold_failures(closing: &Closing) -> impl Iterator<Item = String> {
    closing.steps.iter().filter_map(|step| match &step.result {
        StepResult::Failed(why) if !closing.troubles.iter().any(|trouble| trouble.full().contains(why.full())) => {
            Some(format!("problem: {}: {}", step.name, why.full()))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::marked::MarkedText;
    use crate::model::run::{CLOSING_FORMAT, Step};

    fn told(exit_code: u8, troubles: &[&str], debts: &[&str], failed: Option<&str>) -> ClosingState {
        let step = |why: &str| Step {
            name: "prune".into(),
            started_at: Default::default(),
            duration_ms: 1,
            result: StepResult::Failed(why.into()),
            notes: Vec::new(),
        };
        ClosingState::Told(Box::new(Closing {
            format: CLOSING_FORMAT,
            run_id: String::new(),
            report_sha256: String::new(),
            exit_code,
            steps: failed.map(step).into_iter().collect(),
            troubles: troubles.iter().map(|line| MarkedText::from(*line)).collect(),
            debts: debts.iter().map(ToString::to_string).collect(),
            offsite: None,
            timestamp: None,
            safe_texts: Default::default(),
        }))
    }

    #[test]
    fn an_end_without_trouble_is_silent() {
        for code in 0..3 {
            assert!(told(code, &[], &[], None).later_failures(code).is_empty());
        }
    }

    #[test]
    fn whatever_is_not_as_the_verdict_alone_would_have_it_is_told() {
        let lines = told(3, &["prune: full"], &["dump x"], Some("full")).later_failures(0);
        assert_eq!(lines, ["cleanup task: dump x", "problem: prune: full"], "a failed step is not told twice");
        assert_eq!(told(0, &[], &[], Some("full")).later_failures(0), ["problem: prune: full"]);
        assert_eq!(told(3, &[], &[], None).later_failures(0), ["exit code 3"]);
        assert_eq!(told(143, &[], &[], None).later_failures(0), ["interrupted by signal 15 (exit code 143)"]);
        assert_eq!(told(1, &[], &["dump x"], None).later_failures(1), ["cleanup task: dump x"]);
    }

    #[test]
    fn no_paper_is_no_good_end() {
        assert!(ClosingState::Absent { may_be_running: false }.report_problems().is_some());
        assert!(ClosingState::Void("bad signature".into()).report_problems().is_some());
        let running = ClosingState::Absent { may_be_running: true };
        assert!(running.report_problems().is_none() && running.pending().is_some());
    }
}
