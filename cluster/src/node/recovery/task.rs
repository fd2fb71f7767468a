//! Brings a node that does not take part back in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pga_config::NodeId;
use tokio::time::Instant;

use super::decision::{Decision, decide};
use super::{PeerStanding, Standing, ask_all};
use crate::member::Member;
use crate::node::core::Core;
use crate::node::membership::{Change, Changed};
use crate::node::{Error, Fatal, Result};

/// How often peers are asked.
const ASK: Duration = Duration::from_millis(200);
/// How long a peer may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long one attempt to leave the membership may take.
const LEAVE: Duration = Duration::from_secs(10);
/// How long one attempt to be a voter again may take.
const REJOIN: Duration = Duration::from_secs(600);
/// How long a node that gives up still tells its peers that it does.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Works until this node takes part and is a member, or the node is stopped.
pub(crate) async fn run(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    tokio::select! {
        biased;
        _ = stopped.wait_for(|stopped| *stopped) => {}
        outcome = recover(&core) => match outcome {
            Ok(()) => {}
            Err(error) => core.end(Fatal::Damaged(error.to_string().into())),
        },
    }
}

async fn recover(core: &Core) -> Result<()> {
    let mut last = Decision::Open;
    let mut known = Vec::new();
    loop {
        let answers = ask_all(&core.transport, &core.peers(&known), ANSWER, &mut known).await;
        let standing = core.standing.borrow().clone();
        let decision = decide(&standing, core.configured.len(), &answers);
        if decision != last {
            tracing::info!(?decision, answers = answers.len(), "recovery");
            last = decision.clone();
        }
        match decision {
            Decision::Begin => {
                core.is_original.store(true, Ordering::Release);
                core.standing.send_replace(Standing::Open);
                break;
            }
            Decision::Open => {
                core.standing.send_replace(Standing::Open);
                break;
            }
            Decision::Wait => {}
            Decision::Recover(why) => begin(core, why)?,
            Decision::AskToBeTakenOut(leader) => {
                if core
                    .ask_leader(leader, &known, &Change::TakeOut(core.node), LEAVE)
                    .await
                    == Changed::Done
                {
                    core.quarantine.end()?;
                    tracing::warn!(node_id = %core.node, "taken out of the membership, joins again as a learner");
                    core.standing.send_replace(Standing::Open);
                    break;
                }
            }
            Decision::GiveUp => {
                tokio::time::sleep(LAST_WORDS).await;
                return Err(give_up(core, &standing));
            }
        }
        tokio::time::sleep(ASK).await;
    }
    rejoin(core, known).await;
    Ok(())
}

/// Notes that this node, whose log is empty, lost what it confirmed.
fn begin(core: &Core, why: &str) -> Result<()> {
    core.quarantine.begin(why)?;
    tracing::error!(node_id = %core.node, error = why, "this node does not vote, and asks the others to take it in again");
    core.standing.send_replace(Standing::Recovering(why.into()));
    Ok(())
}

fn give_up(core: &Core, standing: &Standing) -> Error {
    let why = match standing {
        Standing::Recovering(why) => why.to_string(),
        Standing::Open | Standing::Undecided => String::new(),
    };
    Error::Damaged {
        path: core.quarantine.path(),
        what: format!(
            "{why}. So many voters lost their logs that the others are no majority, and nobody can take this node in again. \
             What was found is below quarantine/: put back the least damaged copies from there or from backups"
        ),
    }
}

/// Sees to it that this node is a member: the leader adds it as a learner, and as a voter once it has caught up.
async fn rejoin(core: &Core, mut known: Vec<Member>) {
    let Some(own) = core.own.clone() else { return };
    loop {
        let answers = ask_all(&core.transport, &core.peers(&known), ANSWER, &mut known).await;
        if answers.iter().any(|(_, a)| a.is_leader && a.is_voter) || answers_of_new(&answers) {
            return;
        }
        if let Some((leader, _)) = answers.iter().find(|(_, answer)| answer.is_leader) {
            match core
                .ask_leader(*leader, &known, &Change::Add(own.clone()), REJOIN)
                .await
            {
                Changed::Done => {
                    tracing::info!(node_id = %core.node, "votes again");
                    return;
                }
                Changed::Refused(why) => {
                    tracing::error!(node_id = %core.node, error = why, "not taken in again");
                    return;
                }
                Changed::NotLeader | Changed::Late => {}
            }
        }
        tokio::time::sleep(ASK).await;
    }
}

/// A cluster that is only now being made has all its members.
fn answers_of_new(answers: &[(NodeId, PeerStanding)]) -> bool {
    !answers.is_empty() && answers.iter().all(|(_, answer)| !answer.has_committed)
}

impl Core {
    /// The other members, as configured or as `known` by now.
    fn peers(&self, known: &[Member]) -> Vec<Member> {
        let mut peers = self.configured.clone();
        peers.extend(known.iter().cloned());
        peers.retain(|peer| peer.node != self.node);
        peers.sort_by_key(|peer| peer.node);
        // The later one is what the cluster says.
        peers.reverse();
        peers.dedup_by_key(|peer| peer.node);
        peers
    }

    /// Has `leader` make a change.
    async fn ask_leader(
        &self,
        leader: NodeId,
        known: &[Member],
        change: &Change,
        within: Duration,
    ) -> Changed {
        let peers = self.peers(known);
        let Some(peer) = peers.iter().find(|peer| peer.node == leader) else {
            return Changed::NotLeader;
        };
        self.request_change(leader, &peer.quic, change, Instant::now() + within)
            .await
    }
}
