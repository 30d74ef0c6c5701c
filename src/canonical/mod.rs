//! Definitions in one form, whatever server printed them, to decide whether two of them say the same.
//!
//! PostgreSQL prints an expression otherwise after it has been loaded from its own text, and majors print one parse tree in several ways.
//! A definition is parsed and printed again by fixed rules ([`print`]). The result is never shown: what users see is the server's text. A
//! text that cannot be parsed stands for itself, so it equals only itself.

mod alias;
mod arrays;
mod marker;
mod print;
mod qualifier;
mod quoting;
mod scan;
mod shape;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use self::arrays::Arrays;
use self::print::Context;
use self::qualifier::Qualifier;
use self::scan::Lexeme;
use self::shape::Part;

pub use self::arrays::KnownArrays;
pub use self::quoting::{first_name, last_name, line as identity, split_last};

/// The stack that parsing one byte of a text may need: brackets nest, and so does the parser.
const STACK_PER_BYTE: usize = 2 * 1024;
const STACK_AT_LEAST: usize = 4 * 1024 * 1024;

/// Whether two definitions of one kind (a file of `checks/catalog`) say the same. `arrays`: names of columns and domains that are
/// arrays.
pub fn is_same(kind: &str, expected: &str, actual: &str, arrays: &BTreeSet<String>) -> bool {
    if expected == actual {
        return true;
    }
    let longest = expected.len().max(actual.len());
    if longest > scan::MAX_BYTES || ![expected, actual].into_iter().all(scan::is_shallow) {
        return false;
    }
    // A thread of its own has the stack for deep texts; a panic of the parser ends only the thread.
    let stack = STACK_AT_LEAST + STACK_PER_BYTE * longest;
    std::thread::scope(|scope| {
        let compare = || canonical(kind, expected, arrays) == canonical(kind, actual, arrays);
        let thread = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, compare);
        thread.is_ok_and(|thread| thread.join().unwrap_or(false))
    })
}

/// A definition in the form that is compared.
fn canonical(kind: &str, text: &str, arrays: &BTreeSet<String>) -> String {
    let parts = shape::parts(kind, text).into_iter().filter_map(|part| match part {
        Part::Line(line) => Some(quoting::line(&marker::removed(kind, line)?)),
        Part::Sql { before, sql } => Some(sql_text(before, sql, false, arrays)),
        Part::Query(sql) => Some(sql_text("", sql, true, arrays)),
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// A piece of SQL in that form; itself if it is none. `before` makes a statement of it.
fn sql_text(before: &str, sql: &str, is_view: bool, arrays: &BTreeSet<String>) -> String {
    parsed(before, sql, is_view, arrays).unwrap_or_else(|| format!("text {sql}"))
}

fn parsed(before: &str, sql: &str, is_view: bool, arrays: &BTreeSet<String>) -> Option<String> {
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
    let arrays = Arrays::of(&root, arrays);
    Some(print::print(&root, &Context { qualifier, arrays, bodies }))
}

/// The body of a function.
struct Body<'a> {
    /// Where the empty string stands for it.
    at: Range<usize>,
    text: &'a str,
}

/// The statement with an empty string for the body of a function: what is in there is not ours to read.
fn without_bodies<'a>(before: &str, sql: &'a str) -> Option<(String, Vec<Body<'a>>)> {
    let (mut statement, mut bodies) = (before.to_owned(), Vec::new());
    for (lexeme, lexed) in scan::lexemes(sql)? {
        let start = statement.len();
        if lexeme == Lexeme::Dollar {
            statement.push_str("$b$$b$");
            bodies.push(Body { at: start..statement.len(), text: lexed });
        } else {
            statement.push_str(lexed);
        }
    }
    Some((statement, bodies))
}

fn is_one_statement(root: &SyntaxNode) -> bool {
    root.children().count() == 1 && root.descendants().all(|node| node.kind() != SyntaxKind::ERROR)
}
