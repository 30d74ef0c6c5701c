//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

// words
pub mod aspect;
pub mod digest;
pub mod error;
pub mod finding;
pub mod manifest;
pub mod name;
pub mod questions;
pub mod row;
pub mod sketch;
pub mod verdict;
// thought
pub mod compare;
pub mod listing;
pub mod pattern;
// hands
pub mod capture;
pub mod cluster;
pub mod install;
pub mod pairing;
pub mod pgtools;
//pub mod session;
//pub mod live;
