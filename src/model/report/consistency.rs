//! Checks that a report is consistent.
//!
//! A signature proves who wrote a report, not that it is consistent. A user may read only the word "sound"; it must agree with
//! the rest of the page.

use super::{Report, SideFile, Sides};
use crate::base::error::{Error, Result};
use crate::model::aspect::Aspect;
use crate::model::manifest::Observed;
use crate::model::run::{Complaint, RunFacts, StepResult};
use crate::model::verdict::{TableResult, TableStatus, Verdict};

impl Report {
    /// An error names the first contradiction.
    pub(super) fn check(&self) -> Result<()> {
        let contradictions = [self.check_verdict(), self.check_tables(), self.check_violations(), self.check_night()];
        if let Some(contradiction) = contradictions.into_iter().flatten().next() {
            return Err(Error::new(format!("the report contradicts itself: {contradiction}")));
        }
        self.check_forms()
    }

    fn check_verdict(&self) -> Option<String> {
        let (said, made) = (self.verdict, self.outcome().verdict());
        // The words after the verdict may change from version to version, its first word must not.
        let line_word: String = self.verdict_line.chars().take_while(char::is_ascii_lowercase).collect();
        if said != made {
            Some(format!("it says {said}, its content says {made}"))
        } else if line_word != said.to_string() {
            Some(format!("it says {said}, its verdict line says {line_word:?}"))
        } else {
            None
        }
    }

    fn check_tables(&self) -> Option<String> {
        let coverage = &self.coverage;
        if let Some((name, _)) = self.tables.iter().find(|(_, table)| !is_borne_out(table)) {
            return Some(format!("the digests of {name} do not match its status"));
        }
        let with = |status| self.tables.values().filter(|table| table.status == status).count();
        let compared = with(TableStatus::Equal) + with(TableStatus::Different) + with(TableStatus::Converged);
        if u64::try_from(compared) != Ok(coverage.tables_compared) {
            return Some(format!("it counts {} tables compared and lists {compared}", coverage.tables_compared));
        }
        if u64::try_from(with(TableStatus::Derived)) != Ok(coverage.derived) {
            return Some(format!("it counts {} derived tables and lists others", coverage.derived));
        }
        let listed = u64::try_from(self.tables.len()).unwrap_or(u64::MAX);
        if listed < coverage.tables_expected.max(coverage.tables_actual) {
            return Some(format!("it counts more tables in the catalogs than the {listed} that it lists"));
        }
        if self.scope.rechecked.is_none() && with(TableStatus::Converged) > 0 {
            return Some(
                "it lists tables that agreed when they were read again, and says that nothing was read again".into(),
            );
        }
        let is_open = |table: &&TableResult| {
            use TableStatus::{Converged, Derived, Equal, Waived};
            !matches!(table.status, Equal | Waived | Derived | Converged)
        };
        if self.verdict == Verdict::Sound && !self.has_waived() && self.tables.values().any(|table| is_open(&table)) {
            return Some("it says sound of tables that differ or were not checked, and waives nothing".into());
        }
        None
    }

    /// Violations outside the scope are in the report, but the verdict does not cover them.
    fn check_violations(&self) -> Option<String> {
        let aspects = [(Aspect::ForeignKeys, &self.foreign_keys), (Aspect::Assertions, &self.assertions)];
        let in_scope = aspects.into_iter().filter(|(aspect, _)| self.scope.compared.contains(aspect));
        let broken = in_scope.flat_map(|(_, results)| results).find(|(_, sides)| is_broken(sides));
        let (name, _) = broken.filter(|_| self.verdict == Verdict::Sound && !self.has_waived())?;
        Some(format!("it says sound of {name}, which is violated, and waives nothing"))
    }

    /// A sound run also covers the steps from the source to the restored copy.
    fn check_night(&self) -> Option<String> {
        let night = self.night.as_ref()?;
        if self.format < 2 {
            return Some("format 1 has no key night".into());
        }
        if let Some(contradiction) = self.check_dump(night) {
            return Some(contradiction);
        }
        if !self.proves_dump() {
            return None;
        }
        let failed = night.steps.iter().find(|step| matches!(step.result, StepResult::Failed(_)));
        let failed = failed.map(|step| format!("step {} failed", step.name));
        let mut complaints = night.restore.iter().flat_map(|restore| &restore.complaints);
        let is_open =
            |complaint: &&Complaint| complaint.accepted.is_none() && !(self.is_limited() && complaint.limit.is_some());
        let complaint = complaints.find(is_open);
        let complaint = complaint.map(|complaint| format!("pg_restore complained of {}", complaint.object));
        let said = if self.is_limited() { "that the dump is proven" } else { "sound" };
        failed.or(complaint).map(|what| format!("it says {said}, but {what}"))
    }

    /// The dump is proven, and the verdict is not sound.
    fn is_limited(&self) -> bool {
        self.verdict != Verdict::Sound && self.proves_dump()
    }

    /// The legs are not in a report as a whole: what they add is among the findings.
    fn check_dump(&self, night: &RunFacts) -> Option<String> {
        let said = night.dump_verdict.as_ref()?;
        if self.format < 3 {
            return Some(format!("format {} knows no verdict on the dump", self.format));
        }
        let made = self.outcome().dump_verdict(&[]);
        let is_other = (made.is_proven(), made.lacks()) != (said.is_proven(), said.lacks());
        (said.is_proven() && is_other).then(|| "it says that the dump is proven, its content does not".to_owned())
    }

    fn has_waived(&self) -> bool {
        self.waivers.iter().any(|waiver| !waiver.covered.is_empty())
    }

    /// Checks that the types do not express.
    fn check_forms(&self) -> Result<()> {
        let is_hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        if !is_hex(&self.run_id, 32) {
            return Err(Error::new("run_id is not 32 hexadecimal digits in lower case"));
        }
        let hashes = self.side_files.iter().map(|file| &file.sha256).chain(&self.previous_report_sha256);
        let dump = self.night.iter().filter_map(|night| night.dump.as_ref()).flat_map(|dump| &dump.files);
        let hashes = hashes.chain(dump.map(|file| &file.sha256));
        if let Some(hash) = hashes.into_iter().find(|hash| !is_hex(hash, 64)) {
            return Err(Error::new(format!("{hash:?} is not a SHA-256 of 64 hexadecimal digits in lower case")));
        }
        match self.side_files.iter().find(|file| !is_plain_name(file)) {
            Some(file) => Err(Error::new(format!("{:?} is not a file beside the report", file.name))),
            None => Ok(()),
        }
    }
}

fn is_borne_out(table: &TableResult) -> bool {
    let has_both = table.expected.is_some() && table.actual.is_some();
    match table.status {
        TableStatus::Equal => has_both && table.expected == table.actual,
        TableStatus::Different | TableStatus::Derived | TableStatus::Converged => {
            has_both && table.expected != table.actual
        }
        TableStatus::Missing => table.actual.is_none(),
        TableStatus::Unexpected => table.expected.is_none(),
        TableStatus::Unchecked | TableStatus::Waived => true,
    }
}

fn is_broken(sides: &Sides) -> bool {
    let seen = [&sides.expected, &sides.actual].into_iter().flatten().filter_map(Observed::seen);
    seen.into_iter().any(|violations| violations.rows > 0)
}

/// A report must not make its reader open files elsewhere.
fn is_plain_name(file: &SideFile) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !file.name.is_empty() && !file.name.starts_with('.') && file.name.bytes().all(is_plain)
}
