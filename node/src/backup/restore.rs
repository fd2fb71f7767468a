//! A new cluster that begins with a backup.
//!
//! Everything is looked at before anything is written: the archive from its first byte to its last,
//! the key, the database. The new cluster has an id, an authority and certificates of its own, so
//! that no node of the old one can talk to it, and the old cluster key, which opens what the state
//! holds sealed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use pga_cluster::pki::ClusterKey;
use pga_cluster::{AuditEntry, ClusterId, Member, Seed, State, plant};
use pga_config::NodeId;
use pga_storage::Position;
use pga_storage::Timestamp;
use pga_storage::store::{hand_copy_over, inspect_copy};

use super::archive::{Archive, Contents};
use super::cipher::Passphrase;
use super::create::create_private;
use super::database::Database;
use super::head::StoreKind;
use super::manifest::Part;
use super::progress::Progress;
use super::verify::{Verified, check};
use crate::cluster_files::{Issued, NewCluster, node_dir};
use crate::data_dir::file_error;
use crate::secrets::{CA_KEY, TOKEN_KEY, opener, pki};
use crate::{ArchiveError, Error, Result};

/// What to make of which archive.
#[derive(Debug)]
pub(crate) struct RestoreOptions<'a> {
    /// The archive.
    pub(crate) file: &'a Path,
    /// Opens it, if it is encrypted.
    pub(crate) passphrase: Option<Passphrase>,
    /// The cluster key of the old cluster, for an archive without it.
    pub(crate) key_file: Option<&'a Path>,
    /// The new cluster.
    pub(crate) cluster: NewCluster,
    /// Whether a database at another position is taken as it is.
    pub(crate) any_database_position: bool,
    /// Whether nothing is shown meanwhile.
    pub(crate) is_quiet: bool,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Restored {
    /// What was in the archive.
    pub(crate) contents: Contents,
    /// The new cluster.
    pub(crate) cluster: ClusterId,
    /// Where its log begins.
    pub(crate) at: Position,
}

/// Makes the files of a new cluster that begins with the archive. If that fails, none of them is
/// left.
///
/// # Errors
/// [`Error`]; a refused archive, key or database was not touched, and neither was anything else.
pub(crate) async fn restore(options: &RestoreOptions<'_>) -> Result<Restored> {
    let dir = &options.cluster.dir;
    if dir.exists() {
        let dir = dir.display();
        return Err(Error::Refused(format!(
            "{dir} exists: a cluster is made once"
        )));
    }
    let mut progress = Progress::new(options.is_quiet);
    let verified = check(options.file, options.passphrase.as_ref(), &mut progress)?;
    let Verified {
        contents,
        state,
        key,
    } = verified;
    let closed = ArchiveError::Closed {
        path: options.file.to_owned(),
        what: "it is encrypted: pass --passphrase-file",
    };
    let state = state.ok_or(Error::Archive(closed))?;
    let key = find_key(options, key.as_deref(), &state)?;
    let database = find_database(options, &contents).await?;
    let at = database
        .as_ref()
        .map_or(contents.head.position.0, |database| database.at);
    let made = make(options, &contents, state, &key, at, &mut progress).await;
    let made = match (made, &database) {
        (Ok(cluster), Some(database)) => database.hand_over(cluster).await.map(|()| cluster),
        (made, _) => made,
    };
    match made {
        Ok(cluster) => Ok(Restored {
            contents,
            cluster,
            at,
        }),
        Err(error) => {
            drop(fs::remove_dir_all(dir));
            Err(error)
        }
    }
}

/// The key that opens what the state holds sealed.
fn find_key(
    options: &RestoreOptions<'_>,
    kept: Option<&[u8]>,
    state: &State,
) -> Result<ClusterKey> {
    let key = match (kept, options.key_file) {
        (_, Some(file)) => return opener(file, state),
        (Some(kept), None) => {
            let kept = kept.try_into();
            ClusterKey::from_bytes(kept.map_err(|_| Error::Pki("no cluster key".to_owned()))?)
        }
        (None, None) => {
            let what = "the backup was made without a passphrase, so the cluster key is not in it: pass --cluster-key-file \
                        with a copy of pki/cluster.key of any node of the old cluster";
            return Err(Error::Refused(what.to_owned()));
        }
    };
    let sealed = state.token_key();
    let sealed = sealed.ok_or_else(|| Error::Refused("the backup is of no cluster yet".into()))?;
    match key.open(TOKEN_KEY, sealed) {
        Ok(_) => Ok(key),
        Err(_) => Err(Error::Refused(
            "the cluster key is not the one of the backup's cluster".to_owned(),
        )),
    }
}

