//! `pgwitness report html`.

use std::path::Path;

use super::args::HtmlArguments;
use super::inputs;
use super::report::read_signers;
use super::terminal::print_result;
use crate::error::{Error, Result};
use crate::nights;
use crate::publish::{self, Published, Readers};
use crate::store;

/// A night has no page.
const INCOMPLETE: u8 = 2;

/// One page, or all of them with the page over them.
pub fn run(arguments: &HtmlArguments) -> Result<u8> {
    let allowed = arguments.allowed_signers.as_deref().map(read_signers).transpose()?;
    let readers = Readers { allowed: allowed.as_ref(), now: inputs::now() };
    let output = arguments.output.as_deref();
    let directory = arguments.directory.as_deref();
    let of_all = match arguments.report.as_deref() {
        None => Some(directory.ok_or_else(|| Error::new("say which report, or which directory of reports"))?),
        Some(text) => Some(Path::new(text)).filter(|path| path.is_dir() && !store::is_report_directory(path)),
    };
    match (of_all, arguments.report.as_deref()) {
        (Some(dir), _) => told(&publish::all(dir, output, readers)?),
        (None, report) => {
            let path = nights::find(directory, report.unwrap_or("latest"))?;
            let page = publish::one(&path, output, readers)?;
            print_result(&format!("{}\n", page.display())).map(|()| 0)
        }
    }
}

fn told(published: &Published) -> Result<u8> {
    let mut text = format!("{}\n", published.index.display());
    for trouble in &published.troubles {
        text.push_str(&format!("{}\n", crate::render::printable(trouble)));
    }
    print_result(&text)?;
    Ok(if published.troubles.is_empty() { 0 } else { INCOMPLETE })
}
