//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

// words
pub mod error;
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
// thought
pub mod pattern;
pub mod compare;
pub mod render;
pub mod report;
pub mod signature;
pub mod signers;
pub mod digest_sql;
pub mod listing;
// hands
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
pub mod conninfo;
pub mod session;
pub mod live;
pub mod store;
pub mod endpoint;
pub mod comparison;
// plan
pub mod cli;
