//! Who may write, and when no longer (FLUSH-2).

use pga_storage::{Error, Position, StoreWriter};

use super::database::{Database, batch, read_all, sample};

#[tokio::test]
async fn an_older_term_cannot_flush_nor_fence_after_a_newer_one() {
    let database = Database::new().await;
    let (old, new) = (database.ready().await, database.store(2));
    assert_eq!(new.fence(2).await.unwrap().position, Position::default());
    let refused = old
        .flush(batch(1, Position::default(), vec![sample("a", 0, 1.0)]))
        .await;
    assert!(
        matches!(refused, Err(Error::Fenced { owner_term: 2, .. })),
        "{refused:?}"
    );
    let refused = old.fence(1).await;
    assert!(
        matches!(refused, Err(Error::Fenced { owner_term: 2, .. })),
        "{refused:?}"
    );
    new.flush(batch(2, Position::default(), vec![sample("a", 0, 1.0)]))
        .await
        .unwrap();
    assert_eq!(read_all(&new, 10).await.len(), 1);
}
