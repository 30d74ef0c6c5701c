//! Column aliases equal to the name that the server would choose itself.
//!
//! `SELECT NULL::integer` names its column `int4`. The server prints the alias or not, depending on whether the definition was loaded
//! from text. Only expressions whose name is certain are known here (`FigureColname` in PostgreSQL's parse_target.c).

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::print::peel;
use super::quoting;

/// The server's name for a column without a better one.
const UNNAMED: &str = "?column?";

/// Types under the name that the catalog has for them, where the printed name is another.
const TYPES: [(&str, &str); 13] = [
    ("bigint", "int8"),
    ("bit varying", "varbit"),
    ("boolean", "bool"),
    ("character", "bpchar"),
    ("character varying", "varchar"),
    ("double precision", "float8"),
    ("integer", "int4"),
    ("real", "float4"),
    ("smallint", "int2"),
    ("time with time zone", "timetz"),
    ("time without time zone", "time"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
];

/// Whether `AS name` may be left out: the column has that name without it.
pub fn is_invented(as_name: &SyntaxNode) -> bool {
    let target = as_name.parent().filter(|parent| parent.kind() == SyntaxKind::TARGET);
    let expression = target.and_then(|target| target.first_child());
    let name = as_name.last_token().map(|token| quoting::raw(token.text()));
    let invented = expression.and_then(|expression| invented(&peel(&expression)));
    name.is_some() && name == invented
}

fn invented(expression: &SyntaxNode) -> Option<String> {
    match expression.kind() {
        SyntaxKind::LITERAL if !is_boolean(expression) => Some(UNNAMED.to_owned()),
        SyntaxKind::BIN_EXPR if is_operator(expression) => Some(UNNAMED.to_owned()),
        SyntaxKind::CAST_EXPR if has_no_name(&peel(&expression.first_child()?)) => type_name(&expression.last_child()?),
        _ => None,
    }
}

/// Whether the name of a cast of this is the name of the type.
fn has_no_name(operand: &SyntaxNode) -> bool {
    match operand.kind() {
        SyntaxKind::LITERAL => true,
        SyntaxKind::BIN_EXPR => is_operator(operand),
        SyntaxKind::CAST_EXPR => operand.first_child().is_some_and(|inner| has_no_name(&peel(&inner))),
        _ => false,
    }
}

fn is_boolean(literal: &SyntaxNode) -> bool {
    let first = literal.first_token().map(|token| token.kind());
    matches!(first, Some(SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW))
}

/// Written with signs: operators that are words are functions to the server, and named after them.
fn is_operator(expression: &SyntaxNode) -> bool {
    let mut children = expression.children_with_tokens();
    let is_sign = |text: &str| !text.contains(|c: char| c.is_alphanumeric() || c == '_');
    children.all(|child| match (child.as_node(), child.as_token()) {
        (Some(node), _) => node.kind() != SyntaxKind::AT_TIME_ZONE,
        (None, Some(token)) => is_sign(token.text()) || matches!(token.kind(), SyntaxKind::AND_KW | SyntaxKind::OR_KW),
        (None, None) => true,
    })
}

/// The catalog's name of a type, without schema, length and brackets.
fn type_name(printed: &SyntaxNode) -> Option<String> {
    let element = if printed.kind() == SyntaxKind::ARRAY_TYPE { printed.first_child()? } else { printed.clone() };
    let text = element.text().to_string();
    let (before, after) = text.split_once('(').unwrap_or((&text, ""));
    let after = after.split_once(')').map_or("", |(_, after)| after);
    let words = format!("{before}{after}");
    let known = TYPES.iter().find(|(printed, _)| *printed == words).map(|(_, name)| (*name).to_owned());
    let last = element.last_token().filter(|_| after.is_empty() && !words.contains(' '));
    known.or_else(|| last.filter(|_| !text.contains('(')).map(|token| quoting::raw(token.text()))).or_else(|| {
        let plain = words.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        plain.then_some(words)
    })
}
