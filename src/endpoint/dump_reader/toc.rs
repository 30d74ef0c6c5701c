//! The table of contents of an archive, as `pg_restore -l` prints it.
//!
//! Names are not read from it: they are not quoted, so a space or newline in one looks like a separator. The object of an entry
//! comes from its OID and from the SQL.

use crate::base::error::{Error, Result};
use crate::base::marked::MarkedText;

/// The entries in the order of the archive, by what we do with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Toc {
    /// Definitions and sequence values: their text is in the table of contents itself, reading it costs nothing.
    pub(super) definitions: Vec<u32>,
    /// The rows of a table.
    pub(super) rows: Vec<RowsEntry>,
    /// The content of large objects.
    pub(super) large_objects: Vec<u32>,
    /// Whether an object of the database is defined: a dump of rows alone has only settings and values.
    pub(super) has_objects: bool,
}

/// An entry with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsEntry {
    /// The entry's number for `pg_restore -L`.
    pub(super) id: u32,
    /// The table's, in the database that was dumped.
    pub(super) table_oid: u32,
}

/// Reads the list: `ID; CATALOG OID DESCRIPTION SCHEMA NAME OWNER`, comments begin with a semicolon.
pub(super) fn parse(list: &str) -> Result<Toc> {
    let mut toc = Toc::default();
    for line in list.lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty()) {
        let problem = "cannot read the list of pg_restore";
        let unreadable = || Error::new(MarkedText::with_values(format!("{problem}: {line}"), problem));
        let entry = parse_line(line).ok_or_else(unreadable)?;
        match entry {
            TocEntry::Rows(rows) => toc.rows.push(rows),
            TocEntry::LargeObjects(id) => toc.large_objects.push(id),
            TocEntry::Definition { id, is_object } => {
                toc.definitions.push(id);
                toc.has_objects |= is_object;
            }
        }
    }
    Ok(toc)
}

enum TocEntry {
    Definition { id: u32, is_object: bool },
    Rows(RowsEntry),
    LargeObjects(u32),
}

/// The catalog number of what is no object.
const NO_CATALOG: &str = "0";
/// `pg_largeobject`.
const LARGE_OBJECT_CATALOG: &str = "2613";

/// The catalog number is 0 for data: without it, a table in a schema named `DATA` would look like one.
fn parse_line(line: &str) -> Option<TocEntry> {
    let (id, rest) = line.split_once("; ")?;
    let mut parts = rest.splitn(3, ' ');
    let (catalog, oid, what) = (parts.next()?, parts.next()?, parts.next()?);
    let id = id.parse().ok()?;
    let table_oid = oid.parse().ok()?;
    Some(match catalog {
        "0" if what.starts_with("TABLE DATA ") => TocEntry::Rows(RowsEntry { id, table_oid }),
        "0" if what.starts_with("BLOBS ") => TocEntry::LargeObjects(id),
        // A dump with --data-only also creates its large objects.
        _ => TocEntry::Definition { id, is_object: ![NO_CATALOG, LARGE_OBJECT_CATALOG].contains(&catalog) },
    })
}

/// The OID in the comment `-- TOC entry 218 (class 1259 OID 16395)` that `pg_restore --verbose` puts before the
/// definition of a relation.
pub(super) fn relation_oid(comment: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(comment).ok()?.strip_prefix("-- TOC entry ")?;
    text.split_once(" (class 1259 OID ")?.1.strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_by_what_they_are_whatever_the_names_say() {
        let list = ";\n; Archive created at x\n;\n218; 1259 16395 TABLE DATA x postgres\n3417; 0 16395 TABLE DATA shop a b\n\
                    3439; 0 0 SEQUENCE SET shop s p\n3429; 0 0 BLOBS - BLOBS \n";
        let toc = parse(list).unwrap();
        assert_eq!(toc.definitions, [218, 3439]);
        assert_eq!(toc.rows, [RowsEntry { id: 3417, table_oid: 16395 }]);
        assert_eq!(toc.large_objects, [3429]);
        assert!(parse("nonsense\n").is_err());
    }

    #[test]
    fn the_oid_of_a_relation_is_found_in_the_comment() {
        assert_eq!(relation_oid(b"-- TOC entry 218 (class 1259 OID 16395)"), Some(16395));
        assert_eq!(relation_oid(b"-- TOC entry 218 (class 0 OID 16395)"), None);
    }
}
