//! Parses the messages of pg_restore into complaints.
//!
//! Fails when the number of parsed errors differs from the count that pg_restore prints. The entry of an error stays empty when
//! it may be another one than the last named (the workers share one standard error). With workers, pg_restore adds some errors to
//! its count more than once, so the count only shows that there are errors; each message of a worker arrives in one piece, so
//! none is missed, even when the text before it was joined with another message.

use super::known;
use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;
use crate::model::run::Complaint;
use crate::postgres::process::ProcessEnd;

/// Number of complaints that are kept; further ones are only counted.
const MOST: usize = 1000;
const ENTRY: &str = "pg_restore: from TOC entry ";
const ERROR: &str = "pg_restore: error: ";
/// Printed in place of the owner for an entry without one, for instance an extension.
const NO_OWNER: &str = " (no owner)";
/// SQLSTATE 53100: the message of the server, and that of the operating system.
const DISK_FULL: &str = "No space left on device";
const ON_FULL_DISK: &str = "make room on the restore server (data directory, tablespaces, WAL), or restore to another server; the dump is not the cause";
pub(super) const COUNT: &str = "pg_restore: warning: errors ignored on restore: ";
/// Beginnings of the errors that pg_restore counts and continues after; any other error ends it.
const PASSED_OVER: &[&str] = &[
    "could not execute query: ",
    "COPY failed for table ",
    "could not set ",
    "could not create large object",
    "error returned by PQputCopyData: ",
    "error returned by PQputCopyEnd: ",
];

/// A complaint, and the first line of the command that failed, where pg_restore prints one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParsedComplaint {
    pub(super) complaint: Complaint,
    pub(super) command: String,
}

impl ParsedComplaint {
    fn new(object: String, message: String) -> Self {
        let complaint = Complaint { object, sqlstate: String::new(), message, accepted: None, limit: None };
        Self { complaint, command: String::new() }
    }
}

/// Takes line after line.
#[derive(Debug, Default)]
pub(super) struct ComplaintParser {
    list: Vec<ParsedComplaint>,
    count: u64,
    /// Number of complaints from workers.
    of_workers: u64,
    /// The entry that was named last.
    entry: String,
    /// Number of entries named since the last error.
    named: usize,
    /// Number of coming errors that could belong to several entries.
    unclear: usize,
    is_parallel: bool,
    /// The count, if it was the last line.
    counted: Option<u64>,
    fatal: Option<String>,
    has_open_message: bool,
    /// The command of the last message has not arrived yet.
    has_open_command: bool,
}

impl ComplaintParser {
    /// Parses the next line of standard error.
    pub(super) fn parse(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.counted = line.strip_prefix(COUNT).and_then(|number| number.trim().parse().ok());
        if let Some(entry) = line.strip_prefix(ENTRY) {
            self.enter(entry);
        } else if let Some(message) = line.strip_prefix(ERROR) {
            self.complain(message);
        } else if let Some(message) = run_together(line).filter(|_| self.is_parallel) {
            self.unclear = self.unclear.max(1);
            self.complain(message);
        } else if let Some(detail) = line.strip_prefix("DETAIL:  ").filter(|_| self.has_open_message) {
            self.detail(detail);
        } else if let Some(command) = line.strip_prefix("Command was: ").filter(|_| self.has_open_command) {
            self.command(command);
        } else {
            self.has_open_command &= !line.starts_with("pg_restore: ");
            match line {
                "pg_restore: entering main parallel loop" => self.is_parallel = true,
                "pg_restore: finished main parallel loop" => self.is_parallel = false,
                _ => {}
            }
            self.has_open_message = false;
        }
    }

    /// `217; 1255 16406 FUNCTION f() owner1`: number, class, OID, type, name, owner (which may be empty, or ` (no owner)`).
    fn enter(&mut self, entry: &str) {
        let object = entry.splitn(4, ' ').nth(3).unwrap_or(entry);
        let object =
            object.strip_suffix(NO_OWNER).or(object.rsplit_once(' ').map(|(object, _)| object)).unwrap_or(object);
        object.clone_into(&mut self.entry);
        self.named += 1;
        self.has_open_message = false;
    }

    fn complain(&mut self, message: &str) {
        if !PASSED_OVER.iter().any(|start| message.starts_with(start)) {
            self.fatal.get_or_insert(message.to_owned());
            return;
        }
        self.count += 1;
        self.of_workers += u64::from(self.is_parallel);
        let object = self.object();
        self.has_open_message = self.list.len() < MOST;
        self.has_open_command = self.has_open_message;
        if self.has_open_message {
            self.list.push(ParsedComplaint::new(object, said(message).to_owned()));
        }
    }

