//! `pgwitness report acknowledge`.

use super::super::args::AcknowledgeArguments;
use super::super::inputs;
use super::super::terminal::print_result;
use super::{Result, find, read_signers};
use crate::base::error::Error;
use crate::base::printable::printable;
use crate::model::closing_state::ClosingState;
use crate::storage::history;
use crate::storage::reports::{self, SignatureCheck};

pub fn run(arguments: &AcknowledgeArguments) -> Result<u8> {
    let report = find(&arguments.report, &arguments.place)?;
    let now = inputs::now();
    if let Some(path) = &arguments.allowed_signers {
        let wrong = match reports::verify(&report, &read_signers(path)?, None, now)? {
            // A killed run has no closing.json; a person may review and acknowledge that.
            SignatureCheck::Good(verified) if !matches!(verified.closing_state, ClosingState::Void(_)) => None,
            SignatureCheck::Good(verified) => verified.closing_state.report_problems(),
            check => Some(check.to_string()),
        };
        if let Some(wrong) = wrong {
            let hint = "find the cause before you acknowledge the report";
            return Err(Error::new(wrong).context(format!("verify {}", report.display())).hint(hint));
        }
    }
    let key = inputs::signing_key(&arguments.key, arguments.passphrase_file.as_ref())?;
    let done = history::acknowledge(&report, &arguments.note, arguments.identity.as_deref(), &key, now)?;
    print_result(&format!(
        "review: {}\nverdict of the report: {}\n\nThe review counts for users with this line in allowed_signers:\n{}\n",
        printable(&done.path.display().to_string()),
        printable(&done.verdict_line),
        done.allowed_signers_line.trim_end()
    ))?;
    Ok(0)
}
