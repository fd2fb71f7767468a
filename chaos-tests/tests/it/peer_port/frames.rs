//! Rows 71, 73, 75 and 95: what comes over a connection that was let in.

use std::path::Path;
use std::time::Duration;

use anyhow::{bail, ensure};
use pga_chaos_tests::until;

use super::Siege;
use super::intruder::{PATIENCE, exchange, framed};
use crate::bodies::{position, samples};

/// An id with a good certificate that no node has.
const NOBODY: u64 = 77;
/// Opening and kind of a status call.
const STATUS: [u8; 2] = [2, 7];
/// Refused, as malformed.
const MALFORMED: [u8; 2] = [1, 5];
/// What a file would be called that is written where it must not be.
const ESCAPED: &str = "escaped-95";
/// Streams of one connection a node serves at once.
const STREAMS: usize = 256;

pub(super) async fn lengths(siege: &Siege) -> anyhow::Result<()> {
    let peer = siege.stolen.greeted(NOBODY, siege.target()?).await?;
    let whole = framed(&[&STATUS[..], b"body"].concat());
    for (name, bytes) in [
        ("2^32-1", vec![0xff, 0xff, 0xff, 0xff, 2, 7]),
        ("2^62", (1_u64 << 62).to_be_bytes().to_vec()),
        ("one over the cap", framed_length((16 << 20) + 65)),
        ("0", vec![0, 0, 0, 0, 2, 7]),
        ("cut in the length", whole[..3].to_vec()),
        ("cut in the body", whole[..8].to_vec()),
        ("nothing", vec![]),
    ] {
        let answer = exchange(&peer.connection, &bytes).await;
        let Err(error) = answer else {
            bail!("{name}: {answer:?}");
        };
        ensure!(format!("{error:#}").contains("reset"), "{name}: {error:#}");
    }
    for (name, body) in [
        ("unknown opening", &[9, 9][..]),
        ("unknown kind", &[2, 99]),
        ("no kind", &[2]),
    ] {
        let answer = exchange(&peer.connection, &framed(body)).await?;
        ensure!(answer.get(4..) == Some(&MALFORMED), "{name}: {answer:?}");
    }
    // The connection still works.
    let answer = exchange(&peer.connection, &framed(&STATUS)).await?;
    ensure!(answer.get(4) == Some(&0), "{answer:?}");
    Ok(())
}

/// A length without as many bytes.
fn framed_length(length: u32) -> Vec<u8> {
    [&length.to_be_bytes()[..], &STATUS].concat()
}

/// Streams that are begun and never finished: the node allows so many, and the others wait.
pub(super) async fn streams(siege: &Siege) -> anyhow::Result<()> {
    let peer = siege.stolen.greeted(NOBODY, siege.target()?).await?;
    let mut held = Vec::new();
    for _ in 0..10_000 {
        let opening = peer.connection.open_bi();
        let Ok(opened) = tokio::time::timeout(Duration::from_secs(1), opening).await else {
            break;
        };
        let (mut send, recv) = opened?;
        send.write_all(&[0, 0, 1, 0, 2, 7, 1, 2, 3]).await?;
        held.push((send, recv));
        ensure!(held.len() <= STREAMS, "{} streams at once", held.len());
    }
    ensure!(!held.is_empty(), "no stream at all");
    Ok(())
}

fn file(name: &[u8], size: u64) -> Vec<u8> {
    framed(&[&[1], &size.to_be_bytes()[..], name].concat())
}

fn chunk(offset: u64, crc: u32, data: &[u8]) -> Vec<u8> {
    framed(&[&[2], &offset.to_be_bytes()[..], &crc.to_be_bytes(), data].concat())
}

fn end(files: u32, bytes: u64) -> Vec<u8> {
    framed(&[&[3], &files.to_be_bytes()[..], &bytes.to_be_bytes()].concat())
}

/// The header of a snapshot that the code wrote, in the name of `leader`.
fn header(term: u64, leader: u64) -> anyhow::Result<Vec<u8>> {
    let written = include_bytes!("../../../../cluster/tests/corpus/messages/snapshot-header");
    // A pair of the vote, ((term, node), committed), which takes six bytes there, and the rest.
    let vote = rmp_serde::to_vec(&((term, leader), true))?;
    Ok([&written[1..2], &vote, &written[7..]].concat())
}