    /// The entry of the error; empty if that is not certain.
    fn object(&mut self) -> String {
        if self.is_parallel && self.named != 1 {
            // Each of the next errors may belong to any of the named entries; an error without an entry, to any earlier one.
            self.unclear = self.unclear.max(self.named.max(1));
        }
        self.named = 0;
        if self.unclear > 0 {
            self.unclear -= 1;
            return String::new();
        }
        self.entry.clone()
    }

    fn detail(&mut self, detail: &str) {
        if let Some(parsed) = self.list.last_mut() {
            parsed.complaint.message.push_str("; ");
            parsed.complaint.message.push_str(detail);
        }
        self.has_open_message = false;
    }

    /// The failed command shows whether only an owner or a privilege could not be set.
    fn command(&mut self, command: &str) {
        if let Some(parsed) = self.list.last_mut() {
            parsed.complaint.limit = known::limit_of(&parsed.complaint.message, command);
            command.clone_into(&mut parsed.command);
        }
        (self.has_open_message, self.has_open_command) = (false, false);
    }

    /// All complaints.
    ///
    /// # Errors
    /// It ended for another reason, or counted otherwise.
    pub(super) fn finish(self, ended: &ProcessEnd) -> Result<Vec<ParsedComplaint>> {
        let is_good = ended.status.success();
        if let Some(full) = self.list.iter().map(|one| &one.complaint).find(|one| one.message.contains(DISK_FULL)) {
            let safe = "the disk of the restore server is full";
            let text = MarkedText::with_values(format!("{safe}: {}", full.message), safe);
            return Err(Error::new(text).hint(ON_FULL_DISK));
        }
        let adds_up = |counted: u64| counted == self.count || (self.of_workers > 0 && counted > self.count);
        match (self.counted, &self.fatal) {
            (_, Some(fatal)) => Err(ending(fatal)),
            (None, None) if is_good && self.count == 0 => Ok(Vec::new()),
            (Some(counted), None) if !is_good && adds_up(counted) && self.count > 0 => Ok(self.all()),
            (None, None) if self.count == 0 => {
                let status = ended.status;
                Err(Error::new(ended.said.cause("pg_restore").map(|text| format!("{text} (pg_restore: {status})"))))
            }
            (counted, None) => {
                let counted = counted.map_or("no".to_owned(), |counted| counted.to_string());
                let text =
                    format!("pg_restore counted {counted} errors where {} can be read ({})", self.count, ended.status);
                Err(Error::new(text).hint("with restore.jobs = 1 its messages do not run into each other"))
            }
        }
    }

    fn all(mut self) -> Vec<ParsedComplaint> {
        let kept = self.list.len() as u64;
        if self.count > kept {
            let message = format!("{} more complaints", self.count - kept);
            self.list.push(ParsedComplaint::new(String::new(), message));
        }
        self.list
    }
}

/// The message in a line whose beginning was joined with another message.
fn run_together(line: &str) -> Option<&str> {
    let start = PASSED_OVER[..2].iter().filter_map(|start| line.find(start)).min()?;
    line.get(start..)
}

/// The message of the server without its severity (`ERROR:  `).
fn said(message: &str) -> &str {
    let text = message.split_once(":  ").map_or(message, |(_, text)| text);
    text.trim()
}

