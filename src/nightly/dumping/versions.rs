//! Checks which programs can move a database from one server to another.
//!
//! Pure: compares version numbers, runs no programs.

use crate::base::error::{Error, Result};
use crate::model::name::Name;
use crate::postgres::tools::{PgTools, Version};

/// Whether pg_dump and pg_restore of `tools` can dump from a server of major version `source` and restore into one of major
/// version `target`: source ≤ tools ≤ target. pg_dump refuses a newer server. A dump of a newer server may contain what an older
/// one does not support; and a newer pg_restore sets parameters that an older server does not have (`transaction_timeout`, from
/// 17), which would be a complaint in every run.
///
/// # Errors
/// They cannot, with the versions that can.
pub fn check_versions(tools: &PgTools, source: u32, target: u32) -> Result<()> {
    let (have, major) = (&tools.version.text, tools.version.major);
    let place = tools.bindir.display();
    let wanted = if source == target { format!("version {source}") } else { format!("version {source} to {target}") };
    let hint =
        format!("install the client programs of PostgreSQL {wanted}, and name their directory in dump.pg_bindir");
    if target < source {
        let text = format!("the restore server is PostgreSQL {target}, older than the source's {source}");
        return Err(Error::new(text).hint(format!("restore into a server of version {source} or later")));
    }
    if major < source {
        let text = format!("pg_dump {have} in {place} is older than the server, PostgreSQL {source}: it would refuse");
        return Err(Error::new(text).hint(hint));
    }
    if major > target {
        let text = format!(
            "pg_restore {have} in {place} is newer than the restore server, PostgreSQL {target}, which may not know what it sets"
        );
        return Err(Error::new(text).hint(hint));
    }
    Ok(())
}

/// Whether the programs are at least as new as a server of the same major version, by their minor version. An older pg_dump may
/// write what a newer server keeps for internal use: 15.18 writes the `pg_attver` of a server 15.20 into the dump, and such
/// tables are lost. `server` is its `server_version`.
///
/// # Errors
/// They are older, with the commands that update them.
pub fn check_minor(tools: &PgTools, server: &str) -> Result<()> {
    let Some(server) = Version::parse(&format!("PostgreSQL {server}")) else { return Ok(()) };
    let have = &tools.version;
    if have.major != server.major || have.minor >= server.minor {
        return Ok(());
    }
    let major = server.major;
    let text = format!(
        "pg_dump {} in {} is older than the server, PostgreSQL {}: a dump of it may lose tables",
        have.text,
        tools.bindir.display(),
        server.text
    );
    Err(Error::new(text).hint(update(major)))
}

/// From these versions on, a server keeps `pg_attver` among the options of its columns, and pg_dump of the same major version
/// leaves it out. The minor versions of other majors are not known: [`check_unmarked`] checks the dump itself.
const MARKER: [(u32, u32); 2] = [(15, 20), (17, 12)];

/// Whether a server of this version is known to keep `pg_attver`.
pub fn keeps_marker(server: &str) -> bool {
    let version = Version::parse(&format!("PostgreSQL {server}"));
    version.is_some_and(|have| MARKER.iter().any(|(major, minor)| have.major == *major && have.minor >= *minor))
}

/// Whether the programs leave out the internal option of a server, if it `keeps` it. Programs of another major version may have a
/// higher number and an earlier release date.
///
/// # Errors
/// They do not, with the commands that update them.
pub fn check_marker(tools: &PgTools, keeps: bool) -> Result<()> {
    let have = &tools.version;
    match MARKER.iter().find(|(major, minor)| have.major == *major && have.minor < *minor) {
        Some((major, minor)) if keeps => Err(marked(tools, &format!("update to {major}.{minor} or later"))),
        _ => Ok(()),
    }
}

/// Whether the dump is free of the internal option. `table` is the first table that has it.
///
/// # Errors
/// A restore would refuse `table`, with the commands that update the programs.
pub fn check_unmarked(tools: &PgTools, table: Option<&Name>) -> Result<()> {
    table.map_or(Ok(()), |table| {
        Err(marked(tools, &format!("the dump has it for table {table}, which no server takes")))
    })
}

fn marked(tools: &PgTools, how: &str) -> Error {
    let (text, place) = (&tools.version.text, tools.bindir.display());
    Error::new(format!("pg_dump {text} in {place} writes pg_attver, which the source's server keeps for itself: {how}"))
        .hint(update(tools.version.major))
}

