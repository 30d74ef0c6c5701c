//! Which programs can carry a database from one server to another.
//!
//! Pure: looks at numbers, runs nothing.

use crate::error::{Error, Result};
use crate::pgtools::PgTools;

/// Whether pg_dump and pg_restore of `tools` can dump from a server of major version `source` and restore into one of major
/// version `target`: source ≤ tools ≤ target. pg_dump refuses a newer server. A dump of a newer server may have what an older
/// one does not know; and a newer pg_restore sets what an older server does not know (`transaction_timeout`, from 17), so each
/// night would begin with a complaint that somebody must know to be harmless.
///
/// # Errors
/// When they cannot, with the versions that can.
pub fn check_versions(tools: &PgTools, source: u32, target: u32) -> Result<()> {
    let (have, major) = (&tools.version.text, tools.version.major);
    let place = tools.bindir.display();
    let wanted = if source == target { format!("version {source}") } else { format!("version {source} to {target}") };
    let hint =
        format!("install the client programs of PostgreSQL {wanted}, and name their directory in dump.pg_bindir");
    if target < source {
        let text = format!("the copy's server is PostgreSQL {target}, older than the source's {source}");
        return Err(Error::new(text).hint(format!("restore into a server of version {source} or later")));
    }
    if major < source {
        let text = format!("pg_dump {have} in {place} is older than the server, PostgreSQL {source}: it would refuse");
        return Err(Error::new(text).hint(hint));
    }
    if major > target {
        let text = format!(
            "pg_restore {have} in {place} is newer than the copy's server, PostgreSQL {target}, which may not know what it sets"
        );
        return Err(Error::new(text).hint(hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgtools::Version;

    fn checked(tools: u32, source: u32, target: u32) -> Result<(), String> {
        let version = Version { major: tools, minor: 1, text: format!("{tools}.1") };
        check_versions(&PgTools { bindir: "/pg".into(), version }, source, target).map_err(|error| error.to_string())
    }

    #[test]
    fn programs_between_the_two_servers_can_carry_a_database() {
        for (tools, source, target) in [(15, 15, 15), (16, 15, 17), (15, 14, 15), (17, 15, 17)] {
            assert_eq!(checked(tools, source, target), Ok(()), "{tools} {source} {target}");
        }
    }

    #[test]
    fn any_other_is_refused_and_says_which_is_wrong() {
        assert!(
            checked(15, 17, 17).unwrap_err().starts_with("pg_dump 15.1 in /pg is older than the server, PostgreSQL 17")
        );
        assert!(checked(17, 15, 15).unwrap_err().starts_with("pg_restore 17.1 in /pg is newer than the copy's server"));
        assert!(checked(17, 17, 15).unwrap_err().starts_with("the copy's server is PostgreSQL 15, older"));
    }

    #[test]
    fn the_hint_names_the_versions_that_can() {
        let version = Version { major: 13, minor: 1, text: "13.1".into() };
        let error = check_versions(&PgTools { bindir: "/pg".into(), version }, 15, 17).unwrap_err();
        assert!(error.hint_text().unwrap().contains("version 15 to 17"), "{error}");
    }
}
