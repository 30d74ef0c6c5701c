//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod error;
pub mod name;
// hands
pub mod conninfo;
pub mod pgerror;
pub mod tls;