async fn find_database<'a>(
    options: &'a RestoreOptions<'_>,
    contents: &Contents,
) -> Result<Option<Database<'a>>> {
    let head = &contents.head;
    match (head.store, &options.cluster.timescale) {
        (StoreKind::Embedded, None) => Ok(None),
        (StoreKind::Embedded, Some(_)) => Err(Error::Refused(
            "the backup is of a cluster whose nodes have stores of their own: leave --timescale away".to_owned(),
        )),
        (StoreKind::TimescaleDb, None) => Err(Error::Refused(format!(
            "the elements are in a database: restore it to position {}, then pass its URL with --timescale",
            String::from(head.watermark)
        ))),
        (StoreKind::TimescaleDb, Some(url)) => {
            Database::look(url, head, options.any_database_position).await.map(Some)
        }
    }
}

/// Writes all files, the configurations last.
async fn make(
    options: &RestoreOptions<'_>,
    contents: &Contents,
    mut state: State,
    key: &ClusterKey,
    at: Position,
    progress: &mut Progress,
) -> Result<ClusterId> {
    let new = &options.cluster;
    let issued = new.write_identities(key)?;
    let store = match contents.head.store {
        StoreKind::Embedded => Some(unpack(options, contents, issued.cluster, at, progress)?),
        StoreKind::TimescaleDb => None,
    };
    let ca_key = key.seal(CA_KEY, issued.authority.key_der()).map_err(pki)?;
    let ids = new.members.iter().map(|member| member.id);
    state.begin_anew(at, ids, ca_key.into(), &entry(contents, &issued));
    let state = state
        .to_bytes()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let members = new.members.iter().map(|member| Member {
        node: member.id,
        quic: member.quic.clone(),
        http: member.http.clone(),
    });
    let members: Vec<Member> = members.collect();
    for member in &members {
        progress.begin(&format!("making node {}", member.node.get()), 0);
        let seed = Seed {
            state: &state,
            at,
            members: &members,
            store: store.as_deref(),
        };
        plant(&raft_dir(&new.dir, member.node), seed).await?;
    }
    if let Some(store) = store {
        fs::remove_file(&store).map_err(|error| file_error("remove", &store, error))?;
    }
    new.write_configurations(false)?;
    Ok(issued.cluster)
}

fn raft_dir(dir: &Path, node: NodeId) -> PathBuf {
    node_dir(dir, node).join("raft")
}

/// Takes the copy of the store out of the archive, looks at all of it, and hands it over to the new
/// cluster.
fn unpack(
    options: &RestoreOptions<'_>,
    contents: &Contents,
    cluster: ClusterId,
    at: Position,
    progress: &mut Progress,
) -> Result<PathBuf> {
    let path = options.cluster.dir.join("store.db");
    let failed = |error| file_error("write", &path, error);
    let mut file = create_private(&path).map_err(failed)?;
    let archive = Archive::open(options.file)?;
    progress.begin("unpacking the store", archive.size());
    let again = archive.read(
        options.passphrase.as_ref(),
        &mut |part, piece| match part {
            Part::Store => file.write_all(piece).map_err(failed),
            Part::State | Part::ClusterKey | Part::Manifest => Ok(()),
        },
        &mut |bytes| progress.at(bytes),
    )?;
    if again.sha256 != contents.sha256 {
        return Err(Error::Refused("the backup changed meanwhile".to_owned()));
    }
    file.sync_all().map_err(failed)?;
    let old = contents.head.cluster.get();
    let (watermark, found) = inspect_copy(&path, old)?;
    let promised = contents.manifest.as_ref().and_then(|m| m.store.as_ref());
    if promised != Some(&found) || watermark.position != contents.head.watermark.0 {
        return Err(Error::Refused(
            "the store in the backup does not hold what the backup says".to_owned(),
        ));
    }
    hand_copy_over(&path, old, cluster.get(), at)?;
    let synced = File::open(&path).and_then(|file| file.sync_all());
    synced.map_err(failed)?;
    Ok(path)
}

fn entry(contents: &Contents, issued: &Issued) -> AuditEntry {
    let head = &contents.head;
    AuditEntry {
        at: Timestamp::now(),
        actor: "command line".to_owned(),
        user_id: None,
        address: String::new(),
        action: "cluster.restore".to_owned(),
        target: issued.cluster.to_string(),
        before: Some(
            serde_json::json!({
                "cluster": head.cluster.to_string(),
                "position": head.position,
                "made_at": head.created_at,
            })
            .to_string(),
        ),
        after: None,
        request_id: String::new(),
    }
}
