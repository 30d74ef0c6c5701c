//! Definitions, kind by kind and identity by identity.
//!
//! Objects of a missing table or schema become detail lines of that one finding, so that a long list does not hide other findings.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::collations::{self, Objects};
use super::inherited;
use super::major_versions::{self, Majors};
use super::waive::is_whole_kind;
use super::{OutcomeBuilder, Request};
use crate::compare::canonical::{self, KnownArrays};
use crate::model::catalog;
use crate::model::finding::{Finding, FindingKind};
use crate::model::manifest::{Definition, Manifest};
use crate::model::name::{Name, quote_ident};
use crate::model::progress::Side;
use crate::model::subject::Subject;

/// Kinds that describe another object, which their identity names.
const ABOUT_OTHERS: [&str; 4] = ["owner", "privilege", "comment", "security_label"];

/// Compares the definitions of everything that takes part.
pub fn compare(expected: &Manifest, actual: &Manifest, notes: &mut OutcomeBuilder<'_>) {
    let request = notes.request;
    for (side, manifest) in [("expected", expected), ("actual", actual)] {
        for (kind, reason) in manifest.schema.unseen.iter().filter(|(kind, _)| !is_switched_off(kind, request)) {
            notes.add_unchecked(Subject::new("schema", kind), side, reason);
        }
    }
    let kinds: BTreeSet<&String> = expected.schema.objects.keys().chain(actual.schema.objects.keys()).collect();
    note_not_asked(expected, actual, &kinds, notes);
    let majors = Majors::of(expected, actual);
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    let arrays = OnceCell::new();
    let is_same_text = |kind: &str, relation: Option<&str>, e: &str, a: &str| {
        let arrays = arrays.get_or_init(|| known_arrays([expected, actual]));
        canonical::is_same(canonical::DefinedObject { kind, relation }, e, a, arrays)
    };
    let is_same = |kind: &str, identity: &str, e: &Definition, a: &Definition| {
        e.text == a.text
            || major_versions::is_same(kind, identity, &e.text, &a.text, majors)
            || is_same_text(kind, e.relation.as_deref(), &e.text, &a.text)
            || inherited::without(kind, identity, &e.text, &a.text, [expected, actual])
                .is_some_and(|[older, newer]| is_same_text(kind, e.relation.as_deref(), &older, &newer))
    };
    for kind in kinds.into_iter().filter(|kind| !is_switched_off(kind, request)) {
        if [expected, actual].iter().any(|side| side.schema.unseen.contains_key(kind) || !was_asked(side, kind)) {
            continue;
        }
        if majors.is_some_and(|majors| !is_between(kind, majors)) {
            continue;
        }
        let (e, a) = (selected(expected, kind, request), selected(actual, kind, request));
        notes.outcome.coverage.objects_expected += e.len() as u64;
        notes.outcome.coverage.objects_actual += a.len() as u64;
        if collations::KINDS.contains(&kind.as_str()) {
            collations::compare(kind, &e, &a, notes);
            continue;
        }
        for identity in e.keys().chain(a.keys()).collect::<BTreeSet<_>>() {
            match (e.get(identity), a.get(identity)) {
                (Some((identity, e)), None)
                    if major_versions::is_nothing(kind, identity, &e.text, Side::Expected, majors) => {}
                (None, Some((identity, a)))
                    if major_versions::is_nothing(kind, identity, &a.text, Side::Actual, majors) => {}
                (Some((identity, e)), Some((_, a))) if note_unreadable(kind, identity, [e, a], notes) => {}
                (Some((identity, e)), None) => missing.push(Object { kind, identity, definition: e }),
                (None, Some((identity, a))) => unexpected.push(Object { kind, identity, definition: a }),
                (Some((identity, e)), Some((_, a))) if !is_same(kind, identity, e, a) => {
                    if note_shortened(kind, identity, [expected, actual], notes) {
                        continue;
                    }
                    let finding = Finding::new(FindingKind::Changed, Subject::new(kind, identity));
                    notes.add_finding(finding.sides(&e.text, &a.text));
                }
                _ => {}
            }
        }
    }
    fold(FindingKind::Missing, &missing, notes);
    fold(FindingKind::Unexpected, &unexpected, notes);
    fold_not_null(notes);
    remark_on_extensions(expected, notes);
}

