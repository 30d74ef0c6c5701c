//! The order in which pg_restore restores the contents of a dump.
//!
//! pg_restore creates event triggers before it refreshes materialized views, so a trigger that writes a log of DDL writes into
//! the restored copy. Event triggers are therefore restored by a second run, after everything else. A dump without them, and with
//! nothing to leave out, is restored by a single run.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::complaints::ComplaintParser;
use crate::base::error::{Context, Result};
use crate::postgres::process::{self, Order};

/// `pg_event_trigger`, as in the list of pg_restore.
const EVENT_TRIGGER_CATALOG: &str = "3466";

/// One run of pg_restore: all entries, or those of a list.
#[derive(Debug)]
pub(super) struct Pass {
    list: Option<NamedTempFile>,
}

impl Pass {
    /// `--use-list`.
    pub(super) fn list(&self) -> Option<&Path> {
        self.list.as_ref().map(NamedTempFile::path)
    }
}

/// The runs for this dump. `run` has the program and the limits of pg_restore.
///
/// # Errors
/// pg_restore cannot read the table of contents, or there is no space for a list.
pub(super) async fn plan(dump: &Path, run: &Order<'_>, without_refresh: bool) -> Result<Vec<Pass>> {
    let file = NamedTempFile::new().doing(|| "make a list of entries")?;
    let arguments: [OsString; 5] = ["--list".into(), "--file".into(), file.path().into(), "--".into(), dump.into()];
    let order = Order { arguments: arguments.to_vec(), ..*run };
    let mut complaints = ComplaintParser::default();
    let ended = process::run(&order, &|| 0, &mut |line| complaints.parse(line)).await?;
    complaints.finish(&ended)?;
    let list = std::fs::read(file.path()).doing(|| "read a list of entries")?;
    split(&String::from_utf8_lossy(&list), without_refresh).iter().map(|ids| pass(ids.as_deref())).collect()
}

fn pass(ids: Option<&[&str]>) -> Result<Pass> {
    let Some(ids) = ids else { return Ok(Pass { list: None }) };
    let lines: String = ids.iter().map(|id| format!("{id};\n")).collect();
    let mut file = NamedTempFile::new().doing(|| "make a list of entries")?;
    file.write_all(lines.as_bytes()).doing(|| "write a list of entries")?;
    Ok(Pass { list: Some(file) })
}

/// Entry numbers for each run; `None` stands for all.
fn split(list: &str, without_refresh: bool) -> Vec<Option<Vec<&str>>> {
    let entries: Vec<(&str, What)> = list.lines().filter_map(entry).collect();
    let of = |what: What| entries.iter().filter(|(_, is)| *is == what).map(|(id, _)| *id).collect::<Vec<&str>>();
    let (mut first, last, refresh) = (of(What::Other), of(What::EventTrigger), of(What::Refresh));
    let leaves_out = without_refresh && !refresh.is_empty();
    if last.is_empty() && !leaves_out {
        return vec![None];
    }
    if !leaves_out {
        // Keep the order: a refresh comes after what it reads.
        first = entries.iter().filter(|(_, is)| *is != What::EventTrigger).map(|(id, _)| *id).collect();
    }
    let mut runs = vec![Some(first)];
    runs.extend((!last.is_empty()).then_some(Some(last)));
    runs
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    EventTrigger,
    Refresh,
    Other,
}

/// `217; 3466 16406 EVENT TRIGGER - audit postgres`; catalog and description distinguish an event trigger from a table of that
/// name.
fn entry(line: &str) -> Option<(&str, What)> {
    let (id, rest) = line.split_once("; ").filter(|_| !line.starts_with(';'))?;
    let mut parts = rest.splitn(3, ' ');
    let (catalog, _, what) = (parts.next()?, parts.next()?, parts.next()?);
    let is_about_trigger =
        ["COMMENT - EVENT TRIGGER ", "SECURITY LABEL - EVENT TRIGGER "].iter().any(|start| what.starts_with(start));
    Some(match catalog {
        EVENT_TRIGGER_CATALOG if what.starts_with("EVENT TRIGGER ") => (id, What::EventTrigger),
        "0" if is_about_trigger => (id, What::EventTrigger),
        "0" if what.starts_with("MATERIALIZED VIEW DATA ") => (id, What::Refresh),
        _ => (id, What::Other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = ";\n; Archive\n;\n10; 1259 1 TABLE public EVENT TRIGGER me\n11; 3466 2 EVENT TRIGGER - audit me\n\
                        12; 0 0 COMMENT - EVENT TRIGGER audit me\n13; 0 3 MATERIALIZED VIEW DATA public mv me\n\
                        14; 0 0 COMMENT public TABLE t me\n";

    #[test]
    fn event_triggers_and_what_is_said_of_them_come_last() {
        assert_eq!(split(LIST, false), [Some(vec!["10", "13", "14"]), Some(vec!["11", "12"])]);
    }

    #[test]
    fn refreshes_are_left_out_when_that_is_asked_for_and_nothing_else_is() {
        assert_eq!(split(LIST, true), [Some(vec!["10", "14"]), Some(vec!["11", "12"])]);
        assert_eq!(
            split("13; 0 3 MATERIALIZED VIEW DATA public mv me\n1; 1259 1 TABLE a b c\n", true),
            [Some(vec!["1"])]
        );
    }

    #[test]
    fn a_dump_without_event_triggers_is_restored_in_one_run() {
        assert_eq!(split("10; 1259 1 TABLE public t me\n13; 0 3 MATERIALIZED VIEW DATA public mv me\n", false), [None]);
        assert_eq!(split("10; 1259 1 TABLE public t me\n", true), [None]);
    }
}
