//! The report directories that a command shows in one view: as options and configuration files name them.

use std::path::{Path, PathBuf};

use super::super::args::{ConfigArguments, PlaceArguments, PlacesArguments};
use super::super::inputs;
use super::{directory, read_signers, signers};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::storage::history::ReportDirectory;
use crate::storage::signers::AllowedSigners;

/// One report directory that is to be shown.
pub struct ReportPlace {
    /// The directory; where that is not known, the configuration file that should name it.
    pub path: PathBuf,
    /// Who may sign, or why that or the directory is not known.
    pub allowed: Result<Option<AllowedSigners>>,
}

impl ReportPlace {
    fn new(place: &PlaceArguments, given: Option<&Path>) -> Self {
        match directory(place) {
            Ok(path) => Self { path, allowed: signers(given, place, true) },
            Err(error) => Self { path: place.config.config.clone(), allowed: Err(error) },
        }
    }

    /// Reads the reports.
    pub fn read(self, now: Timestamp) -> ReportDirectory {
        match self.allowed {
            Ok(allowed) => ReportDirectory::read(&self.path, allowed.as_ref(), now),
            Err(error) => ReportDirectory { path: self.path, reports: Err(error) },
        }
    }
}

/// The place of one report.
///
/// # Errors
/// Several are given.
pub fn only(arguments: &PlacesArguments) -> Result<PlaceArguments> {
    let config = arguments.config.first().cloned().unwrap_or_else(inputs::configuration_file);
    if arguments.directory.len().max(arguments.config.len()) > 1 {
        let error = Error::new("one report is in one directory, and several are given");
        return Err(error.hint("name one --directory DIR, or leave the report out"));
    }
    Ok(PlaceArguments { directory: arguments.directory.first().cloned(), config: ConfigArguments { config } })
}

/// Every place once: first those that configurations name, because these know who may sign. `more` are directories too. Without any
/// option it is the configured one.
///
/// # Errors
/// The given list of allowed signers cannot be read.
pub fn places(
    arguments: &PlacesArguments,
    more: &[PathBuf],
    allowed_signers: Option<&Path>,
) -> Result<Vec<ReportPlace>> {
    // It is for all of them.
    allowed_signers.map(read_signers).transpose()?;
    let directories: Vec<&PathBuf> = arguments.directory.iter().chain(more).collect();
    let mut configs = arguments.config.clone();
    if configs.is_empty() && directories.is_empty() {
        configs.push(inputs::configuration_file());
    }
    let of = |directory: Option<&PathBuf>, config: &Path| PlaceArguments {
        directory: directory.cloned(),
        config: ConfigArguments { config: config.to_owned() },
    };
    let named = configs.iter().map(|config| of(None, config));
    let given = directories.into_iter().map(|directory| of(Some(directory), Path::new("")));
    let mut places: Vec<ReportPlace> = Vec::new();
    for place in named.chain(given).map(|place| ReportPlace::new(&place, allowed_signers)) {
        if !places.iter().any(|other| is_same(&other.path, &place.path)) {
            places.push(place);
        }
    }
    Ok(places)
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}
