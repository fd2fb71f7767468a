//! Any bytes on a stream between nodes: bounded frames, and nothing read from them but what was
//! written.

use bytes::{BufMut, Bytes};
use pga_config::NodeId;

use super::super::{RefusalReason, ServiceError, TransportError};
use super::frame_buffer::{FrameBuffer, LENGTH};
use super::frame_error::FrameError;
use super::wire::{Caller, Hello, HelloAnswer, PROTOCOL_VERSION, decode_answer, encode_answer};
use crate::ClusterId;
use crate::fuzz_engine::{Campaign, Dice, corpus, hash};

/// Cap of a frame in these tests, in bytes.
const LIMIT: usize = 2_048;

/// The first byte says in which pieces the rest arrives.
fn target(input: &[u8]) -> u64 {
    let Some((&pieces, stream)) = input.split_first() else {
        return 0;
    };
    let mut buffer = FrameBuffer::new(LIMIT);
    let mut taken = Vec::new();
    let mut outcome = Vec::new();
    for piece in stream.chunks(usize::from(pieces) + 1) {
        buffer.extend(piece);
        let head = buffer.head();
        match buffer.next() {
            Ok(Some(frame)) => {
                let (length, first) = head.unwrap().unwrap();
                assert_eq!((length, first[0]), (frame.len(), frame[0]));
                outcome.push(read(&frame));
                put(&mut taken, &frame);
                while let Ok(Some(frame)) = buffer.next() {
                    outcome.push(read(&frame));
                    put(&mut taken, &frame);
                }
            }
            Ok(None) => {}
            Err(FrameError::Length(length)) => {
                assert!(length == 0 || length > LIMIT);
                assert!(
                    head.is_err() && buffer.next().is_err(),
                    "a broken stream goes on"
                );
                outcome.push(1);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(stream.starts_with(&taken), "other frames than arrived");
    outcome.sort_unstable();
    outcome.dedup();
    hash(&(outcome, buffer.is_empty()))
}

fn put(taken: &mut Vec<u8>, frame: &Bytes) {
    assert!((1..=LIMIT).contains(&frame.len()));
    taken.put_u32(frame.len() as u32);
    taken.put_slice(frame);
}

/// Reads a frame as everything it could be. What is understood means the same when it is written
/// again.
fn read(frame: &Bytes) -> u64 {
    let hello = Hello::decode(frame.clone());
    if let Ok(hello) = hello {
        assert_eq!(hello.version, PROTOCOL_VERSION);
        assert!(frame.starts_with(&hello.encode()));
    }
    let answer = HelloAnswer::decode(frame.clone());
    if let Some(answer) = &answer {
        let again = HelloAnswer::decode(answer.encode()).unwrap();
        assert_eq!(
            (again.version, again.cluster, again.node),
            (answer.version, answer.cluster, answer.node)
        );
        assert_eq!(again.refusal.is_some(), answer.refusal.is_some());
    }
    let peer = NodeId::new(2);
    let reply = decode_answer(peer, frame.clone());
    let kind = match &reply {
        Ok(body) => {
            let (head, again) = encode_answer(Ok(body.clone()));
            assert_eq!([&head[..], &again].concat(), frame[..]);
            0
        }
        Err(TransportError::Refused { reason, .. }) => {
            let (head, text) = encode_answer(Err(ServiceError::Refused(reason.clone())));
            let again = decode_answer(peer, [&head[..], &text].concat().into());
            assert_eq!(again.as_ref(), reply.as_ref(), "refusal");
            1
        }
        Err(_) => 2,
    };
    hash(&(
        hello.map(|_| ()).map_err(|reason| reason.name()),
        answer.is_some(),
        kind,
    ))
}

/// Makes the lengths of frames right.
#[expect(clippy::ptr_arg, reason = "as a campaign wants it")]
fn repair(input: &mut Vec<u8>, dice: &mut Dice) {
    let mut at = 1;
    while input.len() > at + LENGTH {
        let left = input.len() - at - LENGTH;
        let said = u32::from_be_bytes(input[at..at + LENGTH].try_into().unwrap()) as usize;
        let length = match said {
            said if (1..=left.min(LIMIT)).contains(&said) => said,
            _ => 1 + dice.below(left.min(LIMIT)),
        };
        input[at..at + LENGTH].copy_from_slice(&(length as u32).to_be_bytes());
        at += LENGTH + length;
    }
}

#[expect(clippy::too_many_lines, reason = "a table of frames")]
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let cluster = ClusterId::new(uuid::Uuid::from_u128(7));
    let hello = |from| {
        Hello {
            version: PROTOCOL_VERSION,
            cluster,
            from,
            to: NodeId::new(2),
        }
        .encode()
    };
    let answer = |refusal| {
        HelloAnswer {
            refusal,
            version: PROTOCOL_VERSION,
            cluster,
            node: NodeId::new(2),
        }
        .encode()
    };
    let reply = |answer| {
        let (head, body) = encode_answer(answer);
        Bytes::from([&head[..], &body].concat())
    };
    let stream = |pieces: u8, frames: &[Bytes]| {
        let mut out = vec![pieces];
        for frame in frames {
            out.put_u32(frame.len() as u32);
            out.put_slice(frame);
        }
        out
    };
    let refused = |text: &str| Err(ServiceError::Refused(RefusalReason::Service(text.into())));
    vec![
        (
            "hellos",
            stream(
                255,
                &[
                    hello(Caller::Node(NodeId::new(1))),
                    hello(Caller::Joiner([9; 16])),
                ],
            ),
        ),
        (
            "hello-answers",
            stream(
                6,
                &[answer(None), answer(Some(RefusalReason::ClusterMismatch))],
            ),
        ),
        (
            "replies",
            stream(
                0,
                &[
                    reply(Ok("body".into())),
                    reply(refused("not the leader")),
                    reply(Err(ServiceError::Failed("disk".into()))),
                    reply(Err(ServiceError::Refused(RefusalReason::Overloaded))),
                ],
            ),
        ),
        ("length-0", vec![9, 0, 0, 0, 0]),
        ("length-too-large", vec![1, 0xff, 0xff, 0xff, 0xff, 1, 2]),
        (
            "cut",
            stream(3, &[hello(Caller::Node(NodeId::new(1)))])[..20].to_vec(),
        ),
    ]
}

#[test]
fn any_bytes_as_frames() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "frames"),
        iterations: 15_000,
        repair,
        memory: |input| (64 << 10) + 16 * input.len() as u64,
        target,
    };
    campaign.run(seeds());
}
