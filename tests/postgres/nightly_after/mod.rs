//! What a night does once it has its answer: it holds it against earlier nights, writes pages and figures, and tells people.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod canary;
mod drift;
mod figures;
mod pages;
mod told;

use crate::nightly::server;
use crate::support::Database;
use crate::support::night::NightWorld;

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
