//! PostgreSQL servers and programs: finding them, connections, sessions, running a program.

pub mod versions;
pub mod errors;
pub mod tools;
pub mod install;
pub mod server;
pub mod copy_stream;
pub mod conninfo;
pub mod restore_server;
pub mod session;
pub mod process;
