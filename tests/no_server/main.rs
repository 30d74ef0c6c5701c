//! Tests that need no server of PostgreSQL: rules of the source tree, stored files, pages, messages, configuration.

mod architecture;
mod browser;
mod config;
mod crash_safety;
mod history;
mod keys;
mod manual_pages;
mod notify;
mod packages;
mod page;
mod render;
mod report;
mod robust;
mod sample_reports;
mod signature;
mod small_report;
mod store;
mod stored_formats;
mod timestamp;
#[path = "../support/mod.rs"]
mod support;
