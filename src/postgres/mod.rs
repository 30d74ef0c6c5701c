//! PostgreSQL servers and programs: where they are, how to connect, what a session is, how a program is run.

pub mod versions;
pub mod errors;
pub mod tools;
pub mod install;
pub mod server;
pub mod copy_stream;
pub mod conninfo;
pub mod session;
pub mod process;