/// How a definition begins that the reading role may not read.
const NOT_READABLE: &str = "NOT READABLE: ";

/// Adds unchecked entries for definitions that the reading role may not read.
fn note_unreadable(kind: &str, identity: &str, sides: [&Definition; 2], notes: &mut OutcomeBuilder<'_>) -> bool {
    // Only here: the text of other kinds may be a user's own.
    let reasons = sides.map(|side| side.text.strip_prefix(NOT_READABLE).filter(|_| kind == "user_mapping"));
    for (side, reason) in ["expected", "actual"].into_iter().zip(reasons) {
        if let Some(reason) = reason {
            notes.add_unchecked(Subject::new(kind, identity), side, reason);
        }
    }
    reasons.iter().any(Option::is_some)
}

/// Adds unchecked entries for definitions that differ from those of a manifest of format 1: version 0.1.0 left out casts, members of
/// operator classes, the slot of a subscription and the name of a default owner, and had hashes of its own for hidden options.
fn note_shortened(kind: &str, identity: &str, sides: [&Manifest; 2], notes: &mut OutcomeBuilder<'_>) -> bool {
    for (name, _) in ["expected", "actual"].into_iter().zip(sides).filter(|(_, side)| side.format == SHORTENED) {
        let reason = "its manifest was made by version 0.1.0, which stored parts of definitions only, and the definitions differ";
        notes.add_unchecked(Subject::new(kind, identity), name, reason);
    }
    sides.iter().any(|side| side.format == SHORTENED)
}

/// The format of manifests whose definitions are not complete.
const SHORTENED: u32 = 1;

fn is_between(kind: &str, majors: Majors) -> bool {
    let question = catalog::CATALOG.iter().find(|question| question.kind == kind);
    question.is_none_or(|question| question.is_between(majors.both()))
}

/// The objects of an extension are not compared: only the extension itself, the rows of its tables, and what users granted or created
/// on them. The remark tells the user so.
fn remark_on_extensions(expected: &Manifest, notes: &mut OutcomeBuilder<'_>) {
    let extensions = expected.schema.objects.get("extension").into_iter().flatten();
    // The language that is in every database and is rarely changed.
    let names: Vec<&str> =
        extensions.map(|(identity, _)| identity.as_str()).filter(|name| *name != "plpgsql").collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let remark = format!(
            "extensions ({names}): compared were name, schema, version, privileges and the rows that pg_dump dumps. Not compared: their \
             functions and other objects, and the values of their sequences"
        );
        notes.remark(remark);
    }
}

/// A saved manifest may lack whole kinds (`--no-owner`); a kind that was not read is unchecked, not empty.
fn note_not_asked(expected: &Manifest, actual: &Manifest, kinds: &BTreeSet<&String>, notes: &mut OutcomeBuilder<'_>) {
    let ours = catalog::CATALOG.iter().map(|question| question.kind);
    let kinds: BTreeSet<&str> = ours.chain(kinds.iter().map(|kind| kind.as_str())).collect();
    for kind in kinds.into_iter().filter(|kind| !is_switched_off(kind, notes.request)) {
        for (side, manifest) in [("expected", expected), ("actual", actual)] {
            if !manifest.schema.unseen.contains_key(kind) && !was_asked(manifest, kind) {
                notes.add_unchecked(
                    Subject::new("schema", kind),
                    side,
                    "was not read when the manifest was made (for instance --no-owner)",
                );
            }
        }
    }
}

