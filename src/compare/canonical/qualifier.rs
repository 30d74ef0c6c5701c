//! The qualifier of the columns of a view over one relation: printed up to PostgreSQL 15, not printed from 16 on.
//!
//! This concerns only the outermost query of a view; in inner queries all majors print the qualifier.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::quoting;

/// The only relation of the query of a view.
#[derive(Debug)]
pub struct Qualifier {
    query: SyntaxNode,
    relation: String,
    /// Names that ORDER BY and DISTINCT ON take for a column of the result.
    outputs: BTreeSet<String>,
}

impl Qualifier {
    /// None if the query at the top is not a SELECT over exactly one relation, function or subquery.
    pub fn of(root: &SyntaxNode) -> Option<Self> {
        let query = root.children().next().filter(|query| query.kind() == SyntaxKind::SELECT)?;
        let from = query.children().find(|clause| clause.kind() == SyntaxKind::FROM_CLAUSE)?;
        let mut items = from.children();
        let item = items.next().filter(|_| items.next().is_none())?;
        let relation = name(&item)?;
        let outputs = renamed(&query);
        Some(Self { query, relation, outputs })
    }

    /// Whether the qualifier of this column can be left out.
    pub fn is_dropped(&self, field: &SyntaxNode) -> bool {
        self.column(field)
            .is_some_and(|column| self.is_own(field) && !(self.outputs.contains(&column) && is_sorted_by(field)))
    }

    /// The column, if this is `relation.column` and no part of a longer name.
    fn column(&self, field: &SyntaxNode) -> Option<String> {
        let mut parts = field.children();
        let (relation, column) = (parts.next()?, parts.next()?);
        let is_name = |part: &SyntaxNode| part.kind() == SyntaxKind::NAME_REF;
        let text = |part: &SyntaxNode| quoting::raw(&part.text().to_string());
        let parent = field.parent().map(|parent| parent.kind());
        let is_longer = matches!(parent, Some(SyntaxKind::FIELD_EXPR | SyntaxKind::CALL_EXPR));
        let is_ours = !is_longer && is_name(&relation) && is_name(&column) && text(&relation) == self.relation;
        (is_ours && parts.next().is_none()).then(|| text(&column))
    }

    /// In the query itself, not in a query inside it.
    fn is_own(&self, field: &SyntaxNode) -> bool {
        field.ancestors().find(is_query).is_some_and(|query| query == self.query)
    }
}

fn is_query(node: &SyntaxNode) -> bool {
    use SyntaxKind::{COMPOUND_SELECT, PAREN_SELECT, SELECT, TABLE, VALUES, WITH_CLAUSE};
    matches!(node.kind(), SELECT | COMPOUND_SELECT | PAREN_SELECT | VALUES | TABLE | WITH_CLAUSE)
}

/// Alone in ORDER BY or DISTINCT ON. Inside an expression there, a name is always one of the relation.
fn is_sorted_by(field: &SyntaxNode) -> bool {
    let outer = field.ancestors().skip(1).find(|node| node.kind() != SyntaxKind::PAREN_EXPR);
    outer.is_some_and(|outer| matches!(outer.kind(), SyntaxKind::SORT_BY | SyntaxKind::DISTINCT_ON))
}

/// The alias of an item of FROM, or the name of the relation.
fn name(item: &SyntaxNode) -> Option<String> {
    use SyntaxKind::{FUNCTION_FROM_ITEM, PAREN_FROM_ITEM, RELATION_FROM_ITEM};
    if !matches!(item.kind(), RELATION_FROM_ITEM | FUNCTION_FROM_ITEM | PAREN_FROM_ITEM) {
        return None;
    }
    // Parentheses around a join are no subquery.
    if item.children().any(|child| child.kind() == SyntaxKind::PAREN_EXPR) {
        return None;
    }
    let alias = item.children().find(|child| child.kind() == SyntaxKind::FROM_ALIAS);
    let alias = alias.and_then(|alias| alias.children().find(|child| child.kind() == SyntaxKind::TABLE_ALIAS));
    let relation = || item.children().find(|child| child.kind() == SyntaxKind::RELATION_NAME_REF);
    let token = alias.or_else(relation)?.last_token()?;
    Some(quoting::raw(token.text()))
}

/// Names of the result that are not the column of the same name.
fn renamed(query: &SyntaxNode) -> BTreeSet<String> {
    let clause = query.children().find(|clause| clause.kind() == SyntaxKind::SELECT_CLAUSE);
    let list = clause.and_then(|clause| clause.children().find(|child| child.kind() == SyntaxKind::TARGET_LIST));
    let aliases = list.into_iter().flat_map(|list| list.children()).filter_map(|target| {
        let alias = target.children().find(|child| child.kind() == SyntaxKind::AS_NAME)?;
        Some(quoting::raw(alias.last_token()?.text()))
    });
    aliases.collect()
}
