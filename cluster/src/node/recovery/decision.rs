//! What follows from what the peers say. No I/O, no clock.

use pga_config::NodeId;

use super::{PeerStanding, Standing};
use crate::raft::sightings::Seen;

/// What a node that does not take part does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Ask again.
    Wait,
    /// Take part: the cluster begins, or none of its majorities can have needed this node so far.
    Begin,
    /// Take part: it never voted.
    Open,
    /// Something was lost.
    Recover(&'static str),
    /// Have this leader take the node out of the membership.
    AskToBeTakenOut(NodeId),
    /// So many voters lost their logs that the others are no majority.
    GiveUp,
}

/// Decides for a node whose standing is `standing`; `configured` is the number of members as configured, itself among them.
pub(super) fn decide(
    standing: &Standing,
    configured: usize,
    answers: &[(NodeId, PeerStanding)],
) -> Decision {
    let known = answers.iter().map(|(_, answer)| answer.voters).max();
    let voters = configured.max(known.unwrap_or(0));
    match standing {
        Standing::Open => Decision::Open,
        Standing::Undecided => undecided(voters, answers),
        Standing::Recovering(_) => recovering(voters, answers),
    }
}

fn undecided(voters: usize, answers: &[(NodeId, PeerStanding)]) -> Decision {
    let knows_nothing = |answer: &PeerStanding| {
        let is_whole = !answer.has_committed || answer.is_original;
        is_whole && !answer.is_recovering && answer.seen == Seen::default()
    };
    let fresh = answers.iter().filter(|(_, answer)| knows_nothing(answer));
    // So many that every majority with this node in it has one of them.
    let majority = voters / 2 + 1;
    if fresh.count() + majority > voters || voters <= 1 {
        return Decision::Begin;
    }
    if answers.iter().any(|(_, a)| a.is_leader && !a.is_voter) {
        return Decision::Open;
    }
    let lost =
        |answer: &PeerStanding| answer.is_voter && !knows_nothing(answer) && !answer.is_recovering;
    if answers.iter().any(|(_, answer)| lost(answer)) {
        return Decision::Recover("the log is empty, but this node votes in a running cluster");
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
        Decision::AskToBeTakenOut(*leader)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: PeerStanding = PeerStanding {
        is_recovering: false,
        is_original: false,
        has_committed: false,
        is_leader: false,
        is_voter: false,
        voters: 0,
        seen: Seen { log: None, term: 0 },
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
        seen: Seen { log: None, term: 3 },
        ..ORIGINAL
    };

    fn answers(of: &[PeerStanding]) -> Vec<(NodeId, PeerStanding)> {
        let ids = (2..).map(NodeId::new);
        ids.zip(of.iter().cloned()).collect()
    }

    #[test]
    fn an_empty_log_is_believed_only_if_nothing_can_have_been_committed_with_it() {
        let recover =
            Decision::Recover("the log is empty, but this node votes in a running cluster");
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
            let decision = decide(&Standing::Undecided, voters, &answers(said));
            assert_eq!(decision, want, "{name}");
        }
    }

    #[test]
    fn a_recovering_node_needs_a_majority_without_it() {
        let leader = Decision::AskToBeTakenOut(NodeId::new(2));
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
            assert_eq!(decide(&standing, voters, &answers(said)), want, "{name}");
        }
    }
}