/// True as well when the server is too old to have such objects.
fn was_asked(manifest: &Manifest, kind: &str) -> bool {
    let major = major_versions::major(manifest);
    let question = catalog::CATALOG.iter().find(|question| question.kind == kind);
    manifest.schema.objects.contains_key(kind)
        || question.zip(major).is_some_and(|(question, major)| !question.is_for(major))
}

/// A waiver for every object of a kind switches the kind off on both sides.
fn is_switched_off(kind: &str, request: &Request) -> bool {
    request.waivers.iter().any(|waiver| waiver.kind == kind && is_whole_kind(waiver))
}

/// The objects that take part, by the form of their identity that all majors share, with the identity as printed.
fn selected<'a>(manifest: &'a Manifest, kind: &str, request: &Request) -> Objects<'a> {
    let selection = &request.selection;
    let objects = manifest.schema.objects.get(kind);
    let is_printed = |identity: &str| objects.is_some_and(|objects| objects.contains_key(identity));
    let key = |printed: &str| match canonical::identity(printed) {
        // Both spellings on one side are two objects.
        shared if shared != printed && is_printed(&shared) => printed.to_owned(),
        shared => shared,
    };
    objects
        .into_iter()
        .flatten()
        .filter(|(_, object)| selection.has_object(object.schema.as_deref(), object.relation.as_deref()))
        .map(|(identity, object)| (key(identity), (identity.as_str(), object)))
        .collect()
}

/// Columns whose type is an array or a domain over one, and these domains, of both sides.
fn known_arrays(sides: [&Manifest; 2]) -> KnownArrays {
    let of_kind =
        |kind: &'static str| sides.into_iter().filter_map(move |side| side.schema.objects.get(kind)).flatten();
    let first_line = |definition: &'_ Definition| definition.text.lines().next().unwrap_or_default().to_owned();
    let domains: BTreeSet<&str> = of_kind("domain")
        .filter(|(_, definition)| canonical::is_array_type(&first_line(definition)))
        .map(|(domain, _)| domain.as_str())
        .collect();
    let mut arrays = KnownArrays::default();
    let mut add = |definition: &Definition, column: Option<String>| {
        let relation = definition.relation.as_deref().unwrap_or_default();
        arrays.columns.entry(relation.to_owned()).or_default().extend(column);
    };
    for (column, definition) in of_kind("column") {
        let printed = first_line(definition);
        let is_array = canonical::is_array_type(&printed) || domains.contains(printed.as_str());
        add(definition, is_array.then(|| canonical::last_name(column)));
    }
    // The columns of a view are the first lines of its definition.
    for (_, view) in of_kind("view").chain(of_kind("materialized_view")) {
        add(view, None);
        view.text
            .lines()
            .filter(|line| canonical::is_array_type(line))
            .for_each(|line| add(view, canonical::first_name(line)));
    }
    arrays.domains = domains.into_iter().map(canonical::last_name).collect();
    arrays
}

struct Object<'a> {
    kind: &'a str,
    identity: &'a str,
    definition: &'a Definition,
}

impl Object<'_> {
    fn subject(&self) -> Subject {
        Subject::new(self.kind, self.identity)
    }

    fn relation(&self) -> Option<String> {
        let Definition { schema: Some(schema), relation: Some(relation), .. } = self.definition else { return None };
        Some(Name::new(schema, relation).to_string())
    }

    /// How owners, privileges and comments name it: `function shop.vat(numeric)`, `trigger touch on shop.members`.
    fn comment_style_name(&self) -> String {
        let word = match self.kind {
            "type_base" | "type_composite" | "type_enum" | "type_range" | "domain" => "type".into(),
            "foreign_server" => "server".into(),
            "foreign_data_wrapper" => "foreign-data wrapper".into(),
            "statistics" => "statistics object".into(),
            "constraint" => "table constraint".into(),
            kind => kind.replace('_', " "),
        };
        let on_relation = ["constraint", "trigger", "rule", "policy"].contains(&self.kind).then(|| self.relation());
        match on_relation.flatten().and_then(|table| Some((self.identity.strip_prefix(&table)?.trim_start(), table))) {
            Some((name, table)) => format!("{word} {name} on {table}"),
            None => format!("{word} {}", self.identity),
        }
    }
}

