//! openraft's network over a [`Transport`](crate::transport::Transport).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::alias::SnapshotOf;
use openraft::base::{BoxFuture, BoxStream};
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend, RaftNetworkV2};
use pga_config::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::consensus::address_book::AddressBook;
use crate::consensus::peer_watermarks::PeerWatermarks;
use crate::consensus::snapshot::{STATE_FILE, STORE_FILE, SnapshotDir};
use crate::consensus::type_config::{TypeConfig, Vote};
use crate::member::Member;
use crate::transport::{
    FrameReceiver, FrameSender, RpcKind, SharedTransport, SnapshotFile, TransportError,
};

type RpcError = RPCError<TypeConfig>;

/// Makes openraft's clients of peers.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) transport: SharedTransport,
    pub(crate) book: Arc<AddressBook>,
    pub(crate) peer_watermarks: Arc<PeerWatermarks>,
    /// How long requests on a stream may go unanswered.
    pub(crate) stream_timeout: Duration,
    /// Longest time without progress of a snapshot.
    pub(crate) snapshot_stall: Duration,
}

/// openraft's client of one peer; lives as long as a leadership.
pub(crate) struct Client {
    network: Network,
    peer: NodeId,
    /// Where the membership says it is.
    fallback: String,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: u64, node: &Member) -> Client {
        Client {
            network: self.clone(),
            peer: NodeId::new(target),
            fallback: node.quic.clone(),
        }
    }
}

impl Client {
    fn address(&self) -> String {
        let known = self.network.book.quic(self.peer);
        known.unwrap_or_else(|| self.fallback.clone())
    }

    async fn call<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        kind: RpcKind,
        request: &Q,
        timeout: Duration,
    ) -> Result<A, RpcError> {
        let body = encode(request)?;
        let address = self.address();
        let answer = self
            .network
            .transport
            .call(self.peer, &address, kind, body, timeout)
            .await
            .map_err(rpc_error)?;
        decode(&answer)
    }

    async fn open(&self, timeout: Duration) -> Result<(FrameSender, FrameReceiver), RpcError> {
        let address = self.address();
        self.network
            .transport
            .open_stream(self.peer, &address, timeout)
            .await
            .map_err(rpc_error)
    }
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = SnapshotDir;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        self.call(RpcKind::Append, &request, option.hard_ttl())
            .await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>, RpcError>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let (sender, receiver) = self.open(option.hard_ttl()).await?;
            let waiting = Arc::new(AtomicUsize::new(0));
            let writer = pga_runtime::spawn(write_requests(sender, input, Arc::clone(&waiting)));
            let reader = Reader {
                receiver,
                waiting,
                timeout: self.network.stream_timeout,
                peer: self.peer,
                peer_watermarks: Arc::clone(&self.network.peer_watermarks),
                _writer: AbortOnDrop(writer),
            };
            let answers = futures::stream::unfold(Some(reader), |reader| async move {
                let mut reader = reader?;
                match reader.next().await {
                    Ok(None) => None,
                    Ok(Some(answer)) => {
                        let more = answer.is_ok().then_some(reader);
                        Some((Ok(answer), more))
                    }
                    Err(error) => Some((Err(error), None)),
                }
            });
            let answers: BoxStream<'s, _> = Box::pin(answers);
            Ok(answers)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let answer: VoteResponse<TypeConfig> = self
            .call(RpcKind::Vote, &request, option.hard_ttl())
            .await?;
        if answer.vote_granted {
            let term = request.vote.leader_id.term;
            self.network.peer_watermarks.voted(self.peer, term);
        }
        Ok(answer)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        self.call(RpcKind::PreVote, &request, option.hard_ttl())
            .await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotDir>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let header = encode(&(vote, &snapshot.meta))?;
        let last = snapshot.meta.last_log_id;
        let address = self.address();
        let mut files = vec![SnapshotFile {
            name: STATE_FILE.to_owned(),
            path: snapshot.snapshot.state_file(),
        }];
        files.extend(snapshot.snapshot.store_file().map(|path| SnapshotFile {
            name: STORE_FILE.to_owned(),
            path,
        }));
        let sending = self.network.transport.send_snapshot(
            self.peer,
            &address,
            header,
            files,
            self.network.snapshot_stall,
        );
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            answer = sending => {
                let answer = answer.map_err(rpc_error)?;
                let answer: SnapshotResponse<TypeConfig> = decode(&answer)?;
                if answer.vote == vote {
                    self.network.peer_watermarks.has(self.peer, last);
                }
                Ok(answer)
            }
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        self.call(RpcKind::TransferLeader, &request, option.hard_ttl())
            .await
    }
}

/// Owns the requests of one stream; ends when they end, or with the stream.
async fn write_requests<S>(mut sender: FrameSender, mut requests: S, waiting: Arc<AtomicUsize>)
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    while let Some(request) = requests.next().await {
        waiting.fetch_add(1, Ordering::AcqRel);
        let Ok(frame) = encode(&request) else { return };
        if sender.send(frame).await.is_err() {
            return;
        }
    }
    // The reader sees how the stream ended.
    drop(sender.finish().await);
}

/// Reads the answers of one stream, in the order of the requests.
struct Reader {
    receiver: FrameReceiver,
    waiting: Arc<AtomicUsize>,
    timeout: Duration,
    peer: NodeId,
    peer_watermarks: Arc<PeerWatermarks>,
    _writer: AbortOnDrop,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<StreamAppendResult<TypeConfig>>, RpcError> {
        loop {
            match tokio::time::timeout(self.timeout, self.receiver.recv()).await {
                Ok(Ok(Some(frame))) => {
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    let answer: StreamAppendResult<TypeConfig> = decode(&frame)?;
                    if let Ok(last) = &answer {
                        self.peer_watermarks.has(self.peer, *last);
                    }
                    return Ok(Some(answer));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(rpc_error(error)),
                // An idle stream is silent; one that owes answers is dead.
                Err(_) if self.waiting.load(Ordering::Acquire) == 0 => {}
                Err(_) => return Err(rpc_error(TransportError::Timeout { peer: self.peer })),
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Bytes of a message of consensus.
pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, RpcError> {
    rmp_serde::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| RPCError::Network(NetworkError::new(&AnyError::new(&error))))
}

/// The message in `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RpcError> {
    pga_storage::from_msgpack(bytes)
        .map_err(|error| RPCError::Network(NetworkError::new(&AnyError::new(&error))))
}

/// openraft backs off from the unreachable, and tries the others again at once.
fn rpc_error(error: TransportError) -> RpcError {
    let cause = AnyError::new(&error);
    match error {
        TransportError::Unreachable { .. } | TransportError::Refused { .. } => {
            RPCError::Unreachable(Unreachable::new(&cause))
        }
        TransportError::Timeout { .. } | TransportError::Broken { .. } => {
            RPCError::Network(NetworkError::new(&cause))
        }
    }
}
