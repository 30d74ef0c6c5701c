//! Findings that are added to the outcome of a comparison.

use crate::base::marked::MarkedText;
use crate::compare;
use crate::model::finding::{Finding, Unchecked, Waiver};
use crate::model::verdict::Outcome;

/// What is found besides the comparison of two manifests: by the rules of `[[drift]]`, in the directories of `[[files]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FurtherFindings {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be checked.
    pub unchecked: Vec<Unchecked>,
    /// Remarks for the user.
    pub remarks: Vec<MarkedText>,
}

impl FurtherFindings {
    /// Adds the result to the outcome of a run whose own waivers have been applied already; the same waivers may cover these.
    pub fn add_to(self, outcome: &mut Outcome, waivers: &[Waiver]) {
        let mut own = Outcome { findings: self.findings, unchecked: self.unchecked, ..Outcome::default() };
        compare::waive(&mut own, waivers);
        outcome.findings.append(&mut own.findings);
        outcome.unchecked.append(&mut own.unchecked);
        outcome.remarks.extend(self.remarks);
        for applied in own.waivers {
            match outcome.waivers.iter_mut().find(|known| known.waiver == applied.waiver) {
                // A whole kind is listed already.
                Some(known) => {
                    known.covered.extend(applied.covered.into_iter().filter(|text| !text.starts_with("every ")))
                }
                None => outcome.waivers.push(applied),
            }
        }
    }
}