/// Whether the object is itself the relation that it belongs to.
fn is_relation(object: &Object<'_>) -> bool {
    ["table", "foreign_table", "view", "materialized_view", "sequence", "type_composite"].contains(&object.kind)
}

/// Objects that exist on one side only and to which other objects belong, by the names under which those refer to them.
struct ParentObjects<'a> {
    schemas: BTreeMap<&'a str, &'a Object<'a>>,
    relations: BTreeMap<&'a str, &'a Object<'a>>,
    comment_style_name: BTreeMap<String, &'a Object<'a>>,
}

impl<'a> ParentObjects<'a> {
    fn of(objects: &'a [Object<'a>]) -> Self {
        let by_identity = |is_head: &dyn Fn(&Object<'_>) -> bool| {
            objects.iter().filter(|object| is_head(object)).map(|object| (object.identity, object)).collect()
        };
        let others = objects.iter().filter(|object| !ABOUT_OTHERS.contains(&object.kind));
        Self {
            schemas: by_identity(&|object| object.kind == "schema"),
            relations: by_identity(&is_relation),
            comment_style_name: others.map(|object| (object.comment_style_name(), object)).collect(),
        }
    }

    /// The missing parent of this object, if there is one. Schemas are tried before relations, so that the parent is never a child
    /// itself.
    fn find(&self, object: &Object<'_>) -> Option<&'a Object<'a>> {
        let in_schema = || self.schemas.get(quote_ident(object.definition.schema.as_deref()?).as_str());
        let of_relation = || self.relations.get(object.relation()?.as_str());
        let head = in_schema().or_else(of_relation).or_else(|| self.described_object(object));
        head.copied().filter(|head| (head.kind, head.identity) != (object.kind, object.identity))
    }

    /// The object that a privilege, comment, owner or label is about: `privilege function f(text) to public` and
    /// `comment function f(text)` are about `function f(text)`.
    fn described_object(&self, object: &Object<'_>) -> Option<&&'a Object<'a>> {
        if !ABOUT_OTHERS.contains(&object.kind) {
            return None;
        }
        let identity = object.identity;
        let ends = [" to ", " by "].into_iter().flat_map(|word| identity.match_indices(word)).map(|(end, _)| end);
        [identity.len()].into_iter().chain(ends).find_map(|end| self.comment_style_name.get(&identity[..end]))
    }
}

