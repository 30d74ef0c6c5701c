//! How PostgreSQL gets onto a bare machine.
