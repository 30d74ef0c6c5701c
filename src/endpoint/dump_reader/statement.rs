//! Extracts tables, rows, sequences and large objects from a statement of a dump.
//!
//! Most statements of a dump are not classified: they are `Other`.

use super::catalog::{DumpColumn, TableKind};
use super::pg_dump_output::start;
use super::token::{Token, Tokens};
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::model::name::Name;

/// A statement of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    Encoding(String),
    StandardStrings(bool),
    Table(NewTable),
    /// A composite type: a table may be created `OF` it without a list of columns.
    Type(Name, Vec<DumpColumn>),
    Attach {
        parent: Name,
        child: Name,
    },
    PrimaryKey {
        table: Name,
        columns: Vec<String>,
    },
    /// Rows follow, up to a line `\.`.
    Copy {
        table: Name,
        columns: Vec<String>,
    },
    Insert(Name),
    Sequence {
        name: Name,
        last_value: i64,
        is_called: bool,
    },
    LargeObjectCreate(u32),
    LargeObjectOpen(u32),
    LargeObjectWrite(Vec<u8>),
    LargeObjectClose,
    /// A column of this table gets the server's internal option `pg_attver`.
    Marked(Name),
    /// The definition of something that holds no rows.
    Create,
    Other,
}

/// `CREATE TABLE` and its relatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewTable {
    pub(super) name: Name,
    pub(super) kind: TableKind,
    pub(super) is_unlogged: bool,
    pub(super) columns: Vec<DumpColumn>,
    pub(super) inherits: Vec<Name>,
    pub(super) of_type: Option<Name>,
}

/// The encoding and quoting that earlier statements have set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// If false, names that are not UTF-8 get replacement characters.
    pub(super) is_utf8: bool,
    pub(super) plain_quotes_escape: bool,
}

/// The start of each statement we read, as pg_dump writes it.
const READ: &[&[u8]] = &[
    b"COPY ",
    b"CREATE TABLE ",
    b"CREATE UNLOGGED TABLE ",
    b"CREATE FOREIGN TABLE ",
    b"CREATE MATERIALIZED VIEW ",
    b"CREATE TYPE ",
    b"ALTER TABLE ",
    b"INSERT INTO ",
    b"SELECT pg_catalog.setval(",
    b"SELECT pg_catalog.lo",
    b"SET client_encoding",
    b"SET standard_conforming_strings",
];

/// Parses a statement. `is_whole` is false when it was too long for the splitter to keep.
pub(super) fn parse(text: &[u8], is_whole: bool, reading: Reading) -> Result<Statement> {
    if !READ.iter().any(|start| text.starts_with(start)) {
        return Ok(if text.starts_with(b"CREATE ") { Statement::Create } else { Statement::Other });
    }
    let decoded = String::from_utf8_lossy(text);
    if reading.is_utf8 && matches!(decoded, std::borrow::Cow::Owned(_)) {
        return Err(Error::new(of_statement("not UTF-8 in the statement", text)));
    }
    let mut tokens = Tokens::new(&decoded, reading.plain_quotes_escape);
    let statement = match tokens.next() {
        Some(Token::Word("COPY")) => copy(&mut tokens),
        Some(Token::Word("CREATE")) => create(&mut tokens),
        Some(Token::Word("ALTER")) => alter(&mut tokens),
        Some(Token::Word("INSERT")) => insert(&mut tokens),
        Some(Token::Word("SELECT")) => select(&mut tokens),
        _ => set(&mut tokens),
    };
    match statement {
        Some(Statement::Insert(name)) => Ok(Statement::Insert(name)),
        Some(statement) if is_whole => Ok(statement),
        _ => Err(Error::new(of_statement("cannot read the statement", text))
            .hint("is this the unchanged output of a pg_dump from version 10.3 on?")),
    }
}

/// With the first words of a statement, which are those of a row where the dump was changed.
fn of_statement(problem: &str, text: &[u8]) -> MarkedText {
    let words = start(&String::from_utf8_lossy(text.get(..200).unwrap_or(text)));
    MarkedText::with_values(format!("{problem} {words:?}"), format!("{problem} (not shown)"))
}