/// Heads become findings; what belongs to a head becomes a line of its detail.
fn fold(kind: FindingKind, objects: &[Object<'_>], notes: &mut OutcomeBuilder<'_>) {
    let heads = ParentObjects::of(objects);
    for object in objects {
        match heads.find(object) {
            Some(head) => add_detail(kind, head, object, notes),
            None => notes.add_finding(one_sided(kind, object)),
        }
    }
    fold_large_objects(kind, notes);
}

/// A NOT NULL constraint of 18 becomes a detail line of the finding for its column, its domain, or its table (a detached partition).
fn fold_not_null(notes: &mut OutcomeBuilder<'_>) {
    for one in take(notes, |finding| finding.object.of("not_null").is_some()) {
        let identity = one.object.of("not_null").unwrap_or_default();
        let table = canonical::split_last(identity).map(|(relation, _)| Subject::new("table", relation));
        let heads = [Some(Subject::new("column", identity)), Some(identity.into()), table].into_iter().flatten();
        let head = heads.map(|object| (FindingKind::Changed, object)).find(|head| notes.findings.contains_key(head));
        match head.and_then(|head| notes.findings.get_mut(&head)) {
            Some(head) => head.detail.push(one.to_string()),
            None => drop(notes.findings.insert((one.kind, one.object.clone()), one)),
        }
    }
}

/// Large objects that exist on one side only become detail lines of the finding for the data of large objects.
fn fold_large_objects(kind: FindingKind, notes: &mut OutcomeBuilder<'_>) {
    let data = (FindingKind::LargeObjects, Subject::LARGE_OBJECTS.into());
    if !notes.findings.contains_key(&data) {
        return;
    }
    let ones = take(notes, |finding| finding.kind == kind && finding.object.of("large_object").is_some());
    let lines = ones.into_iter().flat_map(|one| std::iter::once(one.to_string()).chain(one.detail));
    if let Some(finding) = notes.findings.get_mut(&data) {
        finding.detail.extend(lines);
    }
}

/// Takes these findings out.
fn take(notes: &mut OutcomeBuilder<'_>, is_one: impl Fn(&Finding) -> bool) -> Vec<Finding> {
    let all = std::mem::take(&mut notes.findings);
    let (ones, others) = all.into_iter().partition::<BTreeMap<_, _>, _>(|(_, finding)| is_one(finding));
    notes.findings = others;
    ones.into_values().collect()
}

fn one_sided(kind: FindingKind, object: &Object<'_>) -> Finding {
    let mut finding = Finding::new(kind, object.subject());
    let text = Some(String::from(&object.definition.text));
    match kind {
        FindingKind::Missing => finding.expected = text,
        _ => finding.actual = text,
    }
    finding
}

/// Adds the object to the detail of its parent, and removes a finding that another comparison made for it.
fn add_detail(kind: FindingKind, head: &Object<'_>, object: &Object<'_>, notes: &mut OutcomeBuilder<'_>) {
    notes.findings.remove(&(kind, object.subject()));
    let head = notes.findings.entry((kind, head.subject())).or_insert_with(|| one_sided(kind, head));
    head.detail.push(object.subject().to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ManifestBuilder as _, live};

    #[test]
    fn a_not_null_belongs_to_its_table_whatever_the_column_is_called() {
        for column in ["b", "\"a.b\"", "\"a b\""] {
            let identity = format!("s.t.{column}");
            let side = |table: &str, constraint: &str| {
                let side = live().with_all_kinds().of_major(18).object("table", "s.t", table);
                side.object("not_null", &identity, &format!("constraint {constraint}"))
            };
            let (expected, actual) = (side("table", "x"), side("table\nunlogged", "y"));
            let findings = crate::compare::compare(&expected, &actual, &Request::default()).findings;
            let [table] = findings.as_slice() else { panic!("{findings:?}") };
            assert_eq!(table.to_string(), "changed table s.t");
            assert_eq!(table.detail, [format!("changed not_null {identity}")]);
        }
    }

    #[test]
    fn a_definition_that_differs_from_one_of_version_0_1_0_is_unchecked_and_no_finding() {
        let of_format = |format, text: &str| Manifest {
            format,
            ..live().with_all_kinds().of_major(15).object("owner", "schema public", text)
        };
        let compared = |e: &Manifest, a: &Manifest| crate::compare::compare(e, a, &Request::default());
        let owner = Subject::new("owner", "schema public");
        for (e, a, unchecked) in
            [("the default owner", "pg_database_owner", 0), ("the default owner", "app", 1), ("postgres", "app", 1)]
        {
            let (first, second) = (of_format(SHORTENED, e), of_format(SHORTENED + 1, a));
            for outcome in [compared(&first, &second), compared(&second, &first)] {
                let noted = outcome.unchecked.iter().filter(|entry| entry.object == owner);
                assert_eq!((outcome.findings.len(), noted.count()), (0, unchecked), "{e}, {a}: {outcome:?}");
            }
        }
        assert_eq!(compared(&of_format(2, "postgres"), &of_format(2, "app")).findings.len(), 1);
        let mut gone = of_format(2, "app");
        gone.schema.objects.get_mut("owner").unwrap().clear();
        assert_eq!(
            compared(&of_format(SHORTENED, "postgres"), &gone).findings.len(),
            1,
            "an object that is missing is missing"
        );
    }
}
