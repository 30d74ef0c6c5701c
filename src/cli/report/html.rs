//! `pgwitness report html`.

use std::path::Path;

use super::super::args::HtmlArguments;
use super::super::inputs;
use super::super::terminal::print_result;
use super::{directory, find, is_directory_of_reports, signers};
use crate::base::error::Result;
use crate::output::site::{self, Published, Readers};

/// Exit code: a page is missing.
const INCOMPLETE: u8 = 2;

/// Writes one page, or all pages with the index.
pub fn run(arguments: &HtmlArguments) -> Result<u8> {
    let is_configured = arguments.report.as_deref().is_none_or(|text| !Path::new(text).exists());
    let allowed = signers(arguments.allowed_signers.as_deref(), &arguments.place, is_configured)?;
    let readers = Readers { allowed: allowed.as_ref(), now: inputs::now() };
    let output = arguments.output.as_deref();
    let all = |dir: &Path| told(&site::all(dir, output, readers)?);
    match arguments.report.as_deref() {
        None => all(&directory(&arguments.place)?),
        Some(text) if is_directory_of_reports(text) => all(Path::new(text)),
        Some(text) => {
            let page = site::one(&find(text, &arguments.place)?, output, readers)?;
            print_result(&format!("{}\n", page.display())).map(|()| 0)
        }
    }
}

fn told(published: &Published) -> Result<u8> {
    let mut text = format!("{}\n", published.index.display());
    for trouble in &published.troubles {
        text.push_str(&format!("{}\n", crate::base::printable::printable(trouble)));
    }
    print_result(&text)?;
    Ok(if published.troubles.is_empty() { 0 } else { INCOMPLETE })
}
