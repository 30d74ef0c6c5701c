//! The connection keywords of libpq, with the environment variable of each.
//!
//! For the meaning of a keyword see [`super::check`] and [`super::connect`].

/// A keyword and the environment variable that gives its default, if it has one.
/// Source: PostgreSQL documentation, "Parameter Key Words" and "Environment Variables", versions 15 to 18.
const KEYWORDS: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssdelegation", "PGGSSDELEGATION"),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", "PGGSSLIB"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    ("min_protocol_version", "PGMINPROTOCOLVERSION"),
    ("oauth_client_id", ""),
    ("oauth_client_secret", ""),
    ("oauth_issuer", ""),
    ("oauth_scope", ""),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("replication", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("scram_client_key", ""),
    ("scram_server_key", ""),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslkeylogfile", ""),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslpassword", ""),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

/// Keywords whose value never appears in a message, a report or an argument list.
const SECRET: &[&str] = &["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];

/// Whether libpq knows this keyword.
pub fn is_known(keyword: &str) -> bool {
    KEYWORDS.iter().any(|(known, _)| *known == keyword)
}

/// Whether the value of this keyword is a secret.
pub fn is_secret(keyword: &str) -> bool {
    SECRET.contains(&keyword)
}

/// Every keyword with an environment variable, as (keyword, variable).
pub fn with_variable() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYWORDS.iter().copied().filter(|(_, variable)| !variable.is_empty())
}

/// The environment variable of a keyword.
pub fn variable(keyword: &str) -> Option<&'static str> {
    with_variable().find(|(known, _)| *known == keyword).map(|(_, variable)| variable)
}

/// The known keyword that looks most like this one.
pub fn nearest(keyword: &str) -> &'static str {
    let wanted = keyword.trim().to_lowercase();
    // "username" and "hostname" hold the right word whole, however far away they are in letters.
    let far = |known: &&str| (!wanted.starts_with(*known), distance(&wanted, known));
    KEYWORDS.iter().map(|(known, _)| *known).min_by_key(far).unwrap_or("host")
}

/// Edit distance (Levenshtein): how many letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_keyword_that_was_meant() {
        assert_eq!(nearest("databse"), "dbname");
        assert_eq!(nearest("hots"), "host");
        assert_eq!(nearest("sslmod"), "sslmode");
        assert_eq!(nearest("Username"), "user");
    }
}
