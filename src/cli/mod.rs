//! The command line: the only part that prints and that looks at the terminal, the environment and the clock.

pub mod progress;
pub mod terminal;