/// The error for a pg_restore that stopped early.
fn ending(fatal: &str) -> Error {
    let error = Error::new(MarkedText::with_values(format!("pg_restore stopped: {fatal}"), "pg_restore stopped"));
    if fatal.contains(DISK_FULL) {
        return error.hint(ON_FULL_DISK);
    }
    let is_about_server = ["server closed the connection", "terminating connection", "connection to server", "SSL "];
    if is_about_server.iter().any(|words| fatal.contains(words)) {
        return error
            .hint("the restore server ended the connection; its log says why (disk full, out of memory, restart)");
    }
    let is_about_file = ["input file", "data file", "file header", "unexpected", "found", "end of file", "archive"];
    if fatal.contains("unsupported version") {
        return error.hint("use a pg_restore that is not older than the pg_dump that made the dump");
    }
    if is_about_file.iter().any(|words| fatal.contains(words)) {
        return error.hint("the dump is cut short or damaged");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::process::Said;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn heard(text: &str, code: i32) -> Result<Vec<(String, String)>, String> {
        let (mut complaints, mut said) = (ComplaintParser::default(), Said::default());
        for line in text.lines() {
            complaints.parse(line);
            said.add(line);
        }
        let ended = ProcessEnd { status: ExitStatus::from_raw(code << 8), said };
        let list = complaints.finish(&ended).map_err(|error| error.to_string())?;
        Ok(list.into_iter().map(|parsed| (parsed.complaint.object, parsed.complaint.message)).collect())
    }

    const TWO: &str = "pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 6; 2615 16388 SCHEMA s postgres
pg_restore: error: could not execute query: ERROR:  schema \"s\" already exists
Command was: CREATE SCHEMA s;


pg_restore: creating TABLE \"public.u\"
pg_restore: from TOC entry 3075; 0 0 COMMENT EXTENSION plpgsql 
pg_restore: error: could not execute query: ERROR:  must be owner of extension plpgsql
DETAIL:  because
Command was: COMMENT
DETAIL:  not this one
";

    fn pair(object: &str, message: &str) -> (String, String) {
        (object.to_owned(), message.to_owned())
    }

    #[test]
    fn each_complaint_has_its_entry_and_the_servers_words() {
        let text = format!("{TWO}pg_restore: warning: errors ignored on restore: 2\n");
        let expected = vec![
            pair("SCHEMA s", "schema \"s\" already exists"),
            pair("COMMENT EXTENSION plpgsql", "must be owner of extension plpgsql; because"),
        ];
        assert_eq!(heard(&text, 1).unwrap(), expected);
    }

    #[test]
    fn a_second_complaint_of_one_entry_has_that_entry() {
        let again = "pg_restore: error: could not execute query: ERROR:  again\n";
        let text = format!("{TWO}{again}pg_restore: warning: errors ignored on restore: 3\n");
        assert_eq!(heard(&text, 1).unwrap()[2], pair("COMMENT EXTENSION plpgsql", "again"));
    }

    #[test]
    fn what_does_not_add_up_is_an_error() {
        let counted = "pg_restore: warning: errors ignored on restore: 3\n";
        assert!(
            heard(&format!("{TWO}{counted}"), 1).unwrap_err().starts_with("pg_restore counted 3 errors where 2 can")
        );
        assert!(heard(TWO, 1).unwrap_err().starts_with("pg_restore counted no errors"));
        assert!(heard(TWO, 0).unwrap_err().contains("where 2 can be read"));
        assert!(heard(counted, 0).unwrap_err().contains("counted 3 errors where 0"));
        assert!(heard("", 1).unwrap_err().contains("it said nothing"));
        assert_eq!(heard("pg_restore: creating TABLE \"a.b\"\n", 0).unwrap(), vec![]);
    }

    #[test]
    fn a_count_in_the_middle_is_not_its_last_word() {
        let text = format!("{TWO}pg_restore: warning: errors ignored on restore: 2\nmore\n");
        assert!(heard(&text, 1).is_err());
    }

    #[test]
    fn an_end_before_the_end_is_an_error_whatever_was_counted() {
        let text = format!(
            "{TWO}pg_restore: error: could not read from input file: end of file\npg_restore: error: a worker process died unexpectedly\n"
        );
        assert_eq!(heard(&text, 1).unwrap_err(), "pg_restore stopped: could not read from input file: end of file");
    }

    #[test]
    fn workers_that_talk_at_once_are_not_told_apart() {
        let text = "pg_restore: entering main parallel loop
pg_restore: from TOC entry 1; 1 1 INDEX a me
pg_restore: from TOC entry 2; 1 1 INDEX b me
pg_restore: error: could not execute query: ERROR:  one
pg_restore: error: could not execute query: ERROR:  two
pg_restore: from TOC entry 3; 1 1 INDEX c me
pg_restore: error: could not execute query: ERROR:  three
pg_restore: error: could not execute query: ERROR:  four
pg_restore: finished main parallel loop
pg_restore: warning: errors ignored on restore: 4
";
        let expected = vec![pair("", "one"), pair("", "two"), pair("INDEX c", "three"), pair("", "four")];
        assert_eq!(heard(text, 1).unwrap(), expected);
    }

    #[test]
    fn joined_lines_are_complaints_without_an_object() {
        let text = "pg_restore: entering main parallel loop
pg_restore: from TOC entry 1; 1 1 INDEX a me
pg_restore: pg_restore: error: creating INDEX \"public.b\"
error: could not execute query: ERROR:  one
Command was: CREATE INDEX
pg_restore: finished main parallel loop
pg_restore: warning: errors ignored on restore: 2
";
        assert_eq!(heard(text, 1).unwrap(), vec![pair("", "one")]);
    }

    #[test]
    fn workers_count_more_than_once() {
        let text = "pg_restore: entering main parallel loop
pg_restore: from TOC entry 1; 1 1 INDEX a me
pg_restore: error: could not execute query: ERROR:  one
pg_restore: finished main parallel loop
pg_restore: warning: errors ignored on restore: ";
        assert_eq!(heard(&format!("{text}2"), 1).unwrap(), vec![pair("INDEX a", "one")]);
        assert!(heard(&format!("{text}0"), 1).is_err());
    }

    #[test]
    fn a_flood_of_complaints_is_counted_and_not_kept() {
        let mut text = "pg_restore: error: could not execute query: ERROR:  x\n".repeat(1500);
        text.push_str("pg_restore: warning: errors ignored on restore: 1500\n");
        let list = heard(&text, 1).unwrap();
        assert_eq!((list.len(), list[1000].1.as_str()), (1001, "500 more complaints"));
    }
}
