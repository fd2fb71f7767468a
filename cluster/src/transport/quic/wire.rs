//! The bytes in frames. Frozen with protocol version 1:
//!
//! | Frame | Bytes |
//! | --- | --- |
//! | first of a stream | opening (1 byte), then: hello; kind (1 byte) and body of a call; nothing; header of a snapshot |
//! | answer | 0 and a body; 1, refusal code and text; 2 and text |
//! | of a snapshot | 1, size (8), name; 2, offset (8), CRC32C of the data (4), data; 3, files (4), bytes (8) |

use bytes::{Buf, Bytes};
use pga_config::NodeId;
use uuid::Uuid;

use super::super::{RefusalReason, ServiceError, TransportError};
use super::frame_io::broken;
use crate::ClusterId;

/// Version of the protocol between nodes; both ends must speak the same.
pub(super) const PROTOCOL_VERSION: u16 = 1;

pub(super) const OPEN_HELLO: u8 = 1;
pub(super) const OPEN_CALL: u8 = 2;
pub(super) const OPEN_STREAM: u8 = 3;
pub(super) const OPEN_SNAPSHOT: u8 = 4;

pub(super) const SNAPSHOT_FILE: u8 = 1;
pub(super) const SNAPSHOT_CHUNK: u8 = 2;
pub(super) const SNAPSHOT_END: u8 = 3;

const ANSWER_OK: u8 = 0;
const ANSWER_REFUSED: u8 = 1;
const ANSWER_FAILED: u8 = 2;

/// Who says hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Node(NodeId),
    Joiner([u8; 16]),
}

/// First frame of a connection, from the end that dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u16,
    pub(super) cluster: ClusterId,
    pub(super) from: Caller,
    pub(super) to: NodeId,
}

/// Its answer: who is there, and whether the caller is welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HelloAnswer {
    pub(super) refusal: Option<RefusalReason>,
    pub(super) version: u16,
    pub(super) cluster: ClusterId,
    pub(super) node: NodeId,
}

impl Hello {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = vec![OPEN_HELLO];
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(self.cluster.get().as_bytes());
        let (role, from) = match self.from {
            Caller::Node(node) => (1, u128::from(node.get()).to_be_bytes()),
            Caller::Joiner(token) => (2, token),
        };
        out.push(role);
        out.extend_from_slice(&from);
        out.extend_from_slice(&self.to.get().to_be_bytes());
        out.into()
    }

    /// `Err` tells which refusal an unreadable hello deserves.
    pub(super) fn decode(mut frame: Bytes) -> Result<Self, RefusalReason> {
        let malformed = |_| RefusalReason::Malformed;
        if frame.try_get_u8().map_err(malformed)? != OPEN_HELLO {
            return Err(RefusalReason::Malformed);
        }
        let version = frame.try_get_u16().map_err(malformed)?;
        if version != PROTOCOL_VERSION {
            return Err(RefusalReason::VersionMismatch);
        }
        let cluster = cluster_id(frame.try_get_u128().map_err(malformed)?);
        let role = frame.try_get_u8().map_err(malformed)?;
        let from = frame.try_get_u128().map_err(malformed)?;
        let from = match role {
            1 => Caller::Node(NodeId::new(
                u64::try_from(from).map_err(|_| RefusalReason::Malformed)?,
            )),
            2 => Caller::Joiner(from.to_be_bytes()),
            _ => return Err(RefusalReason::Malformed),
        };
        let to = NodeId::new(frame.try_get_u64().map_err(malformed)?);
        Ok(Self {
            version,
            cluster,
            from,
            to,
        })
    }
}

impl HelloAnswer {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = vec![self.refusal.as_ref().map_or(0, refusal_code)];
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(self.cluster.get().as_bytes());
        out.extend_from_slice(&self.node.get().to_be_bytes());
        out.into()
    }

    pub(super) fn decode(mut frame: Bytes) -> Option<Self> {
        let refusal = match frame.try_get_u8().ok()? {
            0 => None,
            code => Some(refusal_of(code, "")),
        };
        Some(Self {
            refusal,
            version: frame.try_get_u16().ok()?,
            cluster: cluster_id(frame.try_get_u128().ok()?),
            node: NodeId::new(frame.try_get_u64().ok()?),
        })
    }
}

