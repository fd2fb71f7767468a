//! What follows from what the peers say. No I/O, no clock.

use std::collections::BTreeMap;

use pga_config::NodeId;

use crate::consensus::peer_watermarks::PeerWatermark;
use crate::recovery::standing::{PeerStanding, Standing, loss};

/// What a node that does not take part does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Ask again.
    Wait,
    /// Take part: the cluster begins, or none of its majorities can have needed this node so far.
    Begin,
    /// Take part: it never voted, or has all that the others know of.
    Open,
    /// Something was lost.
    Recover(String),
    /// Have this leader take the node out of the membership.
    AskToBeEvicted(NodeId),
    /// So many voters lost their logs that the others are no majority.
    GiveUp,
}

/// What a node knows about itself.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) node: NodeId,
    /// What it has on its disk; none if it never had a log.
    pub(super) on_disk: Option<PeerWatermark>,
    /// Who votes, as far as it knows, itself perhaps among them.
    pub(super) voters: Vec<NodeId>,
    /// What peers told since its start. What they saw of this node before is all there is to see,
    /// so that all of it counts.
    pub(super) heard: BTreeMap<NodeId, PeerStanding>,
    /// A majority has told, and those that have not had as long as is sensible.
    pub(super) waited: bool,
}

impl Own {
    /// Whether a majority of the voters has told, itself among them. Who recovers, or has nothing
    /// itself, can help nobody to a majority.
    pub(super) fn has_majority(&self) -> bool {
        let counts = |voter: &&NodeId| {
            let told = self.heard.get(voter);
            **voter == self.node || told.is_some_and(PeerStanding::can_vote)
        };
        self.voters.iter().filter(counts).count() > self.voters.len() / 2
    }

    /// Whether every other voter has told.
    fn has_all(&self) -> bool {
        let mut others = self.voters.iter().filter(|voter| **voter != self.node);
        others.all(|voter| self.heard.contains_key(voter))
    }
}

/// Decides for a node whose standing is `standing`; `configured` is the number of members as
/// configured, itself among them.
pub(super) fn decide(
    standing: &Standing,
    own: &Own,
    configured: usize,
    answers: &[(NodeId, PeerStanding)],
) -> Decision {
    let known = answers.iter().map(|(_, answer)| answer.voters).max();
    let voters = configured.max(known.unwrap_or(0));
    match standing {
        Standing::Open => Decision::Open,
        Standing::Undecided => match own.on_disk {
            Some(on_disk) => with_log(on_disk, own),
            None => without_log(voters, answers),
        },
        Standing::Recovering(_) => recovering(voters, answers),
    }
}

/// Nothing is missing as far as all voters say; or, if some of them do not run, a majority of them
/// with this node. Without a majority there is nothing that this node could take part in, so that
/// it may wait for one without end.
///
/// A node that lost its power between giving up entries of an older leader and storing the newer
/// one's is taken for one that lost them: what it has is no more than an older disk of it would
/// have.
fn with_log(on_disk: PeerWatermark, own: &Own) -> Decision {
    if let Some(why) = loss(on_disk, &own.heard) {
        return Decision::Recover(why);
    }
    if own.has_majority() && (own.has_all() || own.waited) {
        Decision::Open
    } else {
        Decision::Wait
    }
}

fn without_log(voters: usize, answers: &[(NodeId, PeerStanding)]) -> Decision {
    let knows_nothing = |answer: &PeerStanding| {
        let is_whole = !answer.has_committed || answer.is_original;
        is_whole && !answer.is_recovering && answer.seen == PeerWatermark::default()
    };
    let fresh = answers.iter().filter(|(_, answer)| knows_nothing(answer));
    // So many that every majority with this node in it has one of them.
    let majority = voters / 2 + 1;
    if fresh.count() + majority > voters || voters <= 1 {
        return Decision::Begin;
    }
    let mut leaders = answers.iter().filter(|(_, answer)| answer.is_leader);
    if let Some((leader, answer)) = leaders.find(|(_, answer)| !answer.is_voter) {
        if answer.seen == PeerWatermark::default() {
            return Decision::Open;
        }
        return Decision::Recover(format!("the log is empty, but {leader} saw it otherwise"));
    }
    let lost =
        |answer: &PeerStanding| answer.is_voter && !knows_nothing(answer) && !answer.is_recovering;
    if answers.iter().any(|(_, answer)| lost(answer)) {
        let why = "the log is empty, but this node votes in a running cluster";
        return Decision::Recover(why.to_owned());
    }
    Decision::Wait
}