/// Snapshots of a member: only a whole and readable one replaces what is there.
pub(super) async fn snapshots(siege: &Siege) -> anyhow::Result<()> {
    let target = siege.target()?;
    let from = if target.id == 1 { 2 } else { 1 };
    let header = header(siege.before.term, from)?;
    let peer = siege.stolen.greeted(from, target).await?;
    let pushed = samples("siege", [90]).to_string();
    let pushed = position(&siege.cluster.push_ok(target.id, pushed).await?)?;
    let stored = async || {
        siege
            .cluster
            .elements(target.id, "siege", Some(&pushed))
            .await
    };
    let before = stored().await?.len();
    let opening = framed(&[&[4], &header[..]].concat());
    let data = *b"8 bytes.";
    let crc = crc32c::crc32c(&data);
    let name = b"state.bin";
    for (what, frames) in [
        (
            "wrong checksum",
            vec![file(name, 8), chunk(0, crc ^ 1, &data), end(1, 8)],
        ),
        (
            "out of order",
            vec![
                file(name, 16),
                chunk(8, crc, &data),
                chunk(0, crc, &data),
                end(1, 16),
            ],
        ),
        (
            "longer than said",
            vec![file(name, 7), chunk(0, crc, &data), end(1, 7)],
        ),
        ("endless", vec![file(name, (1 << 40) + 1)]),
    ] {
        let bytes = [opening.clone(), frames.concat()].concat();
        let answer = exchange(&peer.connection, &bytes).await?;
        ensure!(answer.get(4..) == Some(&MALFORMED), "{what}: {answer:?}");
    }
    let whole = [
        opening.clone(),
        file(name, 8),
        chunk(0, crc, &data),
        end(1, 8),
    ]
    .concat();
    let answer = exchange(&peer.connection, &whole[..whole.len() - 17]).await;
    ensure!(answer.is_err(), "no end mark: {answer:?}");
    // Each chunk is right, but together they are no state.
    let answer = exchange(&peer.connection, &whole).await?;
    let text = String::from_utf8_lossy(&answer);
    ensure!(text.contains("not a snapshot"), "{text}");
    let after = stored().await?.len();
    ensure!(after == before, "{before} elements became {after}");
    Ok(())
}

/// Names that would lead out of the directory of one snapshot, over a link, or to a file that is
/// there.
fn bad_names(siege: &Siege) -> Vec<Vec<Vec<u8>>> {
    let absolute = siege.cluster.directory().join(ESCAPED);
    let absolute = absolute.to_string_lossy();
    let named = |name: &str| vec![file(name.as_bytes(), 0), end(1, 0)];
    let mut all: Vec<_> = [
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
        "a\0b",
        ".hidden",
        "link/../a",
        &absolute,
    ]
    .into_iter()
    .map(named)
    .collect();
    // From the snapshot's own directory up to the root of all data, and in forms that something may
    // decode.
    all.extend((1..6).map(|up| named(&format!("{}{ESCAPED}", "../".repeat(up)))));
    all.push(named(&format!("..%2f{ESCAPED}")));
    all.push(named(&"a".repeat(129)));
    all.push(vec![file(b"..\xc0\xaf", 0), end(1, 0)]);
    all.push(vec![file(b"twice", 0), file(b"twice", 0), end(2, 0)]);
    all
}

/// Row 95: the file names of a snapshot are refused as such, and nothing of it stays on the disk.
pub(super) async fn names(siege: &Siege) -> anyhow::Result<()> {
    let target = siege.target()?;
    let from = if target.id == 1 { 2 } else { 1 };
    let peer = siege.stolen.greeted(from, target).await?;
    let header = header(siege.before.term, from)?;
    let opening = framed(&[&[4], &header[..]].concat());
    let send = async |frames: &[Vec<u8>]| {
        let bytes = [opening.clone(), frames.concat()].concat();
        exchange(&peer.connection, &bytes).await
    };
    for frames in bad_names(siege) {
        let answer = send(&frames).await?;
        let name = String::from_utf8_lossy(&frames[0][13..]).into_owned();
        ensure!(answer.get(4..) == Some(&MALFORMED), "{name:?}: {answer:?}");
    }
    // It was the names: with a good one it is refused later, for what is in it.
    let answer = send(&[file(b"plain-95", 0), end(1, 0)]).await?;
    ensure!(
        answer.len() > 4 && answer.get(4..) != Some(&MALFORMED),
        "plain: {answer:?}"
    );
    let all = siege.cluster.directory();
    ensure!(!holds(all, ESCAPED)?, "a file came out of its directory");
    until("nothing of it is left", PATIENCE, async || {
        match holds(&target.data.join("raft/arriving"), "incoming-") {
            Ok(false) => Ok(()),
            other => Err(other),
        }
    })
    .await
}

/// Whether something below `directory` has a name that begins like this.
fn holds(directory: &Path, begins: &str) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let is_it = entry.file_name().to_string_lossy().starts_with(begins);
        // Segments and stores come and go.
        if is_it || entry.path().is_dir() && holds(&entry.path(), begins).unwrap_or(false) {
            return Ok(true);
        }
    }
    Ok(false)
}