fn set(tokens: &mut Tokens<'_>) -> Option<Statement> {
    let setting = tokens.identifier()?;
    tokens.symbol(b'=');
    match setting.as_str() {
        "client_encoding" => tokens.literal().map(Statement::Encoding),
        _ => tokens.identifier().map(|value| Statement::StandardStrings(value == "on")),
    }
}

fn copy(tokens: &mut Tokens<'_>) -> Option<Statement> {
    let table = tokens.name()?;
    let columns = if tokens.peek() == Some(Token::Symbol(b'(')) { tokens.identifiers()? } else { Vec::new() };
    let is_plain = tokens.eat(&["FROM", "stdin"]) && tokens.next().is_none();
    is_plain.then_some(Statement::Copy { table, columns })
}

fn insert(tokens: &mut Tokens<'_>) -> Option<Statement> {
    tokens.eat(&["INTO"]);
    tokens.name().map(Statement::Insert)
}

fn alter(tokens: &mut Tokens<'_>) -> Option<Statement> {
    tokens.eat(&["TABLE"]);
    tokens.eat(&["IF", "EXISTS"]);
    tokens.eat(&["ONLY"]);
    let table = tokens.name()?;
    if tokens.eat(&["ATTACH", "PARTITION"]) {
        return tokens.name().map(|child| Statement::Attach { parent: table, child });
    }
    if tokens.eat(&["ALTER", "COLUMN"]) {
        let is_marked = tokens.identifier().is_some() && sets_marker(tokens);
        return Some(if is_marked { Statement::Marked(table) } else { Statement::Other });
    }
    if tokens.eat(&["ADD", "CONSTRAINT"]) {
        tokens.identifier()?;
        if tokens.eat(&["PRIMARY", "KEY"]) {
            return tokens.identifiers().map(|columns| Statement::PrimaryKey { table, columns });
        }
    }
    Some(Statement::Other)
}

/// `SET (n_distinct=5, pg_attver=7)`
fn sets_marker(tokens: &mut Tokens<'_>) -> bool {
    tokens.eat(&["SET"])
        && tokens.symbol(b'(')
        && std::iter::from_fn(|| tokens.next()).any(|token| token == Token::Word("pg_attver"))
}

fn select(tokens: &mut Tokens<'_>) -> Option<Statement> {
    let function = tokens.name()?.name;
    tokens.symbol(b'(');
    match function.as_str() {
        "setval" => setval(tokens),
        "lo_create" => large_object(tokens).filter(|_| is_end(tokens)).map(Statement::LargeObjectCreate),
        "lo_open" => {
            let oid = large_object(tokens)?;
            let is_mode = tokens.symbol(b',') && tokens.integer().is_some();
            (is_mode && is_end(tokens)).then_some(Statement::LargeObjectOpen(oid))
        }
        "lowrite" => {
            tokens.integer()?;
            tokens.symbol(b',');
            let literal = tokens.literal().filter(|_| is_end(tokens))?;
            hex::decode(literal.strip_prefix("\\x")?).ok().map(Statement::LargeObjectWrite)
        }
        "lo_close" => (tokens.integer().is_some() && is_end(tokens)).then_some(Statement::LargeObjectClose),
        _ => Some(Statement::Other),
    }
}

fn large_object(tokens: &mut Tokens<'_>) -> Option<u32> {
    tokens.literal()?.parse().ok()
}

/// The call ends here, and so does the statement.
fn is_end(tokens: &mut Tokens<'_>) -> bool {
    tokens.symbol(b')') && tokens.next().is_none()
}

/// The sequence's name is a literal with an identifier in it.
fn setval(tokens: &mut Tokens<'_>) -> Option<Statement> {
    let literal = tokens.literal()?;
    let name = Tokens::new(&literal, false).name()?;
    tokens.symbol(b',');
    let last_value = tokens.integer()?;
    tokens.symbol(b',');
    let is_called = tokens.identifier()? == "true";
    is_end(tokens).then_some(Statement::Sequence { name, last_value, is_called })
}

