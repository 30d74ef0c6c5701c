//! The order in which pg_restore restores the contents of a dump.
//!
//! pg_restore creates event triggers before it refreshes materialized views, so a trigger that writes a log of DDL writes into
//! the restored copy. Event triggers are therefore restored by a second run, after everything else. A dump without them, and with
//! nothing to leave out, is restored by a single run.
//!
//! On a server of the run's own an ordinary role restores, and PostgreSQL demands of the new owner of an object that it may create
//! objects in the schema. So the schemas are created first, owned by [`OWNER`], of which every owner is a member; they get their
//! owners after all objects have theirs. Extensions are created while the database is empty, and privileges are given last.
//!
//! [`OWNER`]: crate::postgres::restore_server::OWNER

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::complaints::ComplaintParser;
use super::known::sqlstate_of;
use crate::base::error::{Context, Result};
use crate::model::run::Complaint;
use crate::postgres::process::{self, Order};

/// Catalogs as in the list of pg_restore.
const EVENT_TRIGGER_CATALOG: &str = "3466";
const SCHEMA_CATALOG: &str = "2615";
const EXTENSION_CATALOG: &str = "3079";
const DEFAULT_PRIVILEGE_CATALOG: &str = "826";

/// Restores in stages, for a role that is no superuser.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staging {
    /// Whether schemas get their owners.
    pub with_owners: bool,
}

/// What is special about a run of pg_restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassKind {
    /// Schemas, which do not get their owners yet.
    NewSchemas,
    /// Extensions.
    Extensions,
    /// The schemas again, for their owners.
    SchemaOwners,
    /// Nothing.
    Plain,
}

/// One run of pg_restore: all entries, or those of a list.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) kind: PassKind,
    list: Option<NamedTempFile>,
}

impl Pass {
    /// `--use-list`.
    pub(super) fn list(&self) -> Option<&Path> {
        self.list.as_ref().map(NamedTempFile::path)
    }

    /// Whether the complaint comes from the way in which the passes are arranged.
    pub(super) fn expects(&self, complaint: &Complaint) -> bool {
        const DUPLICATE_SCHEMA: &str = "42P06";
        self.kind == PassKind::SchemaOwners && sqlstate_of(&complaint.message) == Some(DUPLICATE_SCHEMA)
    }
}

/// The runs for this dump. `run` has the program and the limits of pg_restore.
///
/// # Errors
/// pg_restore cannot read the table of contents, or there is no space for a list.
pub(super) async fn plan(
    dump: &Path,
    run: &Order<'_>,
    without_refresh: bool,
    staging: Option<Staging>,
) -> Result<Vec<Pass>> {
    let file = NamedTempFile::new().doing(|| "make a list of entries")?;
    let arguments: [OsString; 5] = ["--list".into(), "--file".into(), file.path().into(), "--".into(), dump.into()];
    let order = Order { arguments: arguments.to_vec(), ..*run };
    let mut complaints = ComplaintParser::default();
    let ended = process::run(&order, &|| 0, &mut |line| complaints.parse(line)).await?;
    complaints.finish(&ended)?;
    let list = std::fs::read(file.path()).doing(|| "read a list of entries")?;
    let list = String::from_utf8_lossy(&list);
    match staging {
        None => split(&list, without_refresh).iter().map(|ids| pass(PassKind::Plain, ids.as_deref())).collect(),
        Some(staging) => {
            let stages = stages(&list, without_refresh, staging);
            stages.iter().map(|(kind, ids)| pass(*kind, Some(ids))).collect()
        }
    }
}

fn pass(kind: PassKind, ids: Option<&[&str]>) -> Result<Pass> {
    let Some(ids) = ids else { return Ok(Pass { kind, list: None }) };
    let lines: String = ids.iter().map(|id| format!("{id};\n")).collect();
    let mut file = NamedTempFile::new().doing(|| "make a list of entries")?;
    file.write_all(lines.as_bytes()).doing(|| "write a list of entries")?;
    Ok(Pass { kind, list: Some(file) })
}

