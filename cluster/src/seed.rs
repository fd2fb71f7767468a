//! The files with which a node of a restored cluster starts.
//!
//! To consensus they are those of a node that was there all along and purged its log: a snapshot
//! with the state, the members and a copy of the store, and an empty log that goes on behind it.
//! All nodes get the same, so that each of them has everything that the new cluster ever committed.
//! Nothing of the old cluster's log is there.

use std::collections::BTreeMap;
use std::fs::{self};
use std::path::Path;

use openraft::storage::RaftLogStorage;
use pga_storage::Position;
use pga_storage::log::{Log, LogOptions};

use crate::consensus::log_store::LogStore;
use crate::consensus::snapshot::{Meta, Snapshots, write_state_file};
use crate::consensus::type_config::{LogId, Membership, Vote};
use crate::error::Error;
use crate::error::Result;
use crate::member::Member;

/// With what a node of a restored cluster starts.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The state ([`crate::State::begin_anew`]) as bytes.
    pub state: &'a [u8],
    /// The place of the state: the log goes on behind it.
    pub at: Position,
    /// The voters.
    pub members: &'a [Member],
    /// What each node's own store holds, if it has one.
    pub store: Option<&'a Path>,
}

/// Writes the files of one node to `dir`, which does not exist; durable on return.
///
/// # Errors
/// [`Error::File`], [`Error::Storage`].
pub async fn plant(dir: &Path, seed: Seed<'_>) -> Result<()> {
    let last = LogId::new_term_index(seed.at.term, seed.at.index);
    let nodes = seed.members.iter();
    let nodes = nodes.map(|member| (member.node.get(), member.clone()));
    let ids = seed.members.iter().map(|member| member.node.get());
    let members = openraft::Membership::new(vec![ids.collect()], nodes.collect::<BTreeMap<_, _>>());
    let members = members.map_err(|error| Error::Fatal(error.to_string()))?;
    let meta = Meta {
        last_log_id: Some(last),
        last_membership: Membership::new(Some(last), members),
    };
    let (snapshots, _) = Snapshots::open(&dir.join("snapshots"))?;
    let made = snapshots.prepare()?;
    write_state_file(&made.state_file(), &meta, seed.state)?;
    if let Some(store) = seed.store {
        fs::copy(store, made.store_path()).map_err(|source| Error::File {
            action: "copy",
            path: store.to_owned(),
            source,
        })?;
    }
    snapshots.publish(&made, seed.at.index)?;
    let failed = |source| Error::File {
        action: "begin",
        path: dir.join("log"),
        source,
    };
    let (log, recovered) = Log::open(&dir.join("log"), LogOptions::default())?;
    let mut log = LogStore::new(log, &recovered).map_err(failed)?;
    // As if the first member had written all of it: the first leader has a later term.
    let first = seed.members.first().map_or(1, |member| member.node.get());
    let vote = Vote::new(seed.at.term, first);
    log.save_vote(&vote).await.map_err(failed)?;
    log.purge(last).await.map_err(failed)?;
    log.log().close().map_err(failed)?;
    // The entries of the new directories, too.
    for path in [Some(dir), dir.parent()].into_iter().flatten() {
        pga_runtime::sync_dir(path).map_err(|source| Error::File {
            action: "sync",
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(())
}
