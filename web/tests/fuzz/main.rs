//! Fuzz targets of what collectors send: JSON, the three compressions, binary frames.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../../storage/tests/fuzz/engine.rs"]
mod engine;
mod seeds;
mod targets;

use self::engine::{Campaign, Dice, corpus, mutate};
use self::targets::DECODED_BYTES;

/// What decoding has at once beside what it makes of the input: tables of the decompressors, steps,
/// error texts.
const WORKSPACE: u64 = 512 << 10;
/// The same and what a compressed input may become.
const COMPRESSED: u64 = WORKSPACE + 4 * DECODED_BYTES + targets::memory_of_elements(DECODED_BYTES);

fn no_repair(_: &mut Vec<u8>, _: &mut Dice) {}

#[test]
fn json() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "json"),
        iterations: 12_000,
        repair: no_repair,
        memory: |input| match input.first() {
            // No compression begins like this, so that nothing grows.
            None | Some(b'{' | b'[' | b' ' | b'"') => {
                WORKSPACE + targets::memory_of_elements(input.len() as u64)
            }
            Some(_) => COMPRESSED,
        },
        target: targets::json,
    };
    campaign.run(seeds::json());
}

#[test]
fn compressed() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "compressed"),
        iterations: 4_000,
        repair: |input, dice| {
            // Damage below the compression, which random changes hardly ever make.
            if dice.once_in(2) {
                let mut plain = seeds::json().swap_remove(0).1;
                mutate(&mut plain, input, dice);
                *input = seeds::compressed_by(dice.below(3), &plain);
            }
        },
        memory: |_| COMPRESSED,
        target: targets::compressed,
    };
    campaign.run(seeds::compressed());
}

#[test]
fn binary_frame() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "binary_frame"),
        iterations: 15_000,
        repair: |frame, _| {
            if frame.len() >= 32 {
                let length = (frame.len() - 32) as u32;
                let crc = crc32fast::hash(&frame[32..]);
                frame[12..16].copy_from_slice(&length.to_le_bytes());
                frame[16..20].copy_from_slice(&crc.to_le_bytes());
            }
        },
        memory: |_| COMPRESSED,
        target: targets::binary_frame,
    };
    campaign.run(seeds::binary_frame());
}
