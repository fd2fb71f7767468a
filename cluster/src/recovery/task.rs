//! Brings a node that does not take part back in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pga_config::NodeId;
use pga_runtime::Instant;

use crate::error::{Error, Fatal, Result};
use crate::member::Member;
use crate::membership::change::{Change, Changed};
use crate::node::core::Core;
use crate::recovery::decision::{Decision, Own, decide};
use crate::recovery::hearing::ask_all;
use crate::recovery::standing::{PeerStanding, Standing};

/// How often peers are asked.
const ASK: Duration = Duration::from_millis(200);
/// How long a peer may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// The same at first: while a cluster starts, most answers come at once or not at all.
const FIRST_ANSWER: Duration = Duration::from_millis(250);
/// How long a node with a log that heard a majority waits for the others.
///
/// Those that start at the same time tell within it. Together with an election it stays below 2 s,
/// so that the only other survivor is ready that soon.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the last question may take when the time is over.
const MOMENT: Duration = Duration::from_millis(20);
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
    let (mut last, mut majority) = (Decision::Open, None::<Instant>);
    let mut wait = FIRST_ANSWER;
    loop {
        // Once it is decided that something was lost there is no hurry.
        let hurry = majority.filter(|_| *core.standing.borrow() == Standing::Undecided);
        let answers = ask_all(core, &core.peers(), within_patience(wait, hurry)).await;
        wait = ANSWER.min(2 * wait);
        let standing = core.standing.borrow().clone();
        let mut own = core.own();
        if own.has_majority() {
            own.waited = majority.get_or_insert_with(pga_runtime::now).elapsed() >= PATIENCE;
        }
        let decision = decide(&standing, &own, core.configured.len(), &answers);
        if decision != last {
            tracing::info!(?decision, answers = answers.len(), "recovery");
            last = decision.clone();
        }
        match decision {
            Decision::Begin => {
                core.is_original.store(true, Ordering::Release);
                core.take_part();
                break;
            }
            Decision::Open => {
                core.take_part();
                // Who did not begin anew is where the others left it.
                if own.on_disk.is_some_and(|seen| seen.incarnation == 0) {
                    return Ok(());
                }
                break;
            }
            Decision::Wait => {}
            Decision::Recover(why) => begin(core, &why)?,
            Decision::AskToBeEvicted(leader) => {
                let leave = Change::Evict(core.node);
                let evicted = core.ask_leader(leader, &leave, LEAVE).await;
                if let Changed::Evicted(incarnation) = evicted {
                    core.incarnation.begin(incarnation)?;
                    core.quarantine.end()?;
                    tracing::warn!(node_id = %core.node, incarnation, "evicted from the membership, joins again as a learner");
                    core.take_part();
                    break;
                }
            }
            Decision::GiveUp => {
                tokio::time::sleep(LAST_WORDS).await;
                return Err(give_up(core, &standing));
            }
        }
        tokio::time::sleep(within_patience(ASK, hurry)).await;
    }
    rejoin(core).await;
    Ok(())
}

/// As much of `pause` as is left of the time that those have who have not told: the node must not
/// take part a second late because its last question went to one that is down.
fn within_patience(pause: Duration, majority: Option<Instant>) -> Duration {
    let left = majority.map(|since| PATIENCE.saturating_sub(since.elapsed()));
    left.map_or(pause, |left| pause.min(left.max(MOMENT)))
}

/// Notes that this node lost what it confirmed.
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
             What was damaged is below quarantine/: put back the least damaged copies from there or from backups. Copies are taken as \
             they are if `recovering` and `sightings` are removed beside the log on all nodes: what was acknowledged after they were made is lost"
        ),
    }
}

/// Sees to it that this node is a member: the leader adds it as a learner, and as a voter once it
/// has caught up.
async fn rejoin(core: &Core) {
    let Some(own) = core.own.clone() else { return };
    loop {
        let answers = ask_all(core, &core.peers(), ANSWER).await;
        if answers.iter().any(|(_, a)| a.is_leader && a.is_voter) || answers_of_new(&answers) {
            return;
        }
        if let Some((leader, _)) = answers.iter().find(|(_, answer)| answer.is_leader) {
            match core
                .ask_leader(*leader, &Change::Add(own.clone()), REJOIN)
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
                Changed::NotLeader | Changed::Late | Changed::Evicted(_) => {}
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
    /// What this node knows about itself.
    fn own(&self) -> Own {
        let (own, heard) = (self.roll(), self.heard());
        let newest = if heard.roll.at > own.at {
            &heard.roll
        } else {
            &own
        };
        let mut voters = newest.voters.clone();
        if voters.is_empty() {
            voters.extend(self.configured.iter().map(|member| member.node));
        }
        Own {
            node: self.node,
            on_disk: (!self.log.is_empty()).then(|| self.on_disk()),
            voters,
            heard: heard.standings.clone(),
            waited: false,
        }
    }

    /// The other members, as configured or as known by now.
    fn peers(&self) -> Vec<Member> {
        let mut peers = self.configured.clone();
        peers.extend(self.members());
        peers.extend(self.heard().roll.members.iter().cloned());
        peers.retain(|peer| peer.node != self.node);
        peers.sort_by_key(|peer| peer.node);
        // The later one is what the cluster says.
        peers.reverse();
        peers.dedup_by_key(|peer| peer.node);
        peers
    }

    /// Has `leader` make a change.
    async fn ask_leader(&self, leader: NodeId, change: &Change, within: Duration) -> Changed {
        let peers = self.peers();
        let Some(peer) = peers.iter().find(|peer| peer.node == leader) else {
            return Changed::NotLeader;
        };
        self.request_change(leader, &peer.quic, change, pga_runtime::now() + within)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_with_the_patience_for_those_who_do_not_tell() {
        assert_eq!(within_patience(ANSWER, None), ANSWER);
        let majority = Some(pga_runtime::now());
        assert_eq!(within_patience(ANSWER, majority), ANSWER);
        let left = Duration::from_millis(300);
        tokio::time::advance(PATIENCE.saturating_sub(left)).await;
        assert_eq!(within_patience(ANSWER, majority), left);
        tokio::time::advance(left).await;
        assert_eq!(within_patience(ANSWER, majority), MOMENT);
    }
}
