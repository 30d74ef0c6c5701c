//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.
//!
//! # How it works
//!
//! Whatever can be read (a live database, a dump, a saved manifest) is an [`endpoint`]. Each is reduced to a [`manifest`]: for
//! every table the number of rows, a [`digest`] (a sum of the SHA-256 of the lines that `COPY … TO STDOUT` prints) and a
//! [`sketch`] (a small table from which differing rows can be decoded); the state of sequences; the definition of every object,
//! read by our own SQL in `checks/catalog`; the rows that violate foreign keys. Two manifests are compared by a pure function
//! ([`compare`]), which sorts everything it meets into findings, things unchecked, and waivers; one method turns that into one of
//! three answers ([`verdict`]). Then the differing rows are fetched in a second pass and named ([`comparison`], [`pairing`]), and
//! the [`report`] is written and signed.
//!
//! The same code reads both sides: symmetry is the proof.
//!
//! A night ([`nightly`]) is that comparison with everything around it: where the data comes from ([`rds`], or any server), a dump ([`dumping`]),
//! a copy ([`restoring`]), three manifests instead of two, and an end that every way out leads through. What may outlive a run is in the
//! [`journal`] before it is made; what is owed can be read from it ([`journal::debts`]) and is paid by the same code at the end of a run, at the
//! start of the next and by `sweep`. Dumps move between three places ([`backups`]) and are removed by a pure function's plan ([`retention`]).
//!
//! # Words
//!
//! *endpoint* a place to read · *moment* one read snapshot shared by all sessions of a side · *expected / actual* the two sides,
//! always in that order · *finding* something we looked at and that is wrong · *unchecked* something we could not look at, with
//! the reason · *waiver* a difference that was expected, with the reason and who asked for it · *verdict* sound, damaged or
//! inconclusive.
//!
//! # The ladder
//!
//! A module uses only modules above it in this file (`tests/house.rs` says so): *words* are plain data, *thought* is pure,
//! *hands* touch the world, *plan* puts them together. Only [`cli`] prints, reads the environment and asks the clock.
//!
//! # Where the design was changed by reality
//!
//! * A sketch has three rows of 2^k cells, one cell a row, instead of three cells in one array: so the three never coincide, and folding
//!   stays row by row. A cell has a fifth word, a check: without it, small sketches would decode rows that never were.
//! * The lines of a COPY bypass the queues of tokio-postgres ([`tap`]), which cost more than the hashing.
//! * A dump written with another time zone, form of bytes or currency is *unchecked*, not damaged: the values may be the same
//!   ([`dump`]).
//! * TRUNCATE, a rewrite or a swap after the moment makes an old snapshot see an empty table: what has changed in the catalog
//!   since the moment is unchecked ([`live`]).
//! * A violation seen on a live side is a finding even where the other side, a dump, cannot answer.
//! * A server prints one definition in several ways, so definitions that differ as texts are parsed and compared in one form ([`canonical`]).
//! * Comparing a database, a dump or a manifest with itself proves nothing and is refused; so is a waiver that covers everything.
//! * A night's report is signed before the instance is deleted, so what comes after stands in a second signed file, `closing.json`.
//! * The copy has a random name until it is proven and the hook has run on it: whoever finds its public name finds a copy that was cleaned.
//! * A complete dump without a verdict is kept in `unverified/` until a newer one is verified: it may be the only one of its day.
//! * Sequences and large objects are read at the moment's time, but a sequence is not transactional: on a live, moving source its value
//!   may be later than the rows.

// words
pub mod error;
pub mod supported;
pub mod count;
pub mod strict;
pub mod time;
pub mod name;
pub mod digest;
pub mod sketch;
pub mod row;
pub mod aspect;
pub mod manifest;
pub mod finding;
pub mod verdict;
pub mod progress;
pub mod questions;
pub mod hidden;
pub mod night;
pub mod aftermath;
pub mod bulletin;
pub mod redaction;

// thought
pub mod pattern;
pub mod config;
pub mod listing;
pub mod canonical;
pub mod compare;
pub mod drift;
pub mod report;
pub mod render;
pub mod metrics;
pub mod letter;
pub mod signature;
pub mod signers;
pub mod retention;
pub mod digest_sql;

// hands
pub mod files;
pub mod userfiles;
pub mod pgtools;
pub mod install;
pub mod cluster;
pub mod capture;
pub mod pairing;
pub mod archive;
pub mod dump;
pub mod pgerror;
pub mod tap;
pub mod tls;
pub mod secret;
pub mod conninfo;
pub mod session;
pub mod live;
pub mod store;
pub mod nights;
pub mod journal;
pub mod backups;
pub mod notify;
pub mod page;
pub mod publish;
pub mod textfile;
pub mod endpoint;
pub mod rds;
pub mod child;
pub mod dumping;
pub mod restoring;

// plan
pub mod preflight;
pub mod comparison;
pub mod nightly;
pub mod recovery;
pub mod demo;
pub mod cli;
