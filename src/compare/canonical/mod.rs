//! The canonical form of definitions, to decide whether two of them are equivalent.
//!
//! PostgreSQL prints an expression differently after it was loaded from its own text, and majors print one parse tree in different ways.
//! So a definition is parsed and printed again by fixed rules (`print`). The result is never shown: users see the server's text. A text
//! that cannot be parsed is compared as it is.

mod implicit_column_name;
mod table_aliases;
mod arrays;
mod attver;
mod print;
mod qualifier;
mod quoting;
mod scan;
mod shape;

#[cfg(test)]
mod tests;

use std::ops::Range;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use self::arrays::Arrays;
use self::print::PrintContext;
use self::qualifier::Qualifier;
use self::scan::Lexeme;
use self::shape::DefinitionPart;

pub use self::arrays::{KnownArrays, is_array_type};
pub use self::quoting::{first_name, last_name, line as identity, split_last};

/// Kinds whose text is the user's own: quotes in it do not quote identifiers.
const PLAIN_TEXT: [&str; 3] = ["comment", "database_setting", "security_label"];

/// Stack that parsing may need per byte of text: the parser recurses into brackets.
const STACK_PER_BYTE: usize = 2 * 1024;
const STACK_AT_LEAST: usize = 4 * 1024 * 1024;

/// The lines of a definition that are not inside quotes or brackets; the whole text if quotes or brackets are not balanced.
pub fn lines(text: &str) -> Vec<&str> {
    scan::lines(text).unwrap_or_else(|| vec![text])
}

/// Whether a statement has this plain word outside quotes and brackets.
pub fn has_word(statement: &str, word: &str) -> bool {
    scan::split_at_word(statement, word).is_some()
}

/// An object whose definition is compared.
#[derive(Debug, Clone, Copy)]
pub struct DefinedObject<'a> {
    /// A file of `checks/catalog`.
    pub kind: &'a str,
    /// Raw name of the relation that it belongs to.
    pub relation: Option<&'a str>,
}

/// Whether two definitions of one object say the same.
pub fn is_same(object: DefinedObject<'_>, expected: &str, actual: &str, arrays: &KnownArrays) -> bool {
    if expected == actual {
        return true;
    }
    let longest = expected.len().max(actual.len());
    if longest > scan::MAX_BYTES || ![expected, actual].into_iter().all(scan::is_shallow) {
        return false;
    }
    // A separate thread has the stack for deep texts, and a panic of the parser ends only the thread.
    let stack = STACK_AT_LEAST + STACK_PER_BYTE * longest;
    std::thread::scope(|scope| {
        let compare = || canonical(object, expected, arrays) == canonical(object, actual, arrays);
        let thread = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, compare);
        thread.is_ok_and(|thread| thread.join().unwrap_or(false))
    })
}

/// A definition in the form that is compared.
fn canonical(object: DefinedObject<'_>, text: &str, arrays: &KnownArrays) -> String {
    let DefinedObject { kind, relation } = object;
    let sql = |before: &str, sql: &str, is_view| {
        parsed(before, sql, is_view, (arrays, relation)).unwrap_or_else(|| format!("text {sql}"))
    };
    if PLAIN_TEXT.contains(&kind) {
        return text.to_owned();
    }
    let parts = shape::parts(kind, text).into_iter().filter_map(|part| match part {
        DefinitionPart::Line(line) => Some(quoting::line(&attver::removed(kind, line)?)),
        DefinitionPart::Sql { before, sql: text } => Some(sql(before, text, false)),
        DefinitionPart::Query(text) => Some(sql("", text, true)),
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// A piece of SQL in that form; None if it is none. `before` makes a statement of it.
fn parsed(before: &str, sql: &str, is_view: bool, (arrays, relation): (&KnownArrays, Option<&str>)) -> Option<String> {
    let (statement, bodies) = without_bodies(before, sql)?;
    let parse = SourceFile::parse(&statement);
    let root = parse.syntax_node();
    let in_body = |at: usize| bodies.iter().any(|body| body.at.contains(&at));
    let is_wrong = parse.errors().iter().any(|error| !in_body(usize::from(error.range().start())));
    if is_wrong || !is_one_statement(&root) {
        return None;
    }
    let bodies = bodies.into_iter().map(|body| body.text).collect();
    let qualifier = is_view.then(|| Qualifier::of(&root)).flatten();
    let arrays = Arrays::of(&root, sql, arrays, relation);
    Some(print::print(&root, &PrintContext { qualifier, arrays, bodies }))
}

/// The body of a function.
struct FunctionBody<'a> {
    /// Where the empty string stands for it.
    at: Range<usize>,
    text: &'a str,
}

/// The statement with an empty string in place of each function body, which is compared as it is.
fn without_bodies<'a>(before: &str, sql: &'a str) -> Option<(String, Vec<FunctionBody<'a>>)> {
    let (mut statement, mut bodies) = (before.to_owned(), Vec::new());
    for (lexeme, lexed) in scan::lexemes(sql)? {
        let start = statement.len();
        if lexeme == Lexeme::Dollar {
            statement.push_str("$b$$b$");
            bodies.push(FunctionBody { at: start..statement.len(), text: lexed });
        } else {
            statement.push_str(lexed);
        }
    }
    Some((statement, bodies))
}

fn is_one_statement(root: &SyntaxNode) -> bool {
    root.children().count() == 1 && root.descendants().all(|node| node.kind() != SyntaxKind::ERROR)
}
