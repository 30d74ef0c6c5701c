//! What the restore server cannot create, whatever the dump holds: an extension that it lacks, objects that only a superuser may
//! create, and what depends on these.
//!
//! Pure. The beginning is always a refused CREATE. A complaint that follows from it names a thing that was refused, or that the
//! source has from an extension: a dump does not carry that. What a message does not tell beyond doubt has no limit.

use std::collections::BTreeMap;

use super::complaints::ParsedComplaint;
use super::created::{self, Thing};
use super::members::Members;
use crate::model::finding::Limit;
use crate::model::name::{self, quote_ident};
use crate::model::subject::Subject;

/// How the server refuses an extension that it does not have, or that this role or this database may not have.
const NO_EXTENSION: [&str; 8] = [
    "permission denied to create extension \"",
    "could not open extension control file ",
    "could not access file \"",
    "unrecognized configuration parameter \"",
    "can only create extension in database ",
    "required extension \"",
    "must be superuser to create ",
    "extension \"",
];
/// Of a library that the server has to load when it starts: each extension has its own words.
const NOT_PRELOADED: [&str; 2] = ["shared_preload_libraries", "preloaded"];
/// How the server refuses what only a superuser (or a role with such a right) may create.
const NO_RIGHT: [&str; 7] = [
    "must be superuser to create ",
    "permission denied to create ",
    "permission denied for language ",
    "permission denied for foreign-data wrapper ",
    "permission denied for foreign server ",
    "permission denied to set parameter \"",
    "only superuser can define a leakproof function",
];

/// What is not in the copy because the restore server refused it, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Of the dump, as findings name it: `event_trigger audit`, `foreign_table shop.far`, `table shop.places`.
    objects: BTreeMap<Subject, Limit>,
    /// Of extensions: a dump does not carry it.
    members: BTreeMap<Thing, Limit>,
    /// Extensions of the source of which the copy has nothing, or not everything.
    extensions: BTreeMap<String, Limit>,
    /// The complaints that go with a finding, as places in the list.
    complaints: BTreeMap<Subject, Vec<usize>>,
}

/// Why a thing is absent, and the finding that stands for it.
#[derive(Debug, Clone)]
struct Cause {
    limit: Limit,
    finding: Option<Subject>,
}

/// Gives every complaint that a refused CREATE explains its limit.
pub(super) fn mark(parsed: &mut [ParsedComplaint], members: &Members) -> Refused {
    let mut found = Refused::default();
    let mut absent: BTreeMap<Thing, Cause> = BTreeMap::new();
    for one in parsed.iter() {
        if let (Some(limit), Some(made)) = (first_cause(one), created::by(&one.command, &one.complaint.object))
            && let Some(finding) = made.findings.first().cloned()
        {
            if limit == Limit::Extension {
                found.extensions.extend(made.thing.as_ref().map(|thing| (thing.name.clone(), limit)));
            }
            absent.extend(made.thing.map(|thing| (thing, Cause { limit, finding: Some(finding) })));
        }
    }
    let mut open: Vec<usize> = (0..parsed.len()).collect();
    loop {
        let before = open.len();
        open.retain(|at| !parsed.get_mut(*at).is_some_and(|one| explain(*at, one, &mut absent, members, &mut found)));
        if open.len() == before {
            break;
        }
    }
    let refused: Vec<&str> = found
        .extensions
        .iter()
        .filter(|(_, limit)| **limit == Limit::Extension)
        .map(|(name, _)| name.as_str())
        .collect();
    found.members.extend(members.of_extensions(&refused).map(|thing| (thing.clone(), Limit::Extension)));
    found
}

/// Whether the complaint is explained by what is known to be absent; then it adds what it was to create.
fn explain(
    at: usize,
    parsed: &mut ParsedComplaint,
    absent: &mut BTreeMap<Thing, Cause>,
    members: &Members,
    found: &mut Refused,
) -> bool {
    let made = created::by(&parsed.command, &parsed.complaint.object);
    let own = made.as_ref().and_then(|made| made.findings.first().cloned());
    let first = first_cause(parsed).map(|limit| Cause { limit, finding: own });
    let Some(cause) = first.or_else(|| follows(parsed, absent, members, found)) else { return false };
    parsed.complaint.limit = Some(cause.limit);
    if let Some(finding) = cause.finding.clone() {
        found.complaints.entry(finding).or_default().push(at);
    }
    if let Some(made) = made {
        found.objects.extend(made.findings.into_iter().map(|name| (name, cause.limit)));
        if let Some(thing) = made.thing {
            absent.entry(thing).or_insert(cause);
        }
    }
    true
}