/// Head and body of the frame that answers a request.
pub(super) fn encode_answer(answer: Result<Bytes, ServiceError>) -> (Vec<u8>, Bytes) {
    match answer {
        Ok(body) => (vec![ANSWER_OK], body),
        Err(ServiceError::Refused(reason)) => {
            let text = match &reason {
                RefusalReason::Service(text) => Bytes::copy_from_slice(text.as_bytes()),
                _ => Bytes::new(),
            };
            (vec![ANSWER_REFUSED, refusal_code(&reason)], text)
        }
        Err(ServiceError::Failed(text)) => (vec![ANSWER_FAILED], text.into()),
    }
}

/// The result a caller gets from the answer's frame.
pub(super) fn decode_answer(peer: NodeId, mut frame: Bytes) -> Result<Bytes, TransportError> {
    let malformed = |_| broken(peer, &"malformed answer");
    match frame.try_get_u8().map_err(malformed)? {
        ANSWER_OK => Ok(frame),
        ANSWER_REFUSED => {
            let code = frame.try_get_u8().map_err(malformed)?;
            let reason = refusal_of(code, &String::from_utf8_lossy(&frame));
            Err(TransportError::Refused { peer, reason })
        }
        _ => Err(broken(peer, &String::from_utf8_lossy(&frame))),
    }
}

fn cluster_id(raw: u128) -> ClusterId {
    ClusterId::new(Uuid::from_u128(raw))
}

fn refusal_code(reason: &RefusalReason) -> u8 {
    match reason {
        RefusalReason::ClusterMismatch => 1,
        RefusalReason::NodeMismatch => 2,
        RefusalReason::VersionMismatch => 3,
        RefusalReason::Forbidden => 4,
        RefusalReason::Malformed => 5,
        RefusalReason::Overloaded => 6,
        RefusalReason::ShuttingDown => 7,
        RefusalReason::Service(_) => 100,
    }
}

fn refusal_of(code: u8, text: &str) -> RefusalReason {
    match code {
        1 => RefusalReason::ClusterMismatch,
        2 => RefusalReason::NodeMismatch,
        3 => RefusalReason::VersionMismatch,
        4 => RefusalReason::Forbidden,
        5 => RefusalReason::Malformed,
        6 => RefusalReason::Overloaded,
        7 => RefusalReason::ShuttingDown,
        100 => RefusalReason::Service(text.to_owned()),
        other => RefusalReason::Service(format!("refusal {other} of a newer version")),
    }
}

/// Bytes of an answer or a request that never fit are not worth sending.
pub(super) fn fits(body: &Bytes) -> bool {
    body.len() <= super::super::frame::MAX_FRAME_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            cluster: ClusterId::random(),
            from: Caller::Node(NodeId::new(1)),
            to: NodeId::new(2),
        }
    }

    #[test]
    fn hellos_come_back_and_cut_or_foreign_ones_are_refused() {
        for from in [
            Caller::Node(NodeId::new(u64::MAX)),
            Caller::Joiner([0xab; 16]),
        ] {
            let hello = Hello { from, ..hello() };
            assert_eq!(Hello::decode(hello.encode()), Ok(hello));
        }
        let bytes = hello().encode();
        for length in 0..bytes.len() {
            let cut = Hello::decode(bytes.slice(..length));
            assert_eq!(cut, Err(RefusalReason::Malformed), "{length} bytes");
        }
        let newer = Hello {
            version: 2,
            ..hello()
        };
        assert_eq!(
            Hello::decode(newer.encode()),
            Err(RefusalReason::VersionMismatch)
        );
    }

    #[test]
    fn answers_keep_what_is_known_about_the_effect() {
        let peer = NodeId::new(7);
        let back = |answer: Result<Bytes, ServiceError>| {
            let (head, body) = encode_answer(answer);
            decode_answer(peer, [head, body.to_vec()].concat().into())
        };
        assert_eq!(
            back(Ok(Bytes::from_static(b"yes"))),
            Ok(Bytes::from_static(b"yes"))
        );
        for reason in [
            RefusalReason::ClusterMismatch,
            RefusalReason::NodeMismatch,
            RefusalReason::VersionMismatch,
            RefusalReason::Forbidden,
            RefusalReason::Malformed,
            RefusalReason::Overloaded,
            RefusalReason::ShuttingDown,
            RefusalReason::Service("not the leader".into()),
        ] {
            let refused = back(Err(ServiceError::Refused(reason.clone())));
            assert_eq!(refused, Err(TransportError::Refused { peer, reason }));
        }
        let failed = back(Err(ServiceError::Failed("disk".into())));
        assert!(matches!(failed, Err(TransportError::Broken { .. })));
        assert!(matches!(
            decode_answer(peer, Bytes::new()),
            Err(TransportError::Broken { .. })
        ));
    }
}
