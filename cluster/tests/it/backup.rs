//! What a node stages for a backup.

use std::time::Duration;

use pga_cluster::{
    BackupError, Command, ControlCommand, FeatureLevel, StagedBackup, State, UploadId,
};
use pga_runtime::Instant;
use pga_storage::store::inspect_copy;
use pga_storage::{Position, Timestamp};

use crate::cluster::{Cluster, samples, soon};

async fn stage(cluster: &Cluster, id: u64, deadline: Instant) -> Result<StagedBackup, BackupError> {
    let store = cluster.stores[&id].clone();
    let node = &cluster.nodes[&id];
    node.stage_backup(store.as_ref(), deadline).await
}

fn shortly() -> Instant {
    pga_runtime::now() + Duration::from_millis(700)
}

/// A change of the control plane: a join token that is valid for ever.
fn change(token: u8) -> Command {
    Command::Control(ControlCommand::AddJoinToken {
        certificate_sha256: [token; 32],
        expires_at: Timestamp::from_micros(i64::MAX),
        at: Timestamp::from_micros(1),
    })
}

async fn propose(cluster: &Cluster, id: u64, command: Command) -> Position {
    let committed = cluster.nodes[&id].propose(command, soon()).await;
    committed.unwrap().position
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_waits_for_the_store_and_holds_what_came_after_the_last_push() {
    let cluster = Cluster::start_embedded(3).await;
    let id = cluster.follower().await;
    let (pushed, ..) = cluster.push(id, samples("c", 0..10)).await;
    let behind = stage(&cluster, id, shortly()).await.unwrap_err();
    assert!(matches!(behind, BackupError::Behind { .. }), "{behind}");
    cluster.flush_own(id).await;
    let changed = propose(&cluster, id, change(7)).await;
    let staged = stage(&cluster, id, soon()).await.unwrap();
    assert!(staged.watermark.index >= pushed.index && staged.watermark.index < changed.index);
    assert!(staged.position.index >= changed.index);
    let bytes = std::fs::read(staged.state_file()).unwrap();
    let state = State::restored(&bytes, FeatureLevel::CURRENT).unwrap();
    assert_eq!(state.applied(), staged.position);
    assert!(state.is_join_token_valid(&[7; 32], Timestamp::from_micros(1)));
    let copy = staged.store_file().unwrap();
    let (watermark, held) = inspect_copy(&copy, cluster.id.get()).unwrap();
    assert_eq!((watermark.position, held.total()), (staged.watermark, 10));
    drop(staged);
    assert!(!copy.exists(), "what was staged goes with its value");
}

/// What stands behind an open upload is not stored yet, though it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_waits_for_an_upload_that_holds_the_store_up() {
    let cluster = Cluster::start_embedded(3).await;
    let id = cluster.follower().await;
    let upload = UploadId(5);
    let part = Command::UploadPart {
        upload,
        part: 0,
        record: samples("u", [1]),
    };
    propose(&cluster, id, part).await;
    let (pushed, ..) = cluster.push(id, samples("c", 0..10)).await;
    cluster.settle(pushed).await;
    let behind = stage(&cluster, id, shortly()).await.unwrap_err();
    assert!(matches!(behind, BackupError::Behind { .. }), "{behind}");
    let ended = propose(&cluster, id, Command::AbortUpload { upload }).await;
    cluster.settle(ended).await;
    cluster.flush_own(id).await;
    let staged = stage(&cluster, id, soon()).await.unwrap();
    let copy = staged.store_file().unwrap();
    let (_, held) = inspect_copy(&copy, cluster.id.get()).unwrap();
    assert_eq!(held.total(), 10, "nothing of the upload");
}
