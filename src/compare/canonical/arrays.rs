//! Decides by names which values are certainly not arrays.
//!
//! `(ARRAY[a])::text[]` means `ARRAY[(a)::text]` if `a` is no array, and `ARRAY[(a)::text[]]` if it is one.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::print::peel;
use super::quoting;
use super::scan;
use super::table_aliases::Aliases;

/// Columns and domains of a database that are arrays. Names are raw.
#[derive(Debug, Default)]
pub struct KnownArrays {
    /// Without their schemas.
    pub domains: BTreeSet<String>,
    /// By the name of the relation, without its schema. A relation without arrays has an empty set; the columns of a relation that is
    /// absent are not known.
    pub columns: BTreeMap<String, BTreeSet<String>>,
}

impl KnownArrays {
    /// Names that may be arrays in a text: domains, and columns of the relations that the text names. `relation` is the one
    /// that the definition belongs to.
    fn in_text(&self, text: &str, relation: Option<&str>) -> BTreeSet<&str> {
        let mut relations: BTreeSet<String> = relation.map(str::to_owned).into_iter().collect();
        match scan::lexemes(text) {
            Some(lexemes) => relations.extend(lexemes.into_iter().map(|(_, lexed)| quoting::raw(lexed))),
            None => relations.extend(self.columns.keys().cloned()),
        }
        let named = self.columns.iter().filter(|(name, _)| relations.contains(*name));
        named.flat_map(|(_, columns)| columns).chain(&self.domains).map(String::as_str).collect()
    }

    fn is_array(&self, relation: &str, column: &str) -> bool {
        self.columns.get(relation).is_none_or(|columns| columns.contains(column))
    }
}

/// Whether a type is an array by its printed name; the server takes these two vectors for arrays, but not `tsvector`, or the `vector`
/// of an extension.
pub fn is_array_type(printed: &str) -> bool {
    ["]", "int2vector", "oidvector"].iter().any(|end| printed.ends_with(end))
}

/// Functions of the server that never return an array. Printed without a schema, so no user functions. Not `lower` and `upper`: of a
/// range they return its element type.
const SCALAR_FUNCTIONS: &str = "abs ascii btrim ceil char_length chr concat concat_ws count date_part date_trunc floor format initcap left \
    length lpad ltrim md5 mod now quote_ident quote_literal rank repeat replace reverse right round row_number \
    rpad rtrim split_part substr to_char to_date translate trunc";

/// Names of arrays.
#[derive(Debug)]
pub struct Arrays<'a> {
    known: &'a KnownArrays,
    /// Domains over arrays, and columns that are arrays in a relation that the definition names.
    near: BTreeSet<&'a str>,
    aliases: Aliases,
    /// Names that the definition itself gives to values that may be arrays.
    own: BTreeSet<String>,
}

impl<'a> Arrays<'a> {
    /// Reads the aliases and parameters of a definition. `printed`: without what was added to make a statement of it;
    /// `relation`: the one that it belongs to.
    pub fn of(root: &SyntaxNode, printed: &str, known: &'a KnownArrays, relation: Option<&str>) -> Self {
        let near = known.in_text(printed, relation);
        let mut arrays = Self { known, near, aliases: Aliases::of(root, relation), own: BTreeSet::new() };
        let named: Vec<SyntaxNode> = root.descendants().filter(gives_name).collect();
        // An alias of an alias needs another pass.
        loop {
            let before = arrays.own.len();
            let found: Vec<String> = named.iter().filter(|name| !arrays.names_scalar(name)).filter_map(name).collect();
            arrays.own.extend(found);
            if arrays.own.len() == before {
                return arrays;
            }
        }
    }

    /// Whether a value is surely no array.
    pub fn is_scalar(&self, value: &SyntaxNode) -> bool {
        let value = peel(value);
        let is_name = |node: &SyntaxNode| matches!(node.kind(), SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR);
        match value.kind() {
            SyntaxKind::LITERAL => true,
            SyntaxKind::CAST_EXPR => value.last_child().is_some_and(|target| self.is_scalar_type(&target)),
            SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => {
                let is_column = value.descendants().all(|part| is_name(&part));
                is_column && self.is_scalar_column(&value).unwrap_or_else(|| self.is_known(&value))
            }
            SyntaxKind::CALL_EXPR => self.is_scalar_call(&value),
            SyntaxKind::CASE_EXPR => results(&value).iter().all(|result| self.is_scalar(result)),
            SyntaxKind::BIN_EXPR | SyntaxKind::PREFIX_EXPR => self.is_scalar_operation(&value),
            _ => false,
        }
    }

