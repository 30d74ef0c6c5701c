//! pgwitness makes an off-system backup of a PostgreSQL database, restores it, proves that the restored copy equals the source,
//! and signs the result.
//!
//! # How it works
//!
//! Everything that can be read (a live database, a dump, a saved manifest) is an [`endpoint`]. Each is reduced to a
//! [`model::manifest`]: for every table the number of rows, a [`model::digest`] (a sum of the SHA-256 of the lines that
//! `COPY … TO STDOUT` prints) and a [`model::sketch`] (a small table from which differing rows can be decoded); the state of
//! sequences; the definition of every object, read by the SQL in `checks/catalog`; the rows that violate foreign keys. A pure
//! function ([`compare`]) sorts the differences of two manifests into findings, unchecked entries and waivers; one method turns
//! that into a verdict ([`model::verdict`]). A second pass fetches the differing rows and names them
//! ([`endpoint::compare_endpoints`], [`compare::rows`]); then the [`model::report`] is written and signed. The same code reads
//! both sides.
//!
//! A nightly run ([`nightly`]) takes its data from a temporary RDS instance ([`aws`]) or from any server, makes a dump
//! ([`nightly::dumping`]), restores it ([`nightly::restoring`]) and compares three manifests instead of two. What may outlive a run
//! is in the journal ([`storage::journal`]) before it is made; the same code removes it at the end of the run, at the start of the
//! next one, and by `sweep`.
//!
//! # The rooms
//!
//! A room uses only rooms above it in this list, and inside a room a module uses only modules above it in `mod.rs`;
//! `tests/no_server/architecture.rs` keeps both rules. `model`, `compare` and `config` are pure: no files, no sockets, no clock.
//!
//! * [`base`] – errors, time, JSON, text, files, secrets, TLS; knows nothing of databases.
//! * [`model`] – plain data: names, digests, manifests, findings, verdicts, reports, runs; the SQL of `checks/`.
//! * [`compare`] – two manifests compared: tables, schema, columns, sequences, waivers, drift from run to run.
//! * [`postgres`] – servers and programs of PostgreSQL: connection strings, sessions, `pg_dump` and its kin, a server of our own.
//! * [`config`] – `pgwitness.toml`.
//! * [`storage`] – our own disk: reports and signatures, journals, the backup directory, retention.
//! * [`endpoint`] – what can be read, and the comparison of two endpoints.
//! * [`aws`] – RDS: snapshot, temporary instance, and the proof without which nothing is deleted.
//! * [`output`] – terminal, HTML, e-mail, webhook, health check, metrics.
//! * [`nightly`] – a run: preflight, dump, restore, verification, report, cleanup; and the restore after a disaster.
//! * [`cli`] – the only room that prints, reads the environment and asks for the time.
//!
//! # Terms
//!
//! *endpoint*: something to read · *moment*: one snapshot shared by all sessions of a side · *expected, actual*: the two sides,
//! always in that order · *finding*: a difference that was seen · *unchecked*: something that could not be read, with the reason
//! · *waiver*: a difference that was expected, with reason and author · *limit*: what a restore on this server cannot carry ·
//! *verdict*: sound, damaged or inconclusive.
//!
//! # Decisions that are not evident
//!
//! * A sketch has three rows of 2^k cells, one cell a row, instead of three cells in one array: the three never coincide, and
//!   folding stays row by row. A cell has a sixth word, a check: without it, small sketches would decode rows that never existed.
//! * The lines of a COPY bypass the queues of tokio-postgres ([`postgres::copy_stream`]), which cost more than the hashing.
//! * A dump written with another time zone, bytea format or currency is *unchecked*, not damaged: the values may be the same.
//! * TRUNCATE, a rewrite or a swap after the moment makes an old snapshot see an empty table: what has changed in the catalog
//!   since the moment is unchecked ([`endpoint::live`]).
//! * A violation seen on a live side is a finding even where the other side, a dump, cannot answer.
//! * A server prints one definition in several ways, so definitions that differ as texts are parsed and compared in one form
//!   ([`compare::canonical`]).
//! * Comparing an endpoint with itself proves nothing and is refused; so is a waiver that covers everything.
//! * The report of a run is signed before the instance is deleted, so what comes after is in a second signed file,
//!   `closing.json`.
//! * The restored copy has a random name until it is verified and the hook has run on it: a program that finds the public name
//!   finds a copy that the hook has cleaned.
//! * A complete dump without a verdict is kept in `unverified/` until a newer one is verified: it may be the only one of its day.
//! * Sequences and large objects are read at the moment's time, but a sequence is not transactional: on a live source its value
//!   may be later than the rows.
//!
//! # Absent on purpose
//!
//! Writes to a source database; verdicts made outside `model::verdict`; `--ignore-errors`; severity levels; any call that deletes
//! an RDS snapshot or turns deletion protection off; plug-ins; options without a test.

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
