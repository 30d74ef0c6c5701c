//! Basics of every room, independent of databases: errors, marked texts, time, JSON, files, secrets, TLS, HTTP.

pub mod marked;
pub mod error;
pub mod count;
pub mod json;
pub mod printable;
pub mod text;
pub mod shared_text;
pub mod time;
pub mod files;
pub mod secret;
pub mod tls;
pub mod http;
