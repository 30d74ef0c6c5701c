//! `pgwitness report acknowledge`.

use super::super::args::AcknowledgeArguments;
use super::super::inputs;
use super::super::terminal::print_result;
use super::{Result, find, read_signers};
use crate::error::Error;
use crate::nights;
use crate::render::printable;
use crate::store::{self, Check};

pub fn run(arguments: &AcknowledgeArguments) -> Result<u8> {
    let report = find(&arguments.report, &arguments.place)?;
    let now = inputs::now();
    if let Some(path) = &arguments.allowed_signers {
        match store::verify(&report, &read_signers(path)?, None, now)? {
            Check::Good(_) => {}
            check => {
                let hint = "nobody should put their name to it before that is understood";
                return Err(Error::new(check.to_string()).context(format!("verify {}", report.display())).hint(hint));
            }
        }
    }
    let key = store::read_key(&inputs::key_file(&arguments.key, arguments.passphrase_file.as_ref())?)?;
    let done = nights::acknowledge(&report, &arguments.note, arguments.identity.as_deref(), &key, now)?;
    print_result(&format!(
        "review: {}\nof a report that says: {}\n\nIt counts for whoever has this line in allowed_signers:\n{}\n",
        printable(&done.path.display().to_string()),
        printable(&done.verdict_line),
        done.allowed_signers_line.trim_end()
    ))?;
    Ok(0)
}