fn create(tokens: &mut Tokens<'_>) -> Option<Statement> {
    if tokens.eat(&["TYPE"]) {
        let name = tokens.name()?;
        let is_composite = tokens.eat(&["AS"]) && tokens.symbol(b'(');
        return if is_composite { columns(tokens).map(|c| Statement::Type(name, c)) } else { Some(Statement::Other) };
    }
    let kind = match () {
        () if tokens.eat(&["MATERIALIZED", "VIEW"]) => TableKind::MaterializedView,
        () if tokens.eat(&["FOREIGN", "TABLE"]) => TableKind::Foreign,
        () => TableKind::Ordinary,
    };
    let is_unlogged = tokens.eat(&["UNLOGGED"]);
    tokens.eat(&["TABLE"]);
    let name = tokens.name()?;
    let mut table = NewTable { name, kind, is_unlogged, columns: vec![], inherits: vec![], of_type: None };
    if kind != TableKind::MaterializedView {
        table_body(tokens, &mut table)?;
    }
    Some(Statement::Table(table))
}

fn table_body(tokens: &mut Tokens<'_>, table: &mut NewTable) -> Option<()> {
    if tokens.eat(&["OF"]) {
        table.of_type = Some(tokens.name()?);
    }
    if tokens.symbol(b'(') {
        table.columns = columns(tokens)?;
    }
    if tokens.eat(&["INHERITS"]) {
        tokens.symbol(b'(');
        loop {
            table.inherits.push(tokens.name()?);
            if !tokens.symbol(b',') {
                break;
            }
        }
        tokens.symbol(b')');
    }
    if tokens.eat(&["PARTITION", "BY"]) {
        table.kind = TableKind::Partitioned;
    }
    Some(())
}

/// The elements of a table up to the closing parenthesis.
fn columns(tokens: &mut Tokens<'_>) -> Option<Vec<DumpColumn>> {
    let mut columns = Vec::new();
    if tokens.symbol(b')') {
        return Some(columns);
    }
    loop {
        let is_constraint = tokens.eat(&["CONSTRAINT"]);
        let name = tokens.identifier()?;
        let (type_name, is_generated, is_last) = column_rest(tokens)?;
        if !is_constraint {
            columns.push(DumpColumn { name, type_name, is_generated });
        }
        if is_last {
            return Some(columns);
        }
    }
}

/// What ends the type of a column. None of them can be a type without quotes or a schema.
const AFTER_TYPE: &[&str] = &[
    "CHECK",
    "COLLATE",
    "COMPRESSION",
    "CONSTRAINT",
    "DEFAULT",
    "GENERATED",
    "NOT",
    "NULL",
    "OPTIONS",
    "PRIMARY",
    "REFERENCES",
    "STORAGE",
    "UNIQUE",
];

/// The rest of a column: its type, whether it is generated, whether the list ends here.
fn column_rest(tokens: &mut Tokens<'_>) -> Option<(String, bool, bool)> {
    let start = tokens.position();
    let (mut type_end, mut is_generated, mut depth, mut after_dot) = (None, false, 0u32, false);
    loop {
        let here = tokens.position();
        let token = tokens.next()?;
        let is_stop = matches!(token, Token::Word(word) if !after_dot && AFTER_TYPE.contains(&word));
        after_dot = token == Token::Symbol(b'.');
        match token {
            Token::Symbol(b',' | b')') if depth == 0 => {
                let type_name = tokens.between(start, type_end.unwrap_or(here)).to_owned();
                return Some((type_name, is_generated, token == Token::Symbol(b')')));
            }
            Token::Symbol(b'(' | b'[') => depth += 1,
            Token::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            Token::Word("GENERATED") if depth == 0 && is_stop => {
                is_generated = tokens.eat(&["ALWAYS", "AS"]) && tokens.peek() == Some(Token::Symbol(b'('));
            }
            _ => {}
        }
        if is_stop && depth == 0 {
            type_end.get_or_insert(here);
        }
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
