//! The relations that the qualifiers of columns refer to: `t` and `x` in `FROM public.t, public.u x`.
//!
//! The server prints a definition with an empty search path, so a relation without a schema is a common table expression.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::quoting;

/// Qualifiers of one definition. Raw names.
#[derive(Debug, Default)]
pub struct Aliases {
    /// The relations that a qualifier refers to somewhere in the definition; None if it also refers to something else.
    relations: BTreeMap<String, Option<BTreeSet<String>>>,
    seen: BTreeSet<String>,
}

impl Aliases {
    /// Reads the FROM clauses and targets of a definition. `own`: the relation that a trigger or a rule is on.
    pub fn of(root: &SyntaxNode, own: Option<&str>) -> Self {
        let mut aliases = Self::default();
        for name in ["new", "old"] {
            aliases.add(name.to_owned(), own.map(str::to_owned));
        }
        for node in root.descendants() {
            match node.kind() {
                SyntaxKind::RELATION_NAME_REF => aliases.add_relation(&node),
                SyntaxKind::TABLE_ALIAS if !is_of_relation(&node) => aliases.add(last(&node), None),
                _ => {}
            }
        }
        aliases
    }

    /// The relations that a qualifier may refer to; None if that is not known.
    pub fn relations(&self, qualifier: &str) -> Option<&BTreeSet<String>> {
        self.relations.get(qualifier)?.as_ref()
    }

    /// All relations that the definition reads.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.seen.iter()
    }

    fn add_relation(&mut self, reference: &SyntaxNode) {
        let has_schema = reference.text().to_string().contains('.');
        let relation = last(reference);
        if has_schema {
            self.seen.insert(relation.clone());
        }
        let alias = holder(reference).and_then(|holder| alias_in(&holder));
        let name = alias.as_ref().map_or_else(|| relation.clone(), last);
        self.add(name, has_schema.then_some(relation));
    }

    fn add(&mut self, name: String, relation: Option<String>) {
        let known = self.relations.entry(name).or_insert_with(|| Some(BTreeSet::new()));
        match (known.as_mut(), relation) {
            (Some(relations), Some(relation)) => _ = relations.insert(relation),
            _ => *known = None,
        }
    }
}

/// The node that has a relation and its alias.
fn holder(reference: &SyntaxNode) -> Option<SyntaxNode> {
    let parent = reference.parent()?;
    if parent.kind() == SyntaxKind::RELATION_NAME { parent.parent() } else { Some(parent) }
}

fn alias_in(holder: &SyntaxNode) -> Option<SyntaxNode> {
    use SyntaxKind::{FROM_ALIAS, OPTIONAL_AS_ALIAS, REQUIRED_AS_ALIAS, TABLE_ALIAS};
    let is_alias = |node: &SyntaxNode| matches!(node.kind(), FROM_ALIAS | OPTIONAL_AS_ALIAS | REQUIRED_AS_ALIAS);
    holder.children().filter(is_alias).flat_map(|alias| alias.children()).find(|child| child.kind() == TABLE_ALIAS)
}

fn is_of_relation(alias: &SyntaxNode) -> bool {
    let holder = alias.parent().and_then(|alias| alias.parent());
    holder.is_some_and(|holder| {
        holder.children().any(|child| matches!(child.kind(), SyntaxKind::RELATION_NAME_REF | SyntaxKind::RELATION_NAME))
    })
}

/// The raw name at the end.
fn last(node: &SyntaxNode) -> String {
    node.last_token().map(|token| quoting::raw(token.text())).unwrap_or_default()
}
