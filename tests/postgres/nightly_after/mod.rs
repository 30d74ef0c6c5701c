//! What a nightly run does after its report: compare with earlier runs, write pages and metrics, notify.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod canary;
mod drift;
mod keys;
mod metrics;
mod pages;
mod timestamp;
mod notified;

use crate::nightly::server;
use crate::support::Database;
use crate::support::night::NightlyScenario;

/// A small database of its own, and a night for it.
fn small(name: &str) -> (Database, NightlyScenario) {
    let database = Database::create(server(), name);
    database.run(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         CREATE TABLE audit (id int PRIMARY KEY);
         INSERT INTO orders SELECT i, 'canary-value-' || i FROM generate_series(1, 100) i;
         INSERT INTO audit VALUES (1);",
    );
    let mut scenario = NightlyScenario::of_database(server(), name);
    scenario.set("restore", &format!("database = \"copy_of_{name}\""));
    (database, scenario)
}
