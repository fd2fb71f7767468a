//! Row 72: who has a say in consensus.

use anyhow::{Context, ensure};

use super::Siege;
use super::intruder::{exchange, framed};

/// An id with a good certificate that no node has.
const STRANGER: u64 = 77;
const APPEND: u8 = 1;
const VOTE: u8 = 2;
const PRE_VOTE: u8 = 3;
const TRANSFER: u8 = 4;

/// A message of consensus as bytes.
fn body(message: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    Ok(rmp_serde::to_vec(message)?)
}

/// Asks for a vote in this term, in the name of `node`, with the longest log there can be, as if
/// the leader had asked for it.
fn vote(term: u64, node: u64) -> anyhow::Result<Vec<u8>> {
    body(&(((term, node), false), (term, u64::MAX), true))
}

/// Says that `node` leads this term.
fn lead(term: u64, node: u64) -> anyhow::Result<Vec<u8>> {
    let nothing: [u8; 0] = [];
    body(&(((term, node), true), (term, 1), nothing, (term, 1)))
}

/// Has `node` (by its certificate) say this to each member, which has to refuse it for `reason`.
async fn refused(
    siege: &Siege,
    node: u64,
    kind: u8,
    message: &[u8],
    reason: &str,
) -> anyhow::Result<()> {
    for target in siege
        .cluster
        .nodes()
        .iter()
        .filter(|target| target.id != node && target.is_alive())
    {
        let peer = siege.stolen.greeted(node, target).await?;
        let request = framed(&[&[2, kind], message].concat());
        let answer = exchange(&peer.connection, &request).await;
        let answer = answer.with_context(|| format!("kind {kind} to n{}", target.id))?;
        let want = [&[1, 100], reason.as_bytes()].concat();
        ensure!(
            answer.get(4..) == Some(&want[..]),
            "kind {kind} of n{node} to n{}: {}",
            target.id,
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

pub(super) async fn strangers_and_impostors(siege: &Siege) -> anyhow::Result<()> {
    let term = siege.before.term;
    let (far, next, leader) = (u64::MAX, term + 1, siege.before.leader.unwrap_or_default());
    let other = leader % 3 + 1;
    let transfer = body(&(((next, STRANGER), true), STRANGER, (term, 1_u64)))?;
    for (node, kind, message, reason) in [
        (STRANGER, VOTE, vote(far, STRANGER)?, "term"),
        (STRANGER, VOTE, vote(next, STRANGER)?, "stranger"),
        (STRANGER, VOTE, vote(next, other)?, "impostor"),
        (STRANGER, PRE_VOTE, vote(next, STRANGER)?, "stranger"),
        (STRANGER, APPEND, lead(next, STRANGER)?, "stranger"),
        (STRANGER, APPEND, lead(next, leader)?, "impostor"),
        (STRANGER, TRANSFER, transfer, "stranger"),
        // Nor can a member end all elections, or speak for another.
        (other, VOTE, vote(far, other)?, "term"),
        (other, APPEND, lead(far, other)?, "term"),
        (other, VOTE, vote(next, leader)?, "impostor"),
    ] {
        refused(siege, node, kind, &message, reason).await?;
    }
    // The same over a long stream, which is given up without an answer.
    let peer = siege.stolen.greeted(STRANGER, siege.target()?).await?;
    let stream = [framed(&[3]), framed(&lead(next, STRANGER)?)].concat();
    let answers = exchange(&peer.connection, &stream).await;
    ensure!(answers.as_ref().map_or(true, Vec::is_empty), "{answers:?}");
    for reason in ["stranger", "impostor", "term"] {
        let label = format!("reason=\"{reason}\"");
        let counted = siege
            .count("pganalytics_raft_refused_messages_total", &[&label])
            .await?;
        ensure!(counted > 0.0, "{reason} is not counted");
    }
    Ok(())
}

/// A node that was evicted has no say, whatever it has in its log, and while it still runs.
pub(super) async fn a_removed_node(siege: &mut Siege) -> anyhow::Result<()> {
    let leader = siege.before.leader.context("no leader")?;
    let gone = siege.target % 3 + 1;
    let gone = if gone == leader { gone % 3 + 1 } else { gone };
    siege
        .cluster
        .command(leader, &["remove", "--id", &gone.to_string()])
        .await?;
    let next = siege.before.term + 1;
    let (vote, lead) = (vote(next, gone)?, lead(next, gone)?);
    for target in [leader, 6 - leader - gone] {
        let target = siege.cluster.node(target)?;
        let peer = siege.stolen.greeted(gone, target).await?;
        for (kind, message) in [(VOTE, &vote), (APPEND, &lead)] {
            let request = framed(&[&[2, kind], &message[..]].concat());
            let answer = exchange(&peer.connection, &request).await?;
            ensure!(
                answer.ends_with(b"retired"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
    let status = siege.cluster.status_of(leader).await?;
    ensure!(
        status.term == siege.before.term,
        "term {} became {}",
        siege.before.term,
        status.term
    );
    Ok(())
}