fn recovering(voters: usize, answers: &[(NodeId, PeerStanding)]) -> Decision {
    let lost = 1 + answers.iter().filter(|(_, a)| a.is_recovering).count();
    let majority = voters / 2 + 1;
    if lost + majority > voters {
        return Decision::GiveUp;
    }
    let leader = answers.iter().find(|(_, answer)| answer.is_leader);
    leader.map_or(Decision::Wait, |(leader, _)| {
        Decision::AskToBeEvicted(*leader)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::type_config::LogId;

    const NOTHING: PeerWatermark = PeerWatermark {
        log: None,
        term: 0,
        incarnation: 0,
    };
    const NEW: PeerStanding = PeerStanding {
        is_recovering: false,
        is_original: false,
        has_committed: false,
        is_leader: false,
        is_voter: false,
        voters: 0,
        seen: NOTHING,
        own: NOTHING,
    };
    const RUNNING: PeerStanding = PeerStanding {
        has_committed: true,
        is_voter: true,
        ..NEW
    };
    const ORIGINAL: PeerStanding = PeerStanding {
        is_original: true,
        ..RUNNING
    };
    const LOST: PeerStanding = PeerStanding {
        is_recovering: true,
        ..NEW
    };
    const LEADER: PeerStanding = PeerStanding {
        is_leader: true,
        ..RUNNING
    };
    const STRANGER_TO_LEADER: PeerStanding = PeerStanding {
        is_voter: false,
        ..LEADER
    };
    const HEARD: PeerStanding = PeerStanding {
        seen: PeerWatermark { term: 3, ..NOTHING },
        ..ORIGINAL
    };

    fn answers(of: &[PeerStanding]) -> Vec<(NodeId, PeerStanding)> {
        let ids = (2..).map(NodeId::new);
        ids.zip(of.iter().cloned()).collect()
    }

    /// Node 1 with this on its disk, the first of so many voters.
    fn own(on_disk: Option<PeerWatermark>, voters: u64) -> Own {
        Own {
            node: NodeId::new(1),
            on_disk,
            voters: (1..=voters).map(NodeId::new).collect(),
            heard: BTreeMap::new(),
            waited: false,
        }
    }

    /// What is on the disk of node 1.
    fn on_disk() -> PeerWatermark {
        PeerWatermark {
            log: Some(LogId::new_term_index(3, 50)),
            term: 4,
            incarnation: 0,
        }
    }

    /// A peer with a log that saw this.
    fn saw(seen: PeerWatermark) -> PeerStanding {
        PeerStanding {
            seen,
            own: on_disk(),
            ..RUNNING
        }
    }

    /// What node 1 decides with this on its disk when it heard this.
    fn with_log(
        on_disk: PeerWatermark,
        voters: u64,
        said: &[PeerStanding],
        waited: bool,
    ) -> Decision {
        let own = Own {
            heard: answers(said).into_iter().collect(),
            waited,
            ..own(Some(on_disk), voters)
        };
        decide(&Standing::Undecided, &own, 3, &[])
    }

    #[test]
    fn a_log_is_believed_once_enough_peers_say_that_nothing_is_missing() {
        let (same, less) = (saw(on_disk()), saw(NOTHING));
        let lost = PeerStanding {
            is_recovering: true,
            ..same
        };
        let empty = PeerStanding {
            own: NOTHING,
            ..same
        };
        for (name, voters, said, at_once, waited) in [
            ("all answer", 3, &[same, less][..], true, true),
            ("one of two others does not run", 3, &[same], false, true),
            ("nobody answers", 3, &[], false, false),
            ("two of four others", 5, &[same, less], false, true),
            ("one of four others", 5, &[same], false, false),
            ("one of two others recovers", 3, &[same, lost], true, true),
            ("the other that runs recovers", 3, &[lost], false, false),
            ("all others have nothing", 3, &[empty; 2], false, false),
            ("it is the only voter", 1, &[], true, true),
        ] {
            for (has_waited, is_open) in [(false, at_once), (true, waited)] {
                let decision = with_log(on_disk(), voters, said, has_waited);
                let want = if is_open {
                    Decision::Open
                } else {
                    Decision::Wait
                };
                assert_eq!(decision, want, "{name}, waited: {has_waited}");
            }
        }
    }

    #[test]
    fn a_log_that_is_less_than_one_peer_saw_is_a_loss() {
        let longer = PeerWatermark {
            log: Some(LogId::new_term_index(3, 51)),
            ..on_disk()
        };
        let voted = PeerWatermark {
            term: 5,
            ..on_disk()
        };
        let later = PeerWatermark {
            incarnation: 1,
            ..NOTHING
        };
        for seen in [longer, voted, later] {
            let decision = with_log(on_disk(), 3, &[saw(on_disk()), saw(seen)], false);
            assert!(matches!(decision, Decision::Recover(_)), "{decision:?}");
        }
        let anew = PeerWatermark {
            incarnation: 9,
            ..NOTHING
        };
        let decision = with_log(anew, 3, &[saw(longer); 2], false);
        assert_eq!(decision, Decision::Open, "that was seen of an earlier life");
    }

    #[test]
    fn an_empty_log_is_believed_only_if_nothing_can_have_been_committed_with_it() {
        let why = "the log is empty, but this node votes in a running cluster";
        let recover = Decision::Recover(why.to_owned());
        let table: [(&str, usize, &[PeerStanding], Decision); 12] = [
            ("alone", 1, &[], Decision::Begin),
            ("all are new", 3, &[NEW, NEW], Decision::Begin),
            ("one of two others is new", 3, &[NEW], Decision::Wait),
            (
                "three of four others are new",
                5,
                &[NEW; 3],
                Decision::Begin,
            ),
            ("two of four others are new", 5, &[NEW; 2], Decision::Wait),
            (
                "others went ahead",
                3,
                &[ORIGINAL, ORIGINAL],
                Decision::Begin,
            ),
            (
                "one was told of a vote",
                3,
                &[ORIGINAL, HEARD],
                recover.clone(),
            ),
            ("others run", 3, &[RUNNING, RUNNING], recover.clone()),
            ("one other runs", 3, &[RUNNING], recover.clone()),
            ("another is empty too", 3, &[RUNNING, NEW], recover),
            (
                "it was never a voter",
                3,
                &[STRANGER_TO_LEADER],
                Decision::Open,
            ),
            ("all others lost theirs", 3, &[LOST, LOST], Decision::Wait),
        ];
        for (name, voters, said, want) in table {
            let decision = decide(&Standing::Undecided, &own(None, 0), voters, &answers(said));
            assert_eq!(decision, want, "{name}");
        }
    }

    #[test]
    fn a_recovering_node_needs_a_majority_without_it() {
        let leader = Decision::AskToBeEvicted(NodeId::new(2));
        let table: [(&str, usize, &[PeerStanding], Decision); 6] = [
            (
                "the others have a leader",
                3,
                &[LEADER, RUNNING],
                leader.clone(),
            ),
            (
                "the others have none",
                3,
                &[RUNNING, RUNNING],
                Decision::Wait,
            ),
            ("nobody answers", 3, &[], Decision::Wait),
            (
                "two of three lost theirs",
                3,
                &[LOST, RUNNING],
                Decision::GiveUp,
            ),
            ("two of five lost theirs", 5, &[LEADER, LOST], leader),
            ("one of two", 2, &[RUNNING], Decision::GiveUp),
        ];
        let standing = Standing::Recovering("x".into());
        for (name, voters, said, want) in table {
            let decision = decide(&standing, &own(None, 0), voters, &answers(said));
            assert_eq!(decision, want, "{name}");
        }
    }
}
