//! `pgwitness report html`.

use std::path::{Path, PathBuf};

use super::super::args::HtmlArguments;
use super::super::inputs;
use super::super::terminal::print_result;
use super::places::{only, places};
use super::{find, is_directory_of_reports, signers};
use crate::base::error::{Error, Result};
use crate::output::site::{self, Published, Readers};
use crate::storage::history::ReportDirectory;

/// Exit code: a page is missing.
const INCOMPLETE: u8 = 2;

/// Writes one page, or all pages with the index.
pub fn run(arguments: &HtmlArguments) -> Result<u8> {
    match arguments.report.as_slice() {
        [text] if !is_directory_of_reports(text) => page(text, arguments),
        directories => pages(&directories.iter().map(PathBuf::from).collect::<Vec<_>>(), arguments),
    }
}

/// The page of one report.
fn page(text: &str, arguments: &HtmlArguments) -> Result<u8> {
    let place = only(&arguments.places)?;
    let allowed = signers(arguments.allowed_signers.as_deref(), &place, !Path::new(text).exists())?;
    let readers = Readers { allowed: allowed.as_ref(), now: inputs::now() };
    let page = site::one(&find(text, &place)?, arguments.output.as_deref(), readers)?;
    print_result(&format!("{}\n", page.display())).map(|()| 0)
}

/// The pages of all reports.
fn pages(directories: &[PathBuf], arguments: &HtmlArguments) -> Result<u8> {
    let places = places(&arguments.places, directories, arguments.allowed_signers.as_deref())?;
    let (output, now) = (arguments.output.as_deref(), inputs::now());
    if let [place] = places.as_slice() {
        let allowed = place.allowed.as_ref().map_err(Clone::clone)?;
        return told(&site::all(&place.path, output, Readers { allowed: allowed.as_ref(), now })?);
    }
    let missing = || Error::new("pages of several report directories need a directory to go to").hint("--output DIR");
    let output = output.ok_or_else(missing)?;
    let directories: Vec<ReportDirectory> = places.into_iter().map(|place| place.read(now)).collect();
    told(&site::several(&directories, output, now)?)
}

fn told(published: &Published) -> Result<u8> {
    let mut text = format!("{}\n", published.index.display());
    for trouble in &published.troubles {
        text.push_str(&format!("{}\n", crate::base::printable::printable(trouble)));
    }
    print_result(&text)?;
    Ok(if published.troubles.is_empty() { 0 } else { INCOMPLETE })
}
