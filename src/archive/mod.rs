//! x
mod catalog;
mod reader;
mod splitter;
mod statement;
mod token;
