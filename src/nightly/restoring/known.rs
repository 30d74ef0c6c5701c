//! Decides which complaints are harmless: those that the configuration names by object and code, and two that occur in every
//! restore.
//!
//! A complaint is never accepted by count or by its text alone: at least two of object, code and message must be given and match.
//! pg_restore does not print the code; it is derived from the messages below, and empty for any other. With workers the object
//! may be unknown.

use crate::config::AcceptedError;
use crate::model::finding::Limit;
use crate::model::run::Complaint;

/// Start and end of an English server message, and its SQLSTATE.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("must be owner of ", "", "42501"),
    ("permission denied ", "", "42501"),
    ("must be member of role ", "", "42501"),
    ("must be able to SET ROLE ", "", "42501"),
    ("must be superuser ", "", "42501"),
    ("only superuser can define a leakproof function", "", "42501"),
    ("schema \"", "\" already exists", "42P06"),
    ("schema \"", "\" does not exist", "3F000"),
    ("relation \"", "\" already exists", "42P07"),
    ("relation \"", "\" does not exist", "42P01"),
    ("type \"", "\" already exists", "42710"),
    ("type \"", "\" does not exist", "42704"),
    ("extension \"", "\" already exists", "42710"),
    ("extension \"", "\" does not exist", "42704"),
    ("extension \"", "\" is not available", "0A000"),
    ("could not open extension control file ", "", "58P01"),
    ("function \"", "\" already exists with same argument types", "42723"),
    ("function ", " does not exist", "42883"),
    ("role \"", "\" does not exist", "42704"),
    ("tablespace \"", "\" does not exist", "42704"),
    ("server \"", "\" does not exist", "42704"),
    ("foreign-data wrapper \"", "\" does not exist", "42704"),
    ("event trigger \"", "\" does not exist", "42704"),
    ("publication \"", "\" does not exist", "42704"),
    ("subscription \"", "\" does not exist", "42704"),
    ("access method \"", "\" does not exist", "42704"),
    ("operator class \"", "\"", "42704"),
    ("operator does not exist: ", "", "42883"),
    ("language \"", "\" does not exist", "42704"),
    ("collation \"", " does not exist", "42704"),
    ("unrecognized configuration parameter \"", "\"", "42704"),
    ("invalid value for parameter \"", "", "22023"),
    ("duplicate key value violates unique constraint \"", "", "23505"),
    ("could not create unique index \"", "\"", "23505"),
    ("insert or update on table \"", "\"", "23503"),
    ("new row for relation \"", "\"", "23514"),
    ("check constraint \"", " is violated by some row", "23514"),
    ("multiple primary keys for table \"", "\" are not allowed", "42P16"),
];

/// Whether a command that failed with this message would only set an owner or a privilege, and a right was missing.
pub(super) fn limit_of(message: &str, command: &str) -> Option<Limit> {
    let is_absent = message.starts_with("role \"") && message.contains("\" does not exist");
    if !is_absent && sqlstate_of(message) != Some("42501") {
        return None;
    }
    let is_privilege = ["GRANT ", "REVOKE ", "ALTER DEFAULT PRIVILEGES "].iter().any(|verb| command.starts_with(verb));
    match command {
        _ if command.starts_with("ALTER ") && command.contains(" OWNER TO ") => Some(Limit::Owner),
        _ if is_privilege => Some(Limit::Privilege),
        _ => None,
    }
}

/// Object, SQLSTATE, reason.
const HARMLESS: &[(&str, &str, &str)] = &[
    (
        "COMMENT EXTENSION plpgsql",
        "42501",
        "every database has plpgsql and its comment from its template, where they belong to the server's administrator",
    ),
    ("SCHEMA public", "42P06", "every database has a schema public from its template"),
];

/// The SQLSTATE of an English server message without severity; `None` if the message is not in the list.
pub fn sqlstate_of(message: &str) -> Option<&'static str> {
    let message = message.split("; ").next().unwrap_or(message);
    let is_it = |start: &str, end: &str| {
        message.len() >= start.len() + end.len() && message.starts_with(start) && message.ends_with(end)
    };
    MESSAGES.iter().find(|(start, end, _)| is_it(start, end)).map(|(_, _, state)| *state)
}

/// Adds the code to the complaint and, if it is harmless, the reason.
pub(super) fn classified(mut complaint: Complaint, accept: &[AcceptedError]) -> Complaint {
    if let Some(state) = sqlstate_of(&complaint.message) {
        state.clone_into(&mut complaint.sqlstate);
    }
    let (object, state) = (complaint.object.as_str(), complaint.sqlstate.as_str());
    let theirs = accept.iter().find(|known| is_accepted(known, &complaint));
    let ours = HARMLESS.iter().find(|known| known.0 == object && known.1 == state);
    complaint.accepted = theirs.map(|known| known.reason.clone()).or(ours.map(|known| known.2.to_owned()));
    complaint
}

