//! Where differences of counters are kept from batch to batch: `metrics.rate_state`.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::store::mapper::Rows;
use crate::store::rates::{self, RateKey, RateState, States};

/// Keys of one statement.
const STATEMENT_ROWS: usize = 5_000;

/// Fills the computed columns of `rows`, and moves the stored states in the open transaction.
///
/// The states are read anew for every batch: a rollback or a failover takes them back together with the rows.
pub(super) async fn fill(client: &Client, rows: &mut Rows) -> Result<(), tokio_postgres::Error> {
    let keys: Vec<Uuid> = rates::keys(rows).into_iter().map(to_sql).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut states = States::default();
    for part in keys.chunks(STATEMENT_ROWS) {
        let sql = "SELECT key, state FROM metrics.rate_state WHERE key = ANY($1)";
        for row in client.query(sql, &[&part]).await? {
            let (key, state): (Uuid, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(state) = RateState::decode(state) {
                states.insert(RateKey::from_bytes(*key.as_bytes()), state);
            }
        }
    }
    rates::fill(rows, &mut states);
    let changed: Vec<(Uuid, Vec<u8>)> = states
        .changed()
        .map(|(key, state)| (to_sql(key), state.encode()))
        .collect();
    for part in changed.chunks(STATEMENT_ROWS) {
        let keys: Vec<Uuid> = part.iter().map(|(key, _)| *key).collect();
        let encoded: Vec<&[u8]> = part.iter().map(|(_, state)| state.as_slice()).collect();
        client
            .execute(
                "INSERT INTO metrics.rate_state (key, state) SELECT * FROM unnest($1::uuid[], $2::bytea[]) \
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state, updated_at = now()",
                &[&keys, &encoded],
            )
            .await?;
    }
    Ok(())
}

fn to_sql(key: RateKey) -> Uuid {
    Uuid::from_bytes(key.to_bytes())
}
