//! The supported major versions of PostgreSQL.

use std::ops::RangeInclusive;

use crate::base::error::{Error, Result};

/// Catalogs and the output of pg_dump are known, and tested, for these.
pub const SUPPORTED: RangeInclusive<u32> = 14..=18;

/// Refuses a server of another major version: its catalogs may have objects that no catalog query reads.
///
/// # Errors
/// One sentence with both versions, and what to do.
pub fn check_server(major: u32, version: &str) -> Result<()> {
    let (oldest, newest) = (SUPPORTED.start(), SUPPORTED.end());
    if major < *oldest {
        return Err(Error::new(format!(
            "the server runs PostgreSQL {version}; pgwitness supports {oldest} to {newest}"
        ))
        .hint(format!("upgrade the server to PostgreSQL {oldest} or later")));
    }
    if major > *newest {
        return Err(Error::new(format!(
            "the server runs PostgreSQL {version}, which is newer than this pgwitness; it supports {oldest} to {newest}"
        ))
        .hint("install a newer pgwitness"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promised_version_is_accepted() {
        assert!(SUPPORTED.into_iter().all(|major| check_server(major, "").is_ok()));
    }

    #[test]
    fn an_older_or_newer_server_is_refused_in_one_sentence() {
        let older = check_server(13, "13.22").unwrap_err();
        assert_eq!(older.to_string(), "the server runs PostgreSQL 13.22; pgwitness supports 14 to 18");
        assert_eq!(older.hint_text(), Some("upgrade the server to PostgreSQL 14 or later"));
        let newer = check_server(19, "19beta1").unwrap_err();
        let expected = "the server runs PostgreSQL 19beta1, which is newer than this pgwitness; it supports 14 to 18";
        assert_eq!(newer.to_string(), expected);
        assert_eq!(newer.hint_text(), Some("install a newer pgwitness"));
    }
}
