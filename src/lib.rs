//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod conninfo;
pub mod error;
pub mod name;
pub mod pgerror;
pub mod tls;
