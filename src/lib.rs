//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod archive;
pub mod error;
pub mod name;