/// The limit of a CREATE that this server refuses from any dump.
fn first_cause(parsed: &ParsedComplaint) -> Option<Limit> {
    let (message, command) = (parsed.complaint.message.as_str(), parsed.command.as_str());
    let starts = |list: &[&str]| list.iter().any(|start| message.starts_with(start));
    if command.starts_with("CREATE EXTENSION ") {
        let is_there = message.starts_with("extension \"") && !message.contains("\" is not available");
        let is_refused = starts(&NO_EXTENSION) && !is_there;
        return (is_refused || NOT_PRELOADED.iter().any(|words| message.contains(words))).then_some(Limit::Extension);
    }
    let is_create = command.starts_with("CREATE ") && !command.starts_with("CREATE SCHEMA ");
    (is_create && starts(&NO_RIGHT)).then_some(Limit::Superuser)
}

/// The cause of a thing that the complaint misses.
fn follows(
    parsed: &ParsedComplaint,
    absent: &BTreeMap<Thing, Cause>,
    members: &Members,
    found: &mut Refused,
) -> Option<Cause> {
    let missed = created::missed(&parsed.complaint.message);
    if let Some(cause) = missed.iter().find_map(|thing| absent.get(thing)) {
        return Some(cause.clone());
    }
    let (thing, extension) = missed.into_iter().find_map(|thing| {
        let extension = members.extension_of(&thing)?.to_owned();
        Some((thing, extension))
    })?;
    let limit = *found.extensions.entry(extension.clone()).or_insert(Limit::ExtensionVersion);
    let finding = match limit {
        Limit::Extension => Subject::new("extension", quote_ident(&extension)),
        _ => Subject::new("table", thing.printed()),
    };
    found.members.insert(thing, limit);
    Some(Cause { limit, finding: Some(finding) })
}

/// How the definition of an object that a user put on a relation of an extension ends.
const ON_RELATION_OF: &str = "on a relation of extension ";

