//! x
mod splitter;
