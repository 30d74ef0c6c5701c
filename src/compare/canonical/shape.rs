//! Which parts of a definition are SQL, for each kind of object; the lines are built by `checks/catalog`.

use super::scan::{lines, split_at_word};

/// A part of a definition.
#[derive(Debug, PartialEq, Eq)]
pub enum DefinitionPart<'a> {
    /// Not an expression.
    Line(&'a str),
    /// A piece of SQL, and what has to stand before it to make it a statement.
    Sql { before: &'static str, sql: &'a str },
    /// The query of a view.
    Query(&'a str),
}

/// Lines that hold an expression after these words.
const EXPRESSIONS: [(&str, &str); 8] = [
    ("column", "default "),
    ("column", "generated (stored) "),
    ("column", "generated (virtual) "),
    ("domain", "default "),
    ("policy", "using "),
    ("policy", "with check "),
    ("publication_table", "where "),
    ("table", "partition by "),
];

const EXPRESSION: &str = "SELECT ";
const CONSTRAINT: &str = "ALTER TABLE t ADD CONSTRAINT c ";
const NAMED_CONSTRAINT: &str = "ALTER TABLE t ADD ";
const PARTITIONED: &str = "CREATE TABLE t (a integer) PARTITION BY ";

/// The parts of a definition; one part if its quotes and brackets do not match.
pub fn parts<'a>(kind: &str, text: &'a str) -> Vec<DefinitionPart<'a>> {
    match kind {
        "function" | "procedure" => return vec![DefinitionPart::Sql { before: "", sql: text }],
        "rule" => return statement_before_last_line(text),
        _ => {}
    }
    let Some(lines) = lines(text) else { return vec![DefinitionPart::Line(text)] };
    match kind {
        "view" | "materialized_view" => view(text, &lines),
        "constraint" | "index" | "trigger" | "statistics" => {
            let before = if kind == "constraint" { CONSTRAINT } else { "" };
            let mut parts = vec![DefinitionPart::Sql { before, sql: lines[0] }];
            parts.extend(lines[1..].iter().map(|line| DefinitionPart::Line(line)));
            parts
        }
        _ => lines.into_iter().flat_map(|line| expression_line(kind, line)).collect(),
    }
}

/// The rewrite rule's own text may have several lines, its state is the last one.
fn statement_before_last_line(text: &str) -> Vec<DefinitionPart<'_>> {
    let (statement, state) = text.rsplit_once('\n').unwrap_or((text, ""));
    vec![DefinitionPart::Sql { before: "", sql: statement }, DefinitionPart::Line(state)]
}

fn expression_line<'a>(kind: &str, line: &'a str) -> Vec<DefinitionPart<'a>> {
    if kind == "domain" && line.starts_with("constraint ") {
        return vec![DefinitionPart::Sql { before: NAMED_CONSTRAINT, sql: line }];
    }
    let known = EXPRESSIONS.iter().filter(|(of, _)| *of == kind);
    let split = known.filter_map(|(_, words)| Some((*words, line.strip_prefix(words)?))).next();
    match split {
        Some((words, sql)) => {
            let before = if kind == "table" { PARTITIONED } else { EXPRESSION };
            vec![DefinitionPart::Line(words), DefinitionPart::Sql { before, sql }]
        }
        None => vec![DefinitionPart::Line(line)],
    }
}

/// Columns (`name type default expression`), options, and the query, which begins with a space or a parenthesis.
fn view<'a>(text: &'a str, lines: &[&'a str]) -> Vec<DefinitionPart<'a>> {
    let mut parts = Vec::new();
    let mut at = 0;
    for line in lines {
        if line.starts_with([' ', '(']) {
            parts.push(DefinitionPart::Query(&text[at..]));
            return parts;
        }
        match split_at_word(line, "default") {
            Some((column, sql)) => {
                parts.extend([DefinitionPart::Line(column), DefinitionPart::Sql { before: EXPRESSION, sql }])
            }
            None => parts.push(DefinitionPart::Line(line)),
        }
        at += line.len() + 1;
    }
    parts
}
