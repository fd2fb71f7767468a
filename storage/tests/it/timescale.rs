//! The store in a real TimescaleDB: the contract, and what only a server and a network can get
//! wrong.

mod database;
#[path = "../../pg-connect/tests/it/fake_pooler.rs"]
mod fake_pooler;
mod faults;
mod fencing;
mod flush;
mod migration;
mod pooler;
mod proxy;

use std::sync::Arc;

use crate::store_contract::{Fresh, store_contract_tests};

async fn fresh() -> Fresh {
    let database = database::Database::new().await;
    let store = database.store(1);
    pga_storage::StoreWriter::migrate(&store)
        .await
        .expect("a migrated database");
    Fresh {
        store: Arc::new(store),
        guard: Box::new(database),
    }
}

store_contract_tests!(fresh);
