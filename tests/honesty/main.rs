//! The worst answer is "sound" when nobody knows. Each promise against it is a test, on real servers.

#[path = "../support/mod.rs"]
mod support;

mod assertions;
mod changes;
mod dumps;
mod nothing;
mod privileges;
mod reports;
mod secrets;
mod sessions;
mod stage;
mod waivers;
