//! Dumps a PostgreSQL database to another host, restores the dump, checks that the restored copy equals the source, and
//! signs the result.
//!
//! # How it works
//!
//! Everything that can be read (a live database, a dump, a saved manifest) is an [`endpoint`]. Each is reduced to a
//! [`model::manifest`]: for every table the number of rows, a [`model::digest`] (a sum of the SHA-256 of the lines that
//! `COPY … TO STDOUT` prints) and a [`model::sketch`] (an invertible Bloom lookup table, from which the digests of differing rows can
//! be decoded); the values of sequences; the definition of every object, read by the SQL in `checks/catalog`; the rows that violate
//! foreign keys. A pure function ([`compare`]) sorts the differences of two manifests into findings, unchecked entries and waivers;
//! one method turns these into a verdict ([`model::verdict`]). A second pass fetches the differing rows
//! ([`endpoint::compare_endpoints`], [`compare::rows`]); then the [`model::report`] is written and signed. The same code reads both
//! sides.
//!
//! A nightly run ([`nightly`]) reads a temporary RDS instance ([`aws`]) or any server, makes a dump ([`nightly::dumping`]), restores it
//! ([`nightly::restoring`]) and compares three manifests instead of two. Before a run creates anything that could remain after a crash
//! (RDS instance, database, backup directory, snapshot of files, off-site copy), it writes an entry to the journal
//! ([`storage::journal`]). Entries without a matching "done" entry are cleanup tasks: they are done at the end of the run, at the start of the next run, or by `sweep`.
//!
//! # The rooms
//!
//! A room is a top-level module. Each room may use only rooms that come before it in this list. The same holds for the modules inside
//! a room, in the order of its `mod.rs`. `tests/no_server/architecture.rs` checks both rules. `model`, `compare` and `config` are pure:
//! no files, no sockets, no clock.
//!
//! * [`base`] – errors, time, JSON, text, files, secrets, TLS, HTTP.
//! * [`model`] – plain data: names, digests, manifests, findings, verdicts, reports, runs; the SQL of `checks/`.
//! * [`compare`] – the comparison of two manifests: tables, schema, columns, sequences, waivers, drift between runs.
//! * [`postgres`] – PostgreSQL: connection strings, sessions, programs such as `pg_dump`, a throw-away server.
//! * [`config`] – `pgwitness.toml`.
//! * [`storage`] – files on the backup host: reports, signatures and time stamps, journals, the backup directory, retention; the off-site
//!   repository; snapshots of files.
//! * [`endpoint`] – live databases, dumps and saved manifests, and the comparison of two of them.
//! * [`aws`] – RDS: RDS snapshot, temporary instance, and the checks without which nothing is deleted.
//! * [`output`] – terminal, HTML, e-mail, webhook, health check, metrics.
//! * [`nightly`] – a run: preflight, dump, restore, verification, report, cleanup; and the restore after a disaster.
//! * [`cli`] – the only room that prints, reads the environment and asks for the time.
//!
//! # Terms
//!
//! Comparison:
//! * *endpoint*: a live database, a dump or a saved manifest. *expected, actual*: the two sides, always in that order.
//! * *snapshot*: one exported PostgreSQL snapshot, shared by all sessions of a side. (The other kind is always called RDS snapshot.)
//! * *manifest*: what one endpoint contains, reduced to counts, digests, sketches and definitions. *digest*: sum of the hashes of rows.
//!   *sketch*: see above. *tally*: digest and sketch of one table.
//! * *part*: what one of several processes has read of a shared snapshot. *stripe*: 8,192 pages of a table, dealt to the parts in turn.
//! * *finding*: a difference. *unchecked*: something that could not be read, with the reason.
//! * *waiver*: an expected difference, with reason and origin (`by`): an option, the user's file, or `nature` for rows that cannot be in
//!   a dump.
//! * *limit*: a difference caused by the restore server or by pg_dump, not by damage of the dump.
//! * *verdict*: sound, damaged or inconclusive. *drift*: changes of the source between two runs.
//!
//! Nightly run:
//! * *run*: one execution of `nightly`. *leg*: the comparison of source and dump, or of dump and copy.
//! * *dump*: what pg_dump wrote. *copy*: the restored database. *backup*: a directory with a dump and its metadata.
//! * *off-site copy*: a backup in a repository of restic: a snapshot of its dump, and one of its signed report.
//! * *snapshot of files*: a copy of a directory of `[[files]]`, with hard links to the one before.
//! * *journal*: a file with an entry for each action of a run. *cleanup task* (type `CleanupTask`): something that may remain and must be
//!   removed, or an off-site copy that is not complete.
//! * *closing*: the signed file `closing.json`, with the steps after the report was signed. *chain*: each report has the hash of the
//!   previous one.
//!
//! # Decisions that are not evident
//!
//! * A sketch has three arrays of 2^k cells, and a row has one cell in each, instead of three cells in one array: so the three never
//!   coincide, and each array can be folded by itself. A cell has a sixth word, a check: without it, small sketches would decode rows
//!   that do not exist.
//! * A digest that the server made ([`endpoint::live`]) has no sketch: tables that differ are read after all, and the lines of COPY count. So
//!   the SQL cannot cause a false alarm.
//! * The lines of a COPY bypass the queues of tokio-postgres ([`postgres::copy_stream`]), which cost more than the hashing.
//! * A dump written with another time zone, bytea format or currency is *unchecked*, not damaged: the values may be the same.
//! * After TRUNCATE or a table rewrite, an older snapshot sees an empty table without an error. So relations whose catalog entry has
//!   changed since the snapshot are unchecked ([`endpoint::live`]).
//! * With `--recheck`, a row of a target that follows its source has arrived when it equals any version that the source has had since the
//!   first snapshot ([`compare::recheck`]): a row that changes all the time is never the same on both sides at one time. An older version
//!   never counts, so a row that is stuck does not pass. Before rows are followed by key, the index must find the rows that the scan found.
//! * A foreign key violation on a live side is a finding even if the other side is a dump, which has no result for it.
//! * A server prints one definition in several ways, so definitions with different texts are parsed and compared in one form
//!   ([`compare::canonical`]).
//! * Comparing an endpoint with itself is refused; so is a waiver that covers everything.
//! * The report of a run is signed before the RDS instance is deleted, so later steps are in a second signed file, `closing.json`.
//! * A time stamp ([`storage::timestamp`]) is over `report.json`, not over its signature: it proves when the report existed, also if it is
//!   signed again. Not every byte of a token is signed by its authority, so `closing.json` has the hash of the file.
//! * The restored copy has a random name until it is verified and the hook has run on it: under the public name there is never a copy
//!   that the hook has not cleaned.
//! * A dump is uploaded before it has a verdict, so that what is restored can be what was read back. Only a snapshot of a report that
//!   proves it makes it a backup off site.
//! * What is forgotten off site is decided here, by the rules of retention over proven backups, and given to restic as ids: by restic's own
//!   rules, a damaged dump would take the place of a proven one.
//! * Files are proven by SHA-256 of both sides, not by size and time, which rsync goes by: a snapshot that changed on disk would be linked
//!   again. A file that differs is damage only where the source showed the same state before and after the copy.
//! * A complete dump without a verdict is kept in `unverified/` until a newer one is verified: it may be the only one of its day.
//! * Parts divide by names and the snapshot's catalog, never by size: tables grow, so processes would not agree.
//! * Each reading session has a thread and a runtime of its own ([`postgres::conninfo`]): in a shared one, every few kilobytes wake another
//!   thread. A sketch of at most 16 rows holds these rows: 20,000 small tables would need 90 MB of cells.
//! * Large objects are read in the snapshot; sequences are not transactional, so on a live source their values may be later than the
//!   rows.
//!
//! # Absent on purpose
//!
//! Writes to a source database; verdicts made outside `model::verdict`; `--ignore-errors`; severity levels; any call that deletes
//! an RDS snapshot or turns deletion protection off; plug-ins; options without a test.

#[cfg(test)]
extern crate self as pgwitness;
#[cfg(test)]
#[path = "../tests/support/samples.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a helper of tests, of which each part uses some")]
mod samples;

pub mod base;
pub mod model;
pub mod compare;
pub mod postgres;
pub mod config;
pub mod storage;
pub mod endpoint;
pub mod aws;
pub mod output;
pub mod nightly;
pub mod cli;
