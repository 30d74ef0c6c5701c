//! Finds a report from an argument: `latest`, `previous`, an id or the beginning of one, or a path.
//!
//! If a report cannot be read, `latest` and `previous` are an error: it may be the latest.

use std::path::{Path, PathBuf};

use super::read::times_of;
use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::base::time::Timestamp;
use crate::storage::reports::{REPORT, reports_in};

/// The path of a `report.json`. `dir` is where the reports are, if that is known.
///
/// # Errors
/// When there is no such report, or more than one.
pub fn find(dir: Option<&Path>, text: &str) -> Result<PathBuf> {
    let path = Path::new(text);
    let file = if path.is_dir() { path.join(REPORT) } else { path.to_owned() };
    let is_path = file.is_file();
    match dir {
        Some(dir) if text == "latest" => by_age(dir, 0),
        Some(dir) if text == "previous" => by_age(dir, 1),
        Some(dir) if !is_path || !text.contains('/') => {
            by_id(dir, text).or_else(|error| if is_path { Ok(file) } else { Err(error) })
        }
        _ if is_path => Ok(file),
        Some(_) => Err(Error::new(format!("{text}: no such report"))),
        None => Err(Error::new(format!("{text}: there is no such report directory or file"))
            .hint("--directory DIR says where reports are; then `latest`, `previous` and ids are understood")),
    }
}

fn by_id(dir: &Path, text: &str) -> Result<PathBuf> {
    let id = |path: &PathBuf| path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let named: Vec<(String, PathBuf)> =
        reports_in(dir)?.into_iter().filter_map(|path| Some((id(&path)?, path))).collect();
    if let Some((_, path)) = named.iter().find(|(id, _)| id == text) {
        return Ok(path.clone());
    }
    let mut meant = named.iter().filter(|(id, _)| !text.is_empty() && id.starts_with(text));
    match (meant.next(), meant.next()) {
        (Some((_, path)), None) => Ok(path.clone()),
        (Some((first, _)), Some((second, _))) => {
            Err(Error::new(format!("{text} may be {first} or {second}")).hint("say more of it"))
        }
        _ => Err(Error::new(format!("there is no report {text} in {}", dir.display()))
            .hint(format!("pgwitness report list --directory {}", dir.display()))),
    }
}

/// 0 is the newest, by the start times in the reports, which are not verified.
fn by_age(dir: &Path, age: usize) -> Result<PathBuf> {
    let mut dated: Vec<(Timestamp, PathBuf)> = Vec::new();
    for path in reports_in(dir)? {
        let started_at = files::read(&path, files::REPORT).map_err(Error::from).and_then(|bytes| times_of(&bytes));
        dated.push((started_at.doing(|| format!("read report {}", path.display()))?, path));
    }
    dated.sort();
    let count = dated.len();
    let wanted = count.checked_sub(age + 1).and_then(|index| dated.into_iter().nth(index));
    let nothing = || match count {
        0 => Error::new(format!("there is no report in {}", dir.display())),
        _ => Error::new(format!("there is only one report in {}, so there is no previous one", dir.display())),
    };
    wanted.map(|(_, path)| path).ok_or_else(nothing)
}
