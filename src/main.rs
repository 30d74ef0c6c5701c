//! The `pgwitness` command.

fn main() {}
