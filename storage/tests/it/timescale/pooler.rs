//! A pooler between the store and its database: its sessions are not the store's own.

use pga_config::NodeId;
use pga_storage::store::{StoreOwner, TimescaleOptions, TimescaleStore};
use pga_storage::{Error, StoreWriter};

use super::database::Database;
use super::fake_pooler::pooler;

#[tokio::test]
async fn a_pooler_is_refused_with_the_fix_however_often_the_store_tries() {
    let database = Database::new().await;
    let direct = database.url().parse::<tokio_postgres::Config>().unwrap();
    let port = direct.get_ports().first().copied().unwrap();
    let pooled = pooler(port).await;
    let (there, here) = (format!(":{port}/"), format!(":{pooled}/"));
    assert!(database.url().contains(&there), "{}", database.url());
    // The pooler reads the first message, which would ask for TLS.
    let url = format!("{}?sslmode=disable", database.url().replace(&there, &here));
    let options = TimescaleOptions::new(&url, StoreOwner::new(7), NodeId::new(1)).unwrap();
    let store = TimescaleStore::connect(options).unwrap();
    // The second comes so soon that no attempt is made.
    for _ in 0..2 {
        match store.migrate().await {
            Err(Error::Schema { what }) => {
                assert!(what.contains("leads to a pooler"), "{what}");
                assert!(what.contains("name the server itself"), "{what}");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}
