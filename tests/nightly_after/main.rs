//! What a night does once it has its answer: it holds it against earlier nights, writes pages and figures, and tells people.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/standin/authority.rs"]
mod authority;
#[path = "../notify/smtp.rs"]
#[allow(dead_code, reason = "another binary uses the rest")]
mod smtp;
#[path = "../notify/stage.rs"]
#[allow(dead_code, reason = "another binary uses the rest")]
mod stage;
#[path = "../notify/web_server.rs"]
#[allow(dead_code, reason = "another binary uses the rest")]
mod web_server;

mod canary;
mod drift;
mod figures;
mod pages;
mod told;

use std::sync::OnceLock;

use pgwitness::postgres::server::Cluster;
use support::night::NightWorld;
use support::{Database, cluster};

/// One server for all tests; each has its own database.
fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(cluster)
}

/// A small database of its own, and a night for it.
fn small(name: &str) -> (Database, NightWorld) {
    let database = Database::create(server(), name);
    database.run(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         CREATE TABLE audit (id int PRIMARY KEY);
         INSERT INTO orders SELECT i, 'canary-value-' || i FROM generate_series(1, 100) i;
         INSERT INTO audit VALUES (1);",
    );
    let mut world = NightWorld::of_database(server(), name);
    world.set("restore", &format!("database = \"copy_of_{name}\""));
    (database, world)
}
