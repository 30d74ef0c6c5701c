//! What the text of a connection string contains: server, database, and whether it holds a password.
//!
//! Does not connect or resolve: `conninfo` does, which also reads services, variables and password files.

/// The parts of the text; empty if the text does not contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// `HOST:PORT`, or several with commas, in lower case.
    pub server: String,
    /// The database.
    pub dbname: String,
    /// Whether a password stands in it.
    pub has_password: bool,
}

impl ConnectionSummary {
    /// Reads a URI or `keyword=value` pairs; of anything else nothing is known.
    pub fn read(text: &str) -> Self {
        let rest = ["postgresql://", "postgres://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        rest.map_or_else(|| Self::of_pairs(text), Self::of_uri)
    }

    fn of_uri(rest: &str) -> Self {
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, dbname) = before_query.split_once('/').unwrap_or((before_query, ""));
        // A password may itself hold what ends an authority: then the last @ is far behind it.
        let (user, _) = rest.rsplit_once('@').unwrap_or_default();
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let value = |wanted: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(keyword, _)| *keyword == wanted).map(|(_, value)| value).next_back()
        };
        let dbname = value("dbname").unwrap_or(dbname).to_owned();
        let hosts: Vec<String> = hosts.split(',').map(with_port).collect();
        let server = value("host").map_or_else(|| hosts.join(","), |host| server(host, value("port")));
        let has_password = user.contains(':') || names_password(query);
        Self { server: server.to_lowercase(), dbname, has_password }
    }

    fn of_pairs(text: &str) -> Self {
        let in_authority = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        let has_authority = in_authority.is_some_and(|(user, _)| user.contains(':'));
        let spaced = text.replace('=', " = ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let pairs = words.windows(3).filter(|three| three.get(1) == Some(&"="));
        let value = |wanted: &str| {
            let mut found = pairs.clone().filter(|three| three.first() == Some(&wanted));
            found.next_back().and_then(|three| three.last()).map(|value| value.trim_matches('\''))
        };
        Self {
            server: server(value("host").unwrap_or_default(), value("port")).to_lowercase(),
            dbname: value("dbname").unwrap_or_default().to_owned(),
            has_password: has_authority || names_password(text),
        }
    }
}

/// The scheme of a text that is meant as a URI, right or wrong: `mysql` of `mysql://host`.
pub fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.trim_start().split_once("://")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    (!scheme.is_empty() && scheme.chars().all(is_scheme)).then_some(scheme)
}

/// Whether a text is meant as a URI, but PostgreSQL has no such scheme.
pub fn has_other_scheme(text: &str) -> bool {
    scheme(text).is_some_and(|scheme| !["postgresql", "postgres"].contains(&scheme))
}

/// A text without what stands between `://` and the last `@`, where a user and a password are: for any place where it is shown.
pub fn masked(text: &str) -> String {
    let Some((before, after)) = text.split_once("://") else { return text.to_owned() };
    match after.rsplit_once('@') {
        Some((_, host)) => format!("{before}://********@{host}"),
        None => text.to_owned(),
    }
}

/// Rather once too often: nothing but a password is called one.
fn names_password(text: &str) -> bool {
    text.match_indices("password").any(|(at, word)| {
        let after = text.get(at + word.len()..).unwrap_or_default();
        after.trim_start().starts_with('=')
    })
}

fn server(host: &str, port: Option<&str>) -> String {
    format!("{host}:{}", port.unwrap_or("5432"))
}

fn with_port(host: &str) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port { host.to_owned() } else { server(host, None) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "(postgresql://)?[a-z=:/@?&%' \\PC]{0,40}") {
            ConnectionSummary::read(&text);
        }
    }

    #[test]
    fn passwords_are_seen_in_every_place_that_libpq_takes_them_from() {
        for text in [
            "postgresql://app:secret@db/app",
            "postgres://app:s/e@c?ret@db/app",
            "postgresql://db/app?user=app&password=secret",
            "host=db password=secret",
            "host=db password = 'se cret'",
            "sslpassword=secret host=db",
            "postgresq://app:secret@db/app",
            "mysql://app:se@cret@db/app",
        ] {
            assert!(ConnectionSummary::read(text).has_password, "{text}");
        }
        for text in ["postgresql://app@db:5432/app", "host=db user=app", "service=password", "", "postgresql:///app"] {
            assert!(!ConnectionSummary::read(text).has_password, "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_a_uri_has_no_user_and_no_password() {
        assert_eq!(masked("postgresq://u:SE@CRET@h/db"), "postgresq://********@h/db");
        assert_eq!(masked("host=h dbname=d"), "host=h dbname=d");
        assert!(has_other_scheme("postgresq://h") && has_other_scheme(" mysql://h"));
        assert!(!has_other_scheme("postgres://h") && !has_other_scheme("dbname='a://b'"));
    }

    #[test]
    fn both_forms_say_the_same() {
        let place = |text: &str| ConnectionSummary { has_password: false, ..ConnectionSummary::read(text) };
        assert_eq!(place("postgresql://app@DB/shop"), place("host=db dbname=shop user=app"));
        assert_eq!(place("postgresql://db:5433/shop"), place("dbname='shop' port=5433 host = db"));
        assert_eq!(place("postgresql:///shop?host=/tmp&port=5433"), place("host=/tmp port=5433 dbname=shop"));
    }
}
