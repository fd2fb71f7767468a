//! Integration tests of pga-storage.

mod embedded;
mod store_contract;
