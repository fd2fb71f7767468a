//! Row 38: abuse of HTTP/2, which the port speaks to clients that begin with its preface.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::probe::Probe;

pub(super) const NAMES: [&str; 2] = ["38 rapid reset", "38 CONTINUATION flood"];

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET http://x/`, by indexes of HPACK's static table.
const REQUEST: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];
const FRAMES: u32 = 20_000;
const LIMIT: Duration = Duration::from_secs(60);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn rapid_reset() -> Vec<u8> {
    let streams = (0..FRAMES).map(|n| 2 * n + 1);
    let frames = streams.map(|stream| {
        let opened = frame(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST);
        [opened, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    });
    frames.flatten().collect()
}

fn continuation_flood() -> Vec<u8> {
    // A header of its own in each frame: never indexed, name `a`, a value of 200 bytes.
    let mut field = vec![0x10, 1, b'a', 0x7f, 73];
    field.resize(field.len() + 200, b'v');
    let first = frame(HEADERS, END_STREAM, 1, REQUEST);
    let more = (0..FRAMES).map(|_| frame(CONTINUATION, 0, 1, &field));
    std::iter::once(first).chain(more).flatten().collect()
}

pub(super) async fn rows(probe: &mut Probe) -> anyhow::Result<()> {
    for (name, flood) in NAMES.into_iter().zip([rapid_reset(), continuation_flood()]) {
        let sent = exchange(probe.address(), &flood)
            .await
            .with_context(|| name.to_owned())?;
        ensure!(goes_away(&sent), "{name}: no GOAWAY in {sent:?}");
        probe.unharmed(0).await.with_context(|| name.to_owned())?;
    }
    Ok(())
}

/// What the node sends until it closes.
async fn exchange(address: (&str, u16), flood: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
    let bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), flood].concat();
    let writing = async {
        let written = writer.write_all(&bytes).await;
        written.is_ok().then_some(writer)
    };
    let mut sent = Vec::new();
    let reading = async {
        let mut step = vec![0; 64 << 10];
        while let Ok(n @ 1..) = reader.read(&mut step).await {
            sent.extend_from_slice(step.get(..n).unwrap_or_default());
        }
    };
    let both = tokio::time::timeout(LIMIT, async { tokio::join!(writing, reading) });
    both.await.context("the node does not end the connection")?;
    Ok(sent)
}

/// Whether there is a GOAWAY among these frames.
fn goes_away(mut bytes: &[u8]) -> bool {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        if *kind == GOAWAY {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        bytes = rest.get(length..).unwrap_or_default();
    }
    false
}