impl Refused {
    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.members.is_empty()
    }

    /// Why this object of the dump is missing: object and definition are those of a finding.
    pub fn object(&self, object: &Subject, definition: &str) -> Option<Limit> {
        let of_dump = self.objects.get(object).copied();
        let of_dump = of_dump.or_else(|| self.part(object));
        of_dump.or_else(|| self.put_on(object, definition)).or_else(|| self.described_object(object))
    }

    /// What a publication publishes.
    fn part(&self, object: &Subject) -> Option<Limit> {
        let Some(("publication_table" | "publication_schema", identity)) = object.parts() else { return None };
        let (publication, _) = name::split(identity)?;
        self.objects.get(&Subject::new("publication", publication.first()?)).copied()
    }

    /// Places of the complaints that go with this object, in the list that the restore has returned.
    pub fn complaints_of(&self, object: &Subject) -> &[usize] {
        self.complaints.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why a table or a sequence of an extension is missing.
    pub fn member(&self, object: &Subject) -> Option<Limit> {
        let is_relation = matches!(object.parts(), Some(("table" | "sequence", _)));
        self.members.get(&created::described_object(object)?).copied().filter(|_| is_relation)
    }

    fn put_on(&self, object: &Subject, definition: &str) -> Option<Limit> {
        // Of what a user put there, pg_dump carries nothing.
        let extension = definition.lines().last().and_then(|line| line.strip_prefix(ON_RELATION_OF));
        let (kind, _) = object.parts().filter(|(kind, _)| matches!(*kind, "index" | "constraint"))?;
        let extension = extension?;
        let (_, limit) = self.extensions.iter().find(|(name, _)| quote_ident(name) == extension)?;
        let is_on = |thing: &Thing| {
            let table = thing.printed();
            match kind {
                "constraint" => object.relation().is_some_and(|relation| relation.to_string() == table),
                _ => definition.contains(&format!("ON {table} ")),
            }
        };
        (*limit == Limit::Extension || self.members.keys().any(is_on)).then_some(*limit)
    }

    /// A privilege or a comment on something of an extension.
    fn described_object(&self, object: &Subject) -> Option<Limit> {
        let Some(("privilege" | "comment" | "owner", described)) = object.parts() else { return None };
        self.members.get(&created::described_object(&described.into())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(object: &str, message: &str, command: &str) -> ParsedComplaint {
        let complaint = crate::model::run::Complaint {
            object: object.into(),
            sqlstate: String::new(),
            message: message.into(),
            accepted: None,
            limit: None,
        };
        ParsedComplaint { complaint, command: command.into() }
    }

    fn limits(list: &mut [ParsedComplaint], members: &Members) -> (Vec<Option<Limit>>, Refused) {
        let refused = mark(list, members);
        (list.iter().map(|one| one.complaint.limit).collect(), refused)
    }

    #[test]
    fn what_depends_on_a_refused_object_has_its_limit_in_whatever_order_it_comes() {
        let mut list = [
            parsed("COMMENT SERVER away", "server \"away\" does not exist", "COMMENT ON SERVER away IS 'x';"),
            parsed("FOREIGN TABLE far", "server \"away\" does not exist", "CREATE FOREIGN TABLE shop.far ("),
            parsed(
                "SERVER away",
                "foreign-data wrapper \"files\" does not exist",
                "CREATE SERVER away FOREIGN DATA WRAPPER files;",
            ),
            parsed(
                "FOREIGN DATA WRAPPER files",
                "permission denied to create foreign-data wrapper \"files\"",
                "CREATE FOREIGN DATA WRAPPER files;",
            ),
            parsed("VIEW v", "relation \"shop.other\" does not exist", "CREATE VIEW shop.v AS"),
        ];
        let (found, refused) = limits(&mut list, &Members::default());
        let superuser = Some(Limit::Superuser);
        assert_eq!(found, [superuser, superuser, superuser, superuser, None]);
        assert_eq!(refused.object(&"foreign_table shop.far".into(), ""), superuser);
        assert_eq!(refused.object(&"foreign_table other.far".into(), ""), None, "another schema");
        assert_eq!(refused.object(&"view shop.v".into(), ""), None);
    }

    #[test]
    fn a_missing_thing_without_a_refused_create_is_never_explained() {
        for (message, command) in [
            ("type \"public.box\" does not exist", "CREATE TABLE shop.t ("),
            ("permission denied for schema shop", "CREATE VIEW shop.v AS"),
            ("permission denied for table t", "CREATE TRIGGER g BEFORE UPDATE ON shop.t FOR EACH ROW"),
            ("schema \"public\" does not exist", "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;"),
            ("extension \"hstore\" already exists", "CREATE EXTENSION hstore;"),
        ] {
            let (found, refused) = limits(&mut [parsed("X x", message, command)], &Members::default());
            assert!(found == [None] && refused.is_empty(), "{message}");
        }
    }

    #[test]
    fn a_thing_of_an_extension_is_explained_by_the_extension_that_the_source_has_it_from() {
        let members = Members::of(&[
            ("relation", "cron.job", "pg_cron"),
            ("schema", "cron", "pg_cron"),
            ("relation", "public.config", "hstore"),
        ]);
        let only = "can only create extension in database postgres";
        let mut list = [
            parsed("EXTENSION pg_cron", only, "CREATE EXTENSION IF NOT EXISTS pg_cron WITH SCHEMA pg_catalog;"),
            parsed("TABLE DATA job", "relation \"cron.job\" does not exist", "COPY cron.job (jobid) FROM stdin;"),
            parsed(
                "TABLE DATA config",
                "relation \"public.config\" does not exist",
                "COPY public.config (k) FROM stdin;",
            ),
            parsed("TABLE DATA t", "relation \"public.t\" does not exist", "COPY public.t (k) FROM stdin;"),
        ];
        let (found, refused) = limits(&mut list, &members);
        let (missing, version) = (Some(Limit::Extension), Some(Limit::ExtensionVersion));
        assert_eq!(found, [missing, missing, version, None]);
        assert_eq!(
            (refused.member(&"table cron.job".into()), refused.member(&"table public.config".into())),
            (missing, version)
        );
        assert_eq!(refused.member(&"table public.t".into()), None);
        assert_eq!(refused.object(&"extension pg_cron".into(), ""), missing);
        assert_eq!(refused.object(&"privilege schema cron to app".into(), "USAGE"), missing);
        let on = "CREATE INDEX i ON public.config USING btree (k)\non a relation of extension hstore";
        assert_eq!(refused.object(&"index public.i".into(), on), version);
        let other = on.replace("config", "other");
        for index in ["index public.i", "index public.\"on public.config now\""] {
            assert_eq!(refused.object(&index.into(), &other), None, "a table that is there");
        }
    }
}