/// The entry of the configuration that accepts exactly this complaint, a line each.
pub fn accept_entry(complaint: &Complaint) -> Vec<String> {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let said = complaint.message.split("; ").next().unwrap_or_default();
    let mut lines = vec!["[[restore.accept]]".to_owned()];
    if !complaint.object.is_empty() {
        lines.push(format!("object = {}", text(&complaint.object)));
    }
    if !complaint.sqlstate.is_empty() {
        lines.push(format!("sqlstate = {}", text(&complaint.sqlstate)));
    }
    if complaint.object.is_empty() || complaint.sqlstate.is_empty() {
        lines.push(format!("message = {}", text(said)));
    }
    lines.push("reason = \"the restore server cannot take it\"".to_owned());
    lines
}

/// What is left out of an entry is not asked for; two of the three must be there.
fn is_accepted(known: &AcceptedError, complaint: &Complaint) -> bool {
    let said = complaint.message.split("; ").next().unwrap_or_default();
    let given = [!known.object.is_empty(), !known.sqlstate.is_empty(), known.message.is_some()];
    given.into_iter().filter(|is_given| *is_given).count() >= 2
        && (known.object.is_empty() || known.object == complaint.object)
        && (known.sqlstate.is_empty() || known.sqlstate == complaint.sqlstate)
        && known.message.as_ref().is_none_or(|message| *message == said || *message == complaint.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(object: &str, message: &str) -> Complaint {
        Complaint {
            object: object.into(),
            sqlstate: String::new(),
            message: message.into(),
            accepted: None,
            limit: None,
        }
    }

    #[test]
    fn a_complaint_is_accepted_by_object_and_code_together() {
        let accept = [accepted("INDEX a", "23505", None)];
        let message = "could not create unique index \"a\"; Key (id)=(1) is duplicated.";
        let one = classified(complaint("INDEX a", message), &accept);
        assert_eq!((one.sqlstate.as_str(), one.accepted.as_deref()), ("23505", Some("known")));
        assert_eq!(classified(complaint("INDEX b", message), &accept).accepted, None);
        assert_eq!(classified(complaint("INDEX a", "permission denied for table a"), &accept).accepted, None);
    }

    fn accepted(object: &str, sqlstate: &str, message: Option<&str>) -> AcceptedError {
        let (object, sqlstate, message) = (object.into(), sqlstate.into(), message.map(str::to_owned));
        AcceptedError { object, sqlstate, message, reason: "known".into() }
    }

    #[test]
    fn a_complaint_with_an_unknown_code_or_object_is_accepted_by_its_message() {
        let by_message =
            [accepted("TABLE a", "", Some("never heard of")), accepted("", "42501", Some("permission denied for x"))];
        assert!(classified(complaint("TABLE a", "never heard of; Key (id)=(1)"), &by_message).accepted.is_some());
        assert!(classified(complaint("", "permission denied for x"), &by_message).accepted.is_some());
        assert!(classified(complaint("TABLE b", "never heard of"), &by_message).accepted.is_none());
        assert!(classified(complaint("", "permission denied for y"), &by_message).accepted.is_none());
        let alone = [accepted("", "", Some("never heard of"))];
        assert!(classified(complaint("TABLE a", "never heard of"), &alone).accepted.is_none(), "never by words alone");
    }

    #[test]
    fn a_right_that_is_lacking_is_a_limit_only_of_owners_and_privileges() {
        let member = "must be member of role \"app\"";
        assert_eq!(limit_of(member, "ALTER TABLE public.t OWNER TO app;"), Some(Limit::Owner));
        assert_eq!(limit_of("role \"r\" does not exist", "REVOKE ALL ON TABLE t FROM PUBLIC;"), Some(Limit::Privilege));
        assert_eq!(limit_of("role \"r\" does not exist", "CREATE POLICY p ON t TO r;"), None);
        assert_eq!(limit_of("relation \"t\" does not exist", "ALTER TABLE public.t OWNER TO app;"), None);
    }

    #[test]
    fn what_we_do_not_know_is_never_accepted() {
        let accept = [accepted("", "", None)];
        assert_eq!(classified(complaint("", "never heard of"), &accept).accepted, None);
        assert_eq!(classified(complaint("", "permission denied for table a"), &accept).accepted, None);
    }

    #[test]
    fn what_comes_with_the_template_is_harmless_and_says_why() {
        let owner = "must be owner of extension plpgsql";
        assert!(classified(complaint("COMMENT EXTENSION plpgsql", owner), &[]).accepted.unwrap().contains("template"));
        assert!(classified(complaint("SCHEMA public", "schema \"public\" already exists"), &[]).accepted.is_some());
        assert_eq!(classified(complaint("COMMENT EXTENSION postgis", owner), &[]).accepted, None);
        assert_eq!(classified(complaint("SCHEMA shop", "schema \"shop\" already exists"), &[]).accepted, None);
    }
}
