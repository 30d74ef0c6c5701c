//! pgwitness proves that a copy of a PostgreSQL database is the database, and signs what it saw.

pub mod aspect;
pub mod capture;
pub mod compare;
pub mod listing;
pub mod session;
pub mod live;
pub mod digest;
pub mod error;
pub mod finding;
pub mod manifest;
pub mod name;
pub mod pattern;
pub mod questions;
pub mod row;
pub mod sketch;
pub mod verdict;
