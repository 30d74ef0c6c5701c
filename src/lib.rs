//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod aspect;
pub mod compare;
pub mod count;
pub mod digest;
pub mod error;
pub mod finding;
pub mod manifest;
pub mod name;
pub mod pattern;
pub mod report;
pub mod row;
pub mod signature;
pub mod signers;
pub mod sketch;
pub mod store;
pub mod strict;
pub mod time;
pub mod verdict;
