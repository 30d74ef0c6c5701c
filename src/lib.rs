//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod cluster;
pub mod error;
pub mod install;
pub mod name;
pub mod pgtools;
