//! Tests of what is done at AWS: calls, and whole nightly runs on a fake of RDS whose instances are servers of PostgreSQL.

mod fake_rds;
mod fake_rds_itself;
mod nights;
#[path = "../support/mod.rs"]
mod support;
mod wire;