    fn is_scalar_call(&self, call: &SyntaxNode) -> bool {
        use SyntaxKind::{ARG_LIST, COALESCE_KW, GREATEST_KW, LEAST_KW, NAME_REF, NULLIF_KW};
        let mut parts = call.children();
        let function = parts.next().filter(|function| function.kind() == NAME_REF).and_then(|name| name.first_token());
        let arguments = parts.next().filter(|list| list.kind() == ARG_LIST);
        let Some((function, arguments)) = function.zip(arguments) else { return false };
        match function.kind() {
            // Of the type of their arguments.
            COALESCE_KW | GREATEST_KW | LEAST_KW | NULLIF_KW => {
                arguments.children().all(|argument| argument.first_child().is_some_and(|value| self.is_scalar(&value)))
            }
            _ => SCALAR_FUNCTIONS.split(' ').any(|name| name == quoting::raw(function.text())),
        }
    }

    /// The server's own operators return no array if no operand is one.
    fn is_scalar_operation(&self, operation: &SyntaxNode) -> bool {
        let is_operand = |node: &SyntaxNode| node.kind() != SyntaxKind::AT_TIME_ZONE;
        operation.children().filter(is_operand).all(|operand| self.is_scalar(&operand))
    }

    fn is_scalar_type(&self, printed: &SyntaxNode) -> bool {
        printed.kind() != SyntaxKind::ARRAY_TYPE
            && !is_array_type(&printed.text().to_string())
            && self.is_known(printed)
    }

    fn is_known(&self, node: &SyntaxNode) -> bool {
        // A column without a qualifier, or of a subquery, may come from any relation of the definition.
        let is_type = !matches!(node.kind(), SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR);
        let is_complete = is_type || self.aliases.all().all(|relation| self.known.columns.contains_key(relation));
        is_complete && name(node).is_some_and(|name| !self.near.contains(name.as_str()) && !self.own.contains(&name))
    }

    /// Whether `t.a` is no array, where `t` stands for relations only; None where it may stand for something else.
    fn is_scalar_column(&self, value: &SyntaxNode) -> Option<bool> {
        let mut parts = value.children();
        let (qualifier, column) = (parts.next()?, parts.next()?);
        let is_pair = qualifier.kind() == SyntaxKind::NAME_REF && parts.next().is_none();
        let relations = self.aliases.relations(&name(&qualifier)?).filter(|_| is_pair)?;
        let column = name(&column)?;
        Some(!relations.iter().any(|relation| self.known.is_array(relation, &column)))
    }

    /// Whether the thing that gets a name here is no array.
    fn names_scalar(&self, naming: &SyntaxNode) -> bool {
        let Some(parent) = naming.parent() else { return false };
        match naming.kind() {
            SyntaxKind::AS_NAME => parent.first_child().is_some_and(|value| self.is_scalar(&value)),
            SyntaxKind::PARAM_NAME => {
                let is_variadic = parent.text().to_string().trim_start().to_uppercase().starts_with("VARIADIC");
                let mut types = parent.children().skip_while(|child| child != naming).skip(1);
                !is_variadic && types.next().is_some_and(|printed| self.is_scalar_type(&printed))
            }
            _ => false,
        }
    }
}

/// What a CASE may give.
fn results(case: &SyntaxNode) -> Vec<SyntaxNode> {
    let is_clause = |node: &SyntaxNode| matches!(node.kind(), SyntaxKind::WHEN_CLAUSE | SyntaxKind::ELSE_CLAUSE);
    case.children()
        .flat_map(|child| if is_clause(&child) { vec![child] } else { child.children().filter(is_clause).collect() })
        .filter_map(|clause| clause.last_child())
        .collect()
}

/// An alias of a column, a column in the list of an alias, a parameter.
fn gives_name(node: &SyntaxNode) -> bool {
    let is_in_alias = node.parent().is_some_and(|parent| parent.kind() == SyntaxKind::AS_NAME);
    match node.kind() {
        SyntaxKind::AS_NAME | SyntaxKind::PARAM_NAME => true,
        SyntaxKind::COLUMN_NAME => !is_in_alias,
        _ => false,
    }
}

fn name(node: &SyntaxNode) -> Option<String> {
    node.last_token().map(|token| quoting::raw(token.text()))
}
