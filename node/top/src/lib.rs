//! A cluster and its PostgreSQL servers in a terminal: `pganalytics top`.
//!
//! It reads the routes that the web page reads, from one node at a time, and goes on by another
//! when that one goes away. The screen is a pure function of a model.
//!
//! # Map
//! [`run()`] is the terminal, [`once`] the screen as text. `gather` asks, `figures` reads answers,
//! `model` keeps them and obeys keys, `draw` shows them.

mod draw;
mod figures;
mod gather;
mod keys;
mod model;
mod run;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use self::run::{TopError, TopOptions, once, run};