fn update(major: u32) -> String {
    format!(
        "apt-get install --only-upgrade postgresql-client-{major} (Debian, Ubuntu), or dnf update 'postgresql{major}*' (Red Hat, Amazon Linux)"
    )
}

/// Versions that fix CVE-2025-8714 and CVE-2025-8715: from there on a dump cannot make psql or pg_restore run commands.
const FIXED: [(u32, u32); 5] = [(13, 22), (14, 19), (15, 14), (16, 10), (17, 6)];

/// A warning about programs that are too old to read an untrusted dump.
pub fn lacks_fixes(tools: &PgTools) -> Option<String> {
    let Version { major, minor, text } = &tools.version;
    let fixed = FIXED.iter().find(|(fixed, _)| fixed == major).map(|(major, minor)| format!("{major}.{minor}"));
    let is_old = *major < 13 || FIXED.iter().any(|(fixed, first)| fixed == major && minor < first);
    is_old.then(|| {
        let fixed = fixed.unwrap_or_else(|| "a supported version".into());
        format!("WARNING: {text} lacks the fixes of CVE-2025-8714 and CVE-2025-8715: update to {fixed} or later")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(
            checked(17, 15, 15).unwrap_err().starts_with("pg_restore 17.1 in /pg is newer than the restore server")
        );
        assert!(checked(17, 17, 15).unwrap_err().starts_with("the restore server is PostgreSQL 15, older"));
    }

    fn tools(text: &str) -> PgTools {
        PgTools { bindir: "/pg".into(), version: Version::parse(&format!("PostgreSQL {text}")).unwrap() }
    }

    #[test]
    fn programs_of_an_older_minor_version_than_the_server_are_refused_with_the_command_that_updates_them() {
        let error = check_minor(&tools("15.18"), "15.20 (Debian 15.20-0+deb12u1)").unwrap_err();
        assert!(error.to_string().starts_with("pg_dump 15.18 in /pg is older than the server, PostgreSQL 15.20"));
        assert!(error.hint_text().unwrap().starts_with("apt-get install --only-upgrade postgresql-client-15 "));
        for (tools_text, server) in [("15.20", "15.20"), ("15.21", "15.20"), ("17.1", "15.20"), ("15.18", "odd")] {
            assert!(check_minor(&tools(tools_text), server).is_ok(), "{tools_text} {server}");
        }
    }

    #[test]
    fn programs_of_another_major_version_that_write_the_marker_of_the_server_are_refused() {
        assert!(["15.20 (Debian 15.20-0+deb12u1)", "15.21", "17.12"].iter().all(|server| keeps_marker(server)));
        assert!(["15.19", "17.11", "16.14", "odd"].iter().all(|server| !keeps_marker(server)));
        let error = check_marker(&tools("17.10"), true).unwrap_err();
        assert!(error.to_string().contains("pg_dump 17.10 in /pg writes pg_attver"), "{error}");
        assert!(error.to_string().ends_with("update to 17.12 or later"), "{error}");
        assert!(error.hint_text().unwrap().starts_with("apt-get install --only-upgrade postgresql-client-17 "));
        for (have, keeps) in [("17.10", false), ("17.12", true), ("16.14", true)] {
            assert!(check_marker(&tools(have), keeps).is_ok(), "{have} {keeps}");
        }
        let error = check_unmarked(&tools("16.14"), Some(&Name::new("public", "t"))).unwrap_err();
        assert!(error.to_string().contains("table public.t"), "{error}");
        assert!(check_unmarked(&tools("16.14"), None).is_ok());
    }

    #[test]
    fn programs_that_lack_the_fixes_of_known_holes_are_named() {
        assert!(lacks_fixes(&tools("15.13")).unwrap().contains("update to 15.14 or later"));
        assert!(lacks_fixes(&tools("12.22")).is_some());
        for text in ["13.22", "15.14", "15.20", "18.0"] {
            assert_eq!(lacks_fixes(&tools(text)), None);
        }
    }

    #[test]
    fn the_hint_names_the_versions_that_can() {
        let version = Version { major: 13, minor: 1, text: "13.1".into() };
        let error = check_versions(&PgTools { bindir: "/pg".into(), version }, 15, 17).unwrap_err();
        assert!(error.hint_text().unwrap().contains("version 15 to 17"), "{error}");
    }
}
