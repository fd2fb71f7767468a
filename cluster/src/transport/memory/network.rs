//! Who is attached, which links are cut, and the dice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pga_config::NodeId;
use pga_runtime::Instant;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

use super::super::Service;
use super::{Fate, LinkFaults, TraceEvent};

/// The network between all nodes of one simulation.
pub struct MemoryNetwork {
    state: Mutex<State>,
}

struct State {
    dice: StdRng,
    start: Instant,
    faults: LinkFaults,
    links: BTreeMap<(NodeId, NodeId), LinkFaults>,
    cut: BTreeSet<(NodeId, NodeId)>,
    nodes: BTreeMap<NodeId, Arc<Attached>>,
    snapshots: u64,
    trace: Vec<TraceEvent>,
}

/// One incarnation of a node.
pub(super) struct Attached {
    pub(super) addr: String,
    pub(super) service: Arc<dyn Service>,
    pub(super) spool: PathBuf,
    incarnation: watch::Sender<bool>,
}

impl Attached {
    /// Resolves when this incarnation ends.
    pub(super) async fn ended(&self) {
        let mut incarnation = self.incarnation.subscribe();
        // An error means that the sender is gone, and with it the incarnation.
        incarnation.wait_for(|alive| !alive).await.ok();
    }

    pub(super) fn is_alive(&self) -> bool {
        *self.incarnation.borrow()
    }
}

impl MemoryNetwork {
    /// A network without nodes; must be called inside the runtime whose time it uses.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                dice: StdRng::seed_from_u64(seed),
                start: pga_runtime::now(),
                faults: LinkFaults::default(),
                links: BTreeMap::new(),
                cut: BTreeSet::new(),
                nodes: BTreeMap::new(),
                snapshots: 0,
                trace: Vec::new(),
            }),
        })
    }

    /// Puts `node` at `addr`; its former incarnation ends.
    pub(super) fn put(
        &self,
        node: NodeId,
        addr: String,
        spool: PathBuf,
        service: Arc<dyn Service>,
    ) -> Arc<Attached> {
        self.detach(node);
        let attached = Arc::new(Attached {
            addr,
            service,
            spool,
            incarnation: watch::Sender::new(true),
        });
        self.state().nodes.insert(node, Arc::clone(&attached));
        attached
    }

    /// Ends the incarnation of `node`: what it serves is dropped, what it takes part in breaks.
    pub fn detach(&self, node: NodeId) {
        if let Some(attached) = self.state().nodes.remove(&node) {
            attached.incarnation.send_replace(false);
        }
    }

    /// Sets the faults of all links that have none of their own.
    pub fn set_faults(&self, faults: LinkFaults) {
        self.state().faults = faults;
    }

    /// Sets the faults of one direction.
    pub fn set_link_faults(&self, from: NodeId, to: NodeId, faults: LinkFaults) {
        self.state().links.insert((from, to), faults);
    }

    /// Cuts one direction: nothing sent from `from` reaches `to`.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.state().cut.insert((from, to));
    }

    /// Cuts both directions between each node of `side` and each node of `other`.
    pub fn partition(&self, side: &[NodeId], other: &[NodeId]) {
        for &one in side {
            for &two in other {
                self.cut(one, two);
                self.cut(two, one);
            }
        }
    }

    /// Mends one direction.
    pub fn mend(&self, from: NodeId, to: NodeId) {
        self.state().cut.remove(&(from, to));
    }

    /// Mends all links and forgets all faults.
    pub fn heal(&self) {
        let mut state = self.state();
        state.cut.clear();
        state.links.clear();
        state.faults = LinkFaults::default();
    }

    /// Everything that was sent, in order.
    pub fn trace(&self) -> Vec<TraceEvent> {
        self.state().trace.clone()
    }

    /// The incarnation of `node`, if it is attached at `addr`.
    pub(super) fn find(&self, node: NodeId, addr: &str) -> Option<Arc<Attached>> {
        let state = self.state();
        state
            .nodes
            .get(&node)
            .filter(|attached| attached.addr == addr)
            .cloned()
    }

    /// Decides what becomes of a message, and notes it.
    pub(super) fn send(
        &self,
        from: NodeId,
        to: NodeId,
        what: &'static str,
        bytes: usize,
    ) -> Option<Duration> {
        let mut state = self.state();
        let fate = state.fate(from, to);
        state.note(from, to, what, bytes, fate);
        match fate {
            Fate::Arrives(after) => Some(after),
            _ => None,
        }
    }

    /// Notes that nobody was there.
    pub(super) fn nobody(&self, from: NodeId, to: NodeId, what: &'static str) {
        self.state().note(from, to, what, 0, Fate::Nobody);
    }

    /// Whether a link is cut now.
    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.state().cut.contains(&(from, to))
    }

    /// The shortest way there and back.
    pub(super) fn round_trip(&self, from: NodeId, to: NodeId) -> Duration {
        let state = self.state();
        state.faults_of(from, to).min_delay + state.faults_of(to, from).min_delay
    }

    /// A number no other snapshot has.
    pub(super) fn snapshot_number(&self) -> u64 {
        let mut state = self.state();
        state.snapshots += 1;
        state.snapshots
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNetwork").finish_non_exhaustive()
    }
}

impl State {
    fn faults_of(&self, from: NodeId, to: NodeId) -> LinkFaults {
        self.links.get(&(from, to)).copied().unwrap_or(self.faults)
    }

    fn fate(&mut self, from: NodeId, to: NodeId) -> Fate {
        let faults = self.faults_of(from, to);
        // The dice are thrown in any case, so that a cut does not shift what follows it.
        let lost = self.dice.random_range(0..1_000_000) < faults.lost_per_million;
        let longest = faults.max_delay.max(faults.min_delay);
        let after = self.dice.random_range(faults.min_delay..=longest);
        if self.cut.contains(&(from, to)) {
            Fate::Cut
        } else if lost {
            Fate::Lost
        } else {
            Fate::Arrives(after)
        }
    }

    fn note(&mut self, from: NodeId, to: NodeId, what: &'static str, bytes: usize, fate: Fate) {
        let at = self.start.elapsed();
        self.trace.push(TraceEvent {
            at,
            from,
            to,
            what,
            bytes,
            fate,
        });
    }
}
