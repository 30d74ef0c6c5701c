//! `pgwitness man`: prints a manual page, or writes all of them.
//!
//! The pages are made from the arguments and the help texts, and the page of the configuration from its example.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};

use super::args::{Arguments, ManArguments};
use super::inputs;
use super::terminal::{Terminal, print_note, print_result};
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;

mod help_text;
mod topics;
mod page;
mod configuration;

/// Seconds since 1970: the date of the pages. <https://reproducible-builds.org/specs/source-date-epoch/>
pub const DATE_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Prints or writes.
pub fn run(arguments: &ManArguments) -> Result<u8> {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let date = date()?;
    if let Some(directory) = &arguments.directory {
        return write_all(&root, directory, &date);
    }
    let text = match arguments.command.as_slice() {
        [name] if name == configuration::NAME => configuration::render(&date),
        names => page::render(&root, find(&root, names)?, &date)?,
    };
    print_result(&text)?;
    if Terminal::stdout().is_terminal {
        let command = ["pgwitness", "man"].into_iter().chain(arguments.command.iter().map(String::as_str));
        print_note(&format!("note: this is for man: {} | man -l -", command.collect::<Vec<_>>().join(" ")));
    }
    Ok(0)
}

fn find<'a>(root: &'a Command, names: &[String]) -> Result<&'a Command> {
    names.iter().try_fold(root, |command, name| command.find_subcommand(name)).ok_or_else(|| {
        let error = Error::new(format!("there is no command {:?}", names.join(" ")));
        error.hint(format!("pgwitness --help lists the commands; {} is a page too", configuration::NAME))
    })
}

/// `YYYY-MM-DD`; empty without the variable.
fn date() -> Result<String> {
    let Some(text) = inputs::environment(DATE_VARIABLE) else { return Ok(String::new()) };
    let seconds: u64 = text.parse().map_err(|_| Error::new(format!("{DATE_VARIABLE} is not a number: {text:?}")))?;
    let (year, month, day) = Timestamp::new(std::time::UNIX_EPOCH).plus_seconds(seconds).date();
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

/// Writes `man1/pgwitness.1`, `man1/pgwitness-compare.1` and so on, and `man5/pgwitness.toml.5`.
fn write_all(root: &Command, directory: &Path, date: &str) -> Result<u8> {
    let mut pages = vec![(format!("man5/{}.5", configuration::NAME), configuration::render(date))];
    for command in page::all(root) {
        pages.push((format!("man1/{}.1", page::name(command)), page::render(root, command, date)?));
    }
    for (name, text) in &pages {
        let path = directory.join(name);
        let write = || fs::create_dir_all(path.parent().unwrap_or(directory)).and_then(|()| fs::write(&path, text));
        write().doing(|| format!("write {}", path.display()))?;
    }
    print_result(&format!("{} pages are in {}\n", pages.len(), directory.display()))?;
    Ok(0)
}
