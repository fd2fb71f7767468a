//! What a call asks for.

/// Kind of a request between nodes; one byte on the wire, frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RpcKind {
    /// Raft: append entries (one request, one answer).
    Append = 1,
    /// Raft: request a vote.
    Vote = 2,
    /// Raft: ask whether a vote would be granted.
    PreVote = 3,
    /// Raft: take over the leadership.
    TransferLeader = 4,
    /// Forwarded to the leader: propose a command.
    Propose = 5,
    /// Forwarded to the leader: the index a linearizable read has to wait for.
    ReadIndex = 6,
    /// The node's own view of the cluster.
    Status = 7,
    /// A new node asks for its identity; the only call open to the holder of a join certificate.
    Join = 8,
    /// Forwarded to the leader: change the membership.
    Membership = 9,
    /// Forwarded to the node that has the answer: a read of the node's own store.
    Read = 10,
    /// What a node knows about the one that asks, which is about to take part (again).
    Standing = 11,
    /// What a node's program knows: its feature level and its version.
    Announcement = 12,
}

impl RpcKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Append,
        Self::Vote,
        Self::PreVote,
        Self::TransferLeader,
        Self::Propose,
        Self::ReadIndex,
        Self::Status,
        Self::Join,
        Self::Membership,
        Self::Read,
        Self::Standing,
        Self::Announcement,
    ];

    /// The byte on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The kind of a byte from the wire; `None` if this version does not know it.
    pub fn from_u8(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_u8() == byte)
    }

    /// Whether elections and replication wait for it: such calls never queue behind others.
    pub const fn is_consensus(self) -> bool {
        matches!(
            self,
            Self::Append | Self::Vote | Self::PreVote | Self::TransferLeader | Self::ReadIndex
        )
    }

    /// Name for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Vote => "vote",
            Self::PreVote => "pre_vote",
            Self::TransferLeader => "transfer_leader",
            Self::Propose => "propose",
            Self::ReadIndex => "read_index",
            Self::Status => "status",
            Self::Join => "join",
            Self::Membership => "membership",
            Self::Read => "read",
            Self::Standing => "standing",
            Self::Announcement => "announcement",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire_and_other_bytes_are_unknown() {
        for byte in 0..=u8::MAX {
            match RpcKind::from_u8(byte) {
                Some(kind) => assert_eq!(kind.as_u8(), byte),
                None => assert!(RpcKind::ALL.iter().all(|kind| kind.as_u8() != byte)),
            }
        }
        assert_eq!(
            RpcKind::ALL
                .into_iter()
                .filter_map(|kind| RpcKind::from_u8(kind.as_u8()))
                .count(),
            RpcKind::ALL.len()
        );
    }
}
