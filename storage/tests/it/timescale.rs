//! The store in a real TimescaleDB.

mod database;
mod fencing;
mod flush;

pub(crate) use self::database::Database;