/// Entry numbers for each run; `None` stands for all.
fn split(list: &str, without_refresh: bool) -> Vec<Option<Vec<&str>>> {
    let entries = Entries::read(list);
    let last = entries.of(&[What::EventTrigger]);
    let leaves_out = without_refresh && !entries.of(&[What::Refresh]).is_empty();
    if last.is_empty() && !leaves_out {
        return vec![None];
    }
    let is_first = |what: What| what != What::EventTrigger && !(without_refresh && what == What::Refresh);
    let mut runs = vec![Some(entries.select(is_first))];
    runs.extend((!last.is_empty()).then_some(Some(last)));
    runs
}

/// Entry numbers for each run of a restore in stages.
fn stages(list: &str, without_refresh: bool, staging: Staging) -> Vec<(PassKind, Vec<&str>)> {
    let entries = Entries::read(list);
    let schemas = entries.of(&[What::Schema]);
    let owners = if staging.with_owners { schemas.clone() } else { Vec::new() };
    let last: &[What] = if without_refresh { &[What::Privilege] } else { &[What::Privilege, What::Refresh] };
    let all = [
        (PassKind::NewSchemas, schemas),
        (PassKind::Extensions, entries.of(&[What::Extension])),
        (PassKind::Plain, entries.of(&[What::Other])),
        (PassKind::SchemaOwners, owners),
        (PassKind::Plain, entries.of(last)),
        (PassKind::Plain, entries.of(&[What::EventTrigger])),
    ];
    all.into_iter().filter(|(_, ids)| !ids.is_empty()).collect()
}

/// Number and kind of each entry.
struct Entries<'a>(Vec<(&'a str, What)>);

impl<'a> Entries<'a> {
    fn read(list: &'a str) -> Self {
        Self(list.lines().filter_map(entry).collect())
    }

    fn of(&self, kinds: &[What]) -> Vec<&'a str> {
        self.select(|what| kinds.contains(&what))
    }

    /// Keeps the order: a refresh comes after what it reads.
    fn select(&self, is_meant: impl Fn(What) -> bool) -> Vec<&'a str> {
        self.0.iter().filter(|(_, what)| is_meant(*what)).map(|(id, _)| *id).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Schema,
    Extension,
    Privilege,
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
        SCHEMA_CATALOG if what.starts_with("SCHEMA ") => (id, What::Schema),
        EXTENSION_CATALOG if what.starts_with("EXTENSION ") => (id, What::Extension),
        DEFAULT_PRIVILEGE_CATALOG => (id, What::Privilege),
        "0" if what.starts_with("ACL ") => (id, What::Privilege),
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
    fn an_ordinary_role_restores_schemas_then_extensions_then_the_rest_and_gives_privileges_last() {
        let list = "1; 2615 9 SCHEMA - shop app\n2; 3079 8 EXTENSION - postgis \n3; 1259 1 TABLE shop ACL me\n\
                    4; 0 0 ACL shop TABLE t me\n5; 826 7 DEFAULT ACL shop DEFAULT PRIVILEGES FOR TABLES me\n\
                    6; 0 0 COMMENT - EXTENSION postgis \n7; 0 0 ACL - SCHEMA shop app\n";
        let list = format!("{list}{LIST}");
        let of = |with_owners| stages(&list, false, Staging { with_owners });
        assert_eq!(
            of(true),
            [
                (PassKind::NewSchemas, vec!["1"]),
                (PassKind::Extensions, vec!["2"]),
                (PassKind::Plain, vec!["3", "6", "10", "14"]),
                (PassKind::SchemaOwners, vec!["1"]),
                (PassKind::Plain, vec!["4", "5", "7", "13"]),
                (PassKind::Plain, vec!["11", "12"]),
            ]
        );
        assert!(of(false).iter().all(|(kind, _)| *kind != PassKind::SchemaOwners));
    }

    #[test]
    fn a_dump_without_event_triggers_is_restored_in_one_run() {
        assert_eq!(split("10; 1259 1 TABLE public t me\n13; 0 3 MATERIALIZED VIEW DATA public mv me\n", false), [None]);
        assert_eq!(split("10; 1259 1 TABLE public t me\n", true), [None]);
    }
}
