//! The generated part of the corpus: a real push, cut down, in every form it can come in.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

const CYCLE: &[u8] = include_bytes!("../data/push-one-cycle.json");
/// Items kept of an array.
const KEPT: usize = 2;

/// A real push with short arrays, and the other shapes the protocol has.
pub(crate) fn json() -> Vec<(&'static str, Vec<u8>)> {
    let mut push: Value = serde_json::from_slice(CYCLE).unwrap();
    let elements = push["metrics"].as_array_mut().unwrap();
    elements.iter_mut().for_each(cut);
    let samples = json!({"collector_id": "c1", "hostname": "db1", "version": "3.0.0", "metrics_count": 2,
        "timestamp": "2026-09-21T14:13:20.5+02:00", "extra": {"a": [null, true, 1e3]},
        "metrics": [
            {"name": "cache_hit_ratio", "value": 97.25, "timestamp": 1_790_000_000, "labels": {"instance": "db1"}},
            {"name": "q", "value": -1, "tags": {"b": "ü\n", "a": "\u{1f600}"}}]});
    let nested = format!(
        r#"{{"collector_id":"c","hostname":"h","timestamp":1,"metrics":[{{"type":"x","v":{}1{}}}]}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    let escapes = r#"{"collector_id":"\u0063","hostname":"\ud83d\ude00","timestamp":1767225600.25,"metrics":[{"type":"pg_log","z":18446744073709551616,"a":-0.0,"t":"\"\\\/\b\f\n\r\t"}]} tail"#;
    vec![
        ("cycle", serde_json::to_vec(&push).unwrap()),
        ("samples", samples.to_string().into_bytes()),
        ("nested", nested.into_bytes()),
        ("escapes", escapes.as_bytes().to_vec()),
    ]
}

fn cut(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.truncate(KEPT);
            items.iter_mut().for_each(cut);
        }
        Value::Object(members) => members.values_mut().for_each(cut),
        Value::String(text) => *text = text.chars().take(60).collect(),
        _ => {}
    }
}

/// The same compressed, and bombs.
pub(crate) fn compressed() -> Vec<(&'static str, Vec<u8>)> {
    let plain = json().swap_remove(0).1;
    let bomb = vec![b' '; 400 << 10];
    let twice = [
        compressed_by(0, &plain[..500]),
        compressed_by(0, &plain[500..]),
    ]
    .concat();
    vec![
        ("gzip", compressed_by(0, &plain)),
        ("zlib", compressed_by(1, &plain)),
        ("zstd", compressed_by(2, &plain)),
        ("gzip-two-members", twice),
        ("gzip-bomb", compressed_by(0, &bomb)),
        ("zlib-bomb", compressed_by(1, &bomb)),
        ("zstd-bomb", compressed_by(2, &bomb)),
        (
            "zstd-streamed",
            zstd::stream::encode_all(&plain[..], 1).unwrap(),
        ),
    ]
}

/// gzip, zlib or zstd.
pub(crate) fn compressed_by(which: usize, plain: &[u8]) -> Vec<u8> {
    match which {
        0 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        1 => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::bulk::compress(plain, 1).unwrap(),
    }
}

/// The JSON seeds as frames, plain and compressed.
pub(crate) fn binary_frame() -> Vec<(&'static str, Vec<u8>)> {
    let names = ["cycle", "samples"];
    let mut frames = Vec::new();
    for (name, (_, text)) in names.into_iter().zip(json()) {
        let mut payload = Vec::new();
        encode(&serde_json::from_slice(&text).unwrap(), &mut payload);
        frames.push((name, frame(0, &payload)));
        if name == "cycle" {
            frames.push(("cycle-zstd", frame(1, &compressed_by(2, &payload))));
        }
    }
    frames.push(("deep", frame(0, &[[7_u8, 1].repeat(200), vec![0]].concat())));
    frames
}

fn frame(compression: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xef, 0xbe, 0xad, 0xde];
    for word in [1, 1, payload.len() as u32, crc32fast::hash(payload)] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&[compression, 0]);
    out.resize(32, 0);
    out.extend_from_slice(payload);
    out
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(yes) => out.extend_from_slice(&[1, u8::from(*yes)]),
        Value::Number(number) => match number.as_i64() {
            Some(number) => {
                out.push(3);
                out.extend_from_slice(&number.to_le_bytes());
            }
            None => {
                out.push(5);
                out.extend_from_slice(&number.as_f64().unwrap().to_le_bytes());
            }
        },
        Value::String(text) => {
            out.push(6);
            encode_text(text, out);
        }
        Value::Array(items) => {
            out.push(7);
            varint(items.len(), out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Object(members) => {
            out.push(8);
            varint(members.len(), out);
            for (key, value) in members {
                encode_text(key, out);
                encode(value, out);
            }
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    varint(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn varint(mut n: usize, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
