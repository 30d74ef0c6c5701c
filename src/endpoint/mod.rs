//! Endpoints: a live database, a dump, a saved manifest; and the comparison of two of them.

pub mod dump_reader;
pub mod dump;
pub mod live;
pub mod any;
mod missing_sketches;
pub mod compare_endpoints;
pub mod digest_sql;
