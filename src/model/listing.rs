//! The relations and columns of an endpoint, before any row is read, and the plan which of them are read on both sides.
//!
//! Both sides must print the same columns in the same order, or equal rows would have different digests.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::manifest::{Column, Names, Observed, Relation, RelationKind};
use crate::model::name::Name;
use crate::model::selection::{Catalog, Selection};

/// The relations of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// By name.
    pub relations: BTreeMap<Name, ListedRelation>,
    /// What patterns need to know besides.
    pub names: Names,
}

impl Listing {
    /// What patterns can name here.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.relations.keys(), &self.names)
    }
}

/// A relation whose rows have not been read.
#[derive(Debug, Clone)]
pub struct ListedRelation {
    /// What it is.
    pub kind: RelationKind,
    /// Columns in attribute order.
    pub columns: Arc<[Column]>,
    /// Columns of the primary key.
    pub key: Vec<String>,
    /// Unlogged.
    pub is_unlogged: bool,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// Size, as far as known: for the order of work and for progress, never for a verdict.
    pub bytes: u64,
    /// The columns in which its rows are already laid down, in a saved manifest.
    pub fixed: Option<Arc<[String]>>,
    /// Whether this endpoint can hold its rows at all.
    pub can_have_rows: bool,
    /// Which of its rows a dump carries, where it is a configuration table of an extension.
    pub config: Option<Box<ConfigurationRows>>,
    /// A dump has rows of it but no definition: `columns` are those of the rows.
    pub is_undefined: bool,
}

/// Which rows of an extension's configuration table belong to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationRows {
    /// `WHERE …` as `pg_extension.extcondition` has it; empty: all rows.
    pub condition: String,
    /// Why the condition is not run, if so.
    pub refused: Option<String>,
}

impl ListedRelation {
    /// As it goes into a manifest.
    pub fn relation(&self, read_columns: Arc<[String]>, rows: Observed<crate::model::manifest::Tally>) -> Relation {
        Relation {
            kind: self.kind,
            columns: Arc::clone(&self.columns),
            key: self.key.clone(),
            is_unlogged: self.is_unlogged,
            extension: self.extension.clone(),
            read_columns,
            rows,
            computed: None,
            is_config: self.config.is_some(),
            is_undefined: self.is_undefined,
            is_dumped: false,
        }
    }

    /// Columns that are copied, not computed.
    fn copied_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| !column.is_generated).map(|column| &*column.name)
    }

    /// What is read to compare stored generated columns: these columns, then the generated ones by name. `None` without such.
    pub fn computed_columns(&self, read_columns: &[String]) -> Option<Vec<String>> {
        let is_stored = |column: &&Column| column.is_generated && !column.is_virtual;
        let mut stored: Vec<String> =
            self.columns.iter().filter(is_stored).map(|column| column.name.to_string()).collect();
        stored.sort();
        (!stored.is_empty()).then(|| [read_columns, &stored].concat())
    }
}

/// Which columns of which relations are read, on both sides alike.
pub type ReadPlan = BTreeMap<Name, Arc<[String]>>;

/// Reads what both sides have: the columns of the expected side that the actual side has too, in the expected order.
pub fn agree(expected: &Listing, actual: &Listing, selection: &Selection) -> ReadPlan {
    let both = expected.relations.iter().filter_map(|(name, e)| Some((name, e, actual.relations.get(name)?)));
    both.filter(|(name, e, a)| selection.has_table(name) && selection.has_rows(name) && has_rows(e) && has_rows(a))
        .map(|(name, e, a)| (name.clone(), common_columns(e, a)))
        .collect()
}

/// Reads everything that one endpoint has.
pub fn all(listing: &Listing, selection: &Selection) -> ReadPlan {
    agree(listing, listing, selection)
}

fn has_rows(listed: &ListedRelation) -> bool {
    listed.kind != RelationKind::ForeignTable && listed.can_have_rows
}

fn common_columns(expected: &ListedRelation, actual: &ListedRelation) -> Arc<[String]> {
    if let Some(fixed) = expected.fixed.as_ref().or(actual.fixed.as_ref()) {
        return fixed.clone();
    }
    let theirs: Vec<&str> = actual.copied_columns().collect();
    expected.copied_columns().filter(|column| theirs.contains(column)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(columns: &[&str], generated: &str) -> ListedRelation {
        let column = |name: &&str| Column {
            name: (*name).into(),
            type_name: "text".into(),
            is_generated: *name == generated,
            is_virtual: false,
        };
        ListedRelation {
            kind: RelationKind::Table,
            columns: columns.iter().map(column).collect(),
            key: Vec::new(),
            is_unlogged: false,
            extension: None,
            bytes: 0,
            fixed: None,
            can_have_rows: true,
            config: None,
            is_undefined: false,
        }
    }

    #[test]
    fn columns_are_named_in_the_order_of_the_expected_side() {
        let (e, a) = (listed(&["a", "b", "c", "g"], "g"), listed(&["g", "c", "x", "a"], "g"));
        assert_eq!(*common_columns(&e, &a), ["a", "c"]);
        assert_eq!(*common_columns(&a, &e), ["c", "a"]);
    }

    #[test]
    fn a_saved_manifest_lays_the_columns_down() {
        let mut saved = listed(&["a", "b"], "");
        saved.fixed = Some(["b".into(), "a".into()].into());
        assert_eq!(*common_columns(&listed(&["a", "b"], ""), &saved), ["b", "a"]);
    }
}
