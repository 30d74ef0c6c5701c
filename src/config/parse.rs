//! From the text of `pgwitness.toml` to a [`Config`], with errors that an administrator can act on.
//!
//! Errors do not contain a value of the wrong type: it may be a password.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{Config, DumpFormat, PostgresSource, RdsSource};
use crate::base::error::{Error, Result};

const KINDS: [&str; 2] = ["rds", "postgres"];

/// Minimum similarity of two keys (Jaro and Winkler, 0 to 1) to suggest one for the other.
const ALIKE: f64 = 0.75;

const SECRET_HINT: &str =
    "a password never stands in this file: name a password_file, a password_command or a password_env";

impl Config {
    /// Reads a configuration, fills in the defaults and checks it without any input or output.
    ///
    /// # Errors
    /// No TOML; an unknown key, a wrong type or a missing key, by line and `section.key`; everything that [`Config::check`] finds.
    pub fn parse(text: &str) -> Result<Self> {
        let root = DeTable::parse(text).map_err(|error| at(text, &error, error.message()))?;
        check_source(text, root.get_ref())?;
        let has_jobs = root.get_ref().get("dump").is_some_and(|dump| dump.get_ref().get("jobs").is_some());
        let span = root.span();
        let mut config: Self = read(text, Spanned::new(span, DeValue::Table(root.into_inner())), "")?;
        if config.dump.format == DumpFormat::Custom && !has_jobs {
            config.dump.jobs = 1;
        }
        match config.check() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(joined(&problems)),
        }
    }
}

/// One error is itself; of several, each is a line with its hint.
fn joined(problems: &[Error]) -> Error {
    if let [only] = problems {
        return only.clone();
    }
    let line = |problem: &Error| match problem.hint_text() {
        Some(hint) => format!("- {problem}; {hint}"),
        None => format!("- {problem}"),
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    Error::new(format!("{} mistakes\n{}", problems.len(), lines.join("\n")))
}

/// Reads `[source]` alone, by its kind. An enum with its tag inside loses the places of errors and the names of
/// keys; when this has passed, the whole can be read as its type says.
fn check_source(text: &str, root: &DeTable<'_>) -> Result<()> {
    let Some(source) = root.get("source") else { return Ok(()) };
    let mut source = source.clone();
    let line = line_of(text, source.span().start);
    let DeValue::Table(table) = source.get_mut() else { return Ok(()) };
    let Some(kind) = table.remove("kind") else {
        return Err(placed(line, "source.kind is missing").hint("kind = \"rds\" or kind = \"postgres\""));
    };
    match kind.get_ref().as_str() {
        Some("rds") => read::<RdsSource>(text, source, "source").map(drop),
        Some("postgres") => read::<PostgresSource>(text, source, "source").map(drop),
        Some(other) => {
            let line = line_of(text, kind.span().start);
            Err(not_among(line, "source.kind", other, &KINDS))
        }
        None => Err(placed(line_of(text, kind.span().start), "source.kind: expected a text")),
    }
}

/// Reads a value; `section` is where it stands.
fn read<T: DeserializeOwned>(text: &str, value: Spanned<DeValue<'_>>, section: &str) -> Result<T> {
    T::deserialize(ValueDeserializer::from(value)).map_err(|error| explain(text, &error, section))
}

/// Rewrites an error of serde for an administrator.
fn explain(text: &str, error: &toml::de::Error, section: &str) -> Error {
    let path = path_of(error, section);
    let line = error.span().map_or(0, |span| line_of(text, span.start));
    let message = error.message();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message, quoted.split_first()) {
        (_, Some((key, known))) if message.starts_with("unknown field") => unknown_key(line, &path, key, known),
        (_, Some((key, _))) if message.starts_with("missing field") => missing_key(line, &path, key),
        (_, Some((value, known))) if message.starts_with("unknown variant") => not_among(line, &path, value, known),
        _ => placed(line, format!("{path}: {}", without_value(message))),
    }
}

/// For instance `source.temporary`. The error knows, but only says so when it is printed without its input.
fn path_of(error: &toml::de::Error, section: &str) -> String {
    let printed = error.to_string();
    let inner =
        printed.strip_prefix(error.message()).and_then(|rest| rest.trim().strip_prefix("in `")?.strip_suffix('`'));
    [section, inner.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn unknown_key(line: usize, path: &str, key: &str, known: &[&str]) -> Error {
    let full = join(path, key);
    // `kind` is read before the other keys.
    let known: Vec<&str> = known.iter().copied().chain((path == "source").then_some("kind")).collect();
    if ["password", "passphrase", "pass", "secret"].contains(&key) {
        return placed(line, format!("unknown key {full}")).hint(SECRET_HINT);
    }
    let suggestion = nearest(key, &known).map(|near| format!(": did you mean {near}?")).unwrap_or_default();
    placed(line, format!("unknown key {full}{suggestion}")).hint(format!("one of {}", known.join(", ")))
}

fn missing_key(line: usize, path: &str, key: &str) -> Error {
    if path.is_empty() {
        return Error::new(format!("there is no section [{key}]"))
            .hint("pgwitness config example toml shows all of them");
    }
    placed(line, format!("{} is missing", join(path, key)))
}

fn not_among(line: usize, path: &str, value: &str, known: &[&str]) -> Error {
    let suggestion = nearest(value, known).map(|near| format!(": did you mean {near:?}?")).unwrap_or_default();
    placed(line, format!("{path} cannot be {value:?}{suggestion}")).hint(format!("one of {}", known.join(", ")))
}

fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let alike = known.iter().map(|known| (strsim::jaro_winkler(key, known), *known));
    alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `invalid type: string "abc", expected u16` becomes `expected a whole number from 0 to 65535, found a text`.
fn without_value(message: &str) -> String {
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let is_number = found.starts_with("integer");
    let found = match found.split(['`', '"']).next().unwrap_or_default().trim() {
        "string" => "a text",
        "integer" => "a number",
        "floating point" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a section",
        other => other,
    };
    let expected = match expected {
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text in quotes",
        "a sequence" => "a list like [\"one\", \"two\"]",
        other if other.starts_with("struct ") || other.ends_with("enum Source") => "a section",
        other => other,
    };
    if is_number && expected.starts_with("a whole number") {
        return format!("expected {expected}");
    }
    format!("expected {expected}, found {found}")
}

fn at(text: &str, error: &toml::de::Error, message: &str) -> Error {
    placed(error.span().map_or(0, |span| line_of(text, span.start)), message)
}

/// An error with its line, if we know it.
fn placed(line: usize, message: impl Into<String>) -> Error {
    let error = Error::new(message.into());
    if line == 0 { error } else { error.context(format!("line {line}")) }
}

/// From 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
