//! Rows 1 to 30: bodies.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::Row;
use super::probe::Probe;
use crate::raw_http::{PUSH, exchange, push, request};

/// Whose pushes are refused.
pub(super) const VICTIM: &str = "3f4b9a52-5c1e-4b43-8a47-0a7d9f0b1c2d";
/// Whose odd pushes are taken.
pub(super) const ODD: &str = "collector-001";
/// What is stored of it: samples by name.
pub(super) const ODD_NAMES: [&str; 5] = ["miscounted", "named", ODD_NAME, "twice", "again"];
/// Stored as it is; the JSON text has an escape for the last but one part.
const ODD_NAME: &str = "x'; DROP TABLE s;-- %s %n ../../etc/passwd \u{202e}gnp.exe";
pub(super) const TIME: u32 = 1_767_225_600;
const MIB: usize = 1 << 20;

/// A push of these elements, as JSON text.
fn of(elements: &str) -> String {
    by(VICTIM, elements)
}

fn by(collector: &str, elements: &str) -> String {
    format!(
        r#"{{"collector_id":"{collector}","hostname":"h","timestamp":{TIME},"metrics":[{elements}]}}"#
    )
}

fn at(time: &str) -> Vec<u8> {
    push(format!(
        r#"{{"collector_id":"{VICTIM}","hostname":"h","timestamp":{time},"metrics":[{{"name":"a","value":1}}]}}"#
    ))
}

/// Little more than an hour after now, in seconds.
fn hour_ahead() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.unwrap_or_default().as_secs() + 3_600 + 60).to_string()
}

/// A sample of this name.
fn sample(name: &str) -> String {
    format!(r#"{{"name":"{name}","value":1,"timestamp":{TIME}}}"#)
}

fn samples(count: usize) -> String {
    let samples: Vec<String> = (0..count).map(|n| sample(&format!("s{n}"))).collect();
    samples.join(",")
}

fn gzip(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

/// 1 GiB of spaces.
fn bomb() -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let step = vec![b' '; MIB];
    for _ in 0..1024 {
        encoder.write_all(&step)?;
    }
    Ok(encoder.finish()?)
}

fn zstd_window(log: u32) -> anyhow::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1)?;
    encoder.window_log(log)?;
    encoder.write_all(of("").as_bytes())?;
    Ok(encoder.finish()?)
}

/// A frame header that asks for a window of 2^31 bytes, and one empty last block.
const WINDOW_31: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];

fn labels(count: usize) -> String {
    let labels: Vec<String> = (0..count).map(|n| format!(r#""l{n:03}":"v""#)).collect();
    let labels = labels.join(",");
    format!(r#"{{"name":"a","value":1,"labels":{{{labels}}}}}"#)
}

/// 63 MiB of elements, of which the last is no JSON.
pub(super) fn huge() -> Vec<u8> {
    let log = format!(
        r#"{{"type":"pg_log","timestamp":{TIME},"entries":["{}"]}},"#,
        "x".repeat(32 << 10)
    );
    push(of(&(log.repeat(63 * MIB / log.len()) + "nil")))
}

/// Parts: what the text says, what it means, what is sent in which form.
pub(super) fn rows(token: &str) -> anyhow::Result<Vec<Row>> {
    let parts = [
        syntax(),
        meaning(token),
        elements(),
        sizes(),
        repeats(),
        encodings()?,
    ];
    Ok(parts.concat())
}

fn syntax() -> Vec<Row> {
    let deep = |open: &str| push(open.repeat(10_000));
    vec![
        Row::refused("1 empty body", push(""), 400, "ends too early"),
        Row::refused("2 truncated, one byte", push("{"), 400, ""),
        Row::refused(
            "2 truncated in an element",
            push(of(&sample("a")).split_at(90).0),
            400,
            "",
        ),
        Row::refused("3 array at the top", push("[]"), 400, "not an object"),
        Row::refused("3 null at the top", push("null"), 400, "not an object"),
        Row::refused("4 nested arrays", deep("["), 400, "nested deeper"),
        Row::refused("4 nested objects", deep("{\"a\":"), 400, "nested deeper"),
        Row::refused(
            "5 duplicate key in the envelope",
            push(r#"{"hostname":"a","hostname":"b"}"#),
            400,
            "twice",
        ),
        Row::refused("15 NaN", push(of(r#"{"name":"a","value":NaN}"#)), 400, ""),
        Row::refused(
            "15 Infinity",
            push(of(r#"{"name":"a","value":Infinity}"#)),
            400,
            "",
        ),
        Row::refused(
            "17 bad UTF-8",
            push([b"{\"", &b"\xff"[..], b"\":1}"].concat()),
            400,
            "UTF-8",
        ),
    ]
}

fn meaning(token: &str) -> Vec<Row> {
    let odd = ODD_NAME.replace('\u{202e}', "\\u202e");
    let named = request(
        PUSH,
        &format!("Authorization: Bearer {token}\r\n"),
        of(&sample("a")).as_bytes(),
    );
    let unknown = format!(
        r#"{{"collector_id":"{ODD}","hostname":"h","timestamp":{TIME},"colour":[1],"metrics":[]}}"#
    );
    let miscounted = format!(
        r#"{{"collector_id":"{ODD}","hostname":"h","timestamp":{TIME},"metrics_count":9,"metrics":[{}]}}"#,
        sample("miscounted")
    );
    vec![
        // Ignored and counted, as the row says.
        Row::stored("6 unknown field", push(unknown), 0),
        // Policy: stored whole and counted; later versions of collectors send types of their own.
        Row::stored(
            "8 unknown metric type",
            push(by(ODD, r#"{"type":"pg_new"}"#)),
            1,
        ),
        // The contract wins: the count is advisory, since clients count wrongly.
        Row::stored("9 wrong metrics_count", push(miscounted), 1),
        Row::stored("11 empty metrics", push(by(ODD, "")), 0),
        // The contract wins (Q18): collectors have names such as this one, which map to a UUID.
        Row::stored(
            "12 collector_id is not a UUID",
            push(by(ODD, &sample("named"))),
            1,
        ),
        Row::refused(
            "12 collector_id is a number",
            push(of("").replace(&format!("\"{VICTIM}\""), "5")),
            400,
            "collector_id",
        ),
        Row::refused("13 another collector's token", named, 403, "mismatch"),
        // The contract wins: the predecessor answers a missing timestamp with 400.
        Row::refused(
            "14 no timestamp",
            push(format!(
                r#"{{"collector_id":"{VICTIM}","hostname":"h","metrics":[]}}"#
            )),
            400,
            "timestamp",
        ),
        Row::refused(
            "14 year 9999",
            at("\"9999-12-31T23:59:59Z\""),
            422,
            "future",
        ),
        Row::refused("14 year 1969", at("\"1969-12-31T23:59:59Z\""), 422, "1970"),
        Row::refused(
            "14 30 February",
            at("\"2026-02-30T00:00:00Z\""),
            422,
            "no possible time",
        ),
        Row::refused("14 in the far future", at("32000000000"), 422, "future"),
        Row::refused("14 an hour ahead", at(&hour_ahead()), 422, "future"),
        Row::stored("18 odd names", push(by(ODD, &sample(&odd))), 1),
    ]
}

/// Elements that are refused alone: name, element, reason, and status and text where the push is to
/// be refused for it.
#[expect(clippy::too_many_lines, reason = "a table")]
fn elements() -> Vec<Row> {
    let long_label = format!(
        r#"{{"name":"a","value":1,"labels":{{"k":"{}"}}}}"#,
        "x".repeat(64 << 10)
    );
    let ahead = format!(r#"{{"name":"a","value":1,"timestamp":{}}}"#, hour_ahead());
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let (negative, u64_max) = (
        r#"{"type":"pg_query_stats","queries":[{"calls":-1}]}"#,
        r#"{"type":"pg_stats","x":18446744073709551616}"#,
    );
    let of_year = r#"{"type":"pg_new","timestamp":"9999-12-31T23:59:59Z"}"#;
    let twice = r#"{"name":"a","name":"b","value":1}"#;
    let rows = [
        (
            "4 nested in an element",
            deep,
            "depth",
            400,
            "nested deeper",
        ),
        (
            "5 duplicate key in an element",
            twice.into(),
            "duplicate_key",
            400,
            "twice",
        ),
        (
            "7 type is a number",
            r#"{"type":5}"#.into(),
            "type",
            422,
            "type",
        ),
        (
            "14 element of the year 9999",
            of_year.into(),
            "time_range",
            422,
            "ahead",
        ),
        (
            "14 element an hour ahead",
            ahead,
            "time_range",
            422,
            "ahead",
        ),
        (
            "15 1e400",
            r#"{"name":"a","value":1e400}"#.into(),
            "number",
            400,
            "",
        ),
        ("16 u64 max + 1", u64_max.into(), "integer_range", 422, ""),
        (
            "16 negative counter",
            negative.into(),
            "counter",
            422,
            "negative",
        ),
        ("17 NUL", sample("\\u0000"), "nul", 422, "NUL"),
        (
            "17 lone surrogate",
            sample("\\ud800"),
            "surrogate",
            400,
            "surrogate",
        ),
        (
            "17 string of 2 MiB",
            sample(&"x".repeat(2 * MIB)),
            "string_bytes",
            422,
            "longer",
        ),
        ("19 200 labels", labels(200), "labels", 422, "labels"),
        ("19 label of 64 KiB", long_label, "labels", 422, "labels"),
    ];
    let both = rows
        .into_iter()
        .flat_map(|(name, element, reason, status, says)| {
            let body = of(&element);
            let strict = request(&format!("{PUSH}?strict=true"), "", body.as_bytes());
            let alone = Row::refused(name, push(&body), 200, reason);
            [alone, Row::refused(name, strict, status, says)]
        });
    both.collect()
}

fn sizes() -> Vec<Row> {
    let announced = format!(
        "POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        65 * MIB
    );
    let mut chunked =
        format!("POST {PUSH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
    for _ in 0..65 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.extend(std::iter::repeat_n(b' ', MIB));
        chunked.extend_from_slice(b"\r\n");
    }
    vec![
        Row::refused(
            "10 a million elements",
            push(of(&(" {},".repeat(999_999) + "{}"))),
            413,
            "elements",
        ),
        Row::refused("10 64 MiB, wrong at the end", huge(), 400, "unexpected"),
        Row::refused(
            "20 more series than allowed",
            push(of(&samples(100_001))),
            429,
            "series_limit",
        ),
        Row::closed(
            "23 announced over the cap",
            announced.into_bytes(),
            413,
            "larger than",
        ),
        Row::closed("24 chunked over the cap", chunked, 413, "larger than"),
    ]
}

/// Row 21: the same batch twice has the same acknowledgement twice, but for the time it took.
pub(super) async fn same_acknowledgement(probe: &mut Probe) -> anyhow::Result<()> {
    let body = by(ODD, &sample("again"));
    let batch = request(PUSH, "Idempotency-Key: row-21-again\r\n", body.as_bytes());
    let mut acknowledgements = Vec::new();
    for _ in 0..2 {
        let answer = exchange(probe.address(), &batch).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        let mut json: Value = serde_json::from_slice(&answer.body)?;
        json["processing_time_ms"].take();
        acknowledgements.push(json);
        probe.unharmed(1).await?;
    }
    ensure!(
        acknowledgements[0] == acknowledgements[1] && acknowledgements[0]["position"].is_object(),
        "{acknowledgements:?}"
    );
    Ok(())
}

fn repeats() -> Vec<Row> {
    let key = "Idempotency-Key: row-21\r\n";
    let body = by(ODD, &sample("twice"));
    let other = by(ODD, &sample("thrice"));
    vec![
        Row::stored("21 a batch", request(PUSH, key, body.as_bytes()), 1),
        // That it is stored once is seen when all is read back.
        Row::stored("21 the same batch", request(PUSH, key, body.as_bytes()), 1),
        Row::refused(
            "22 another batch of that name",
            request(PUSH, key, other.as_bytes()),
            409,
            "another content",
        ),
    ]
}

fn encodings() -> anyhow::Result<Vec<Row>> {
    let packed = gzip(of(&sample("a")).as_bytes())?;
    let bomb = bomb()?;
    let mut wrong_crc = packed.clone();
    let crc = wrong_crc.len() - 8;
    wrong_crc[crc] ^= 1;
    let cut = packed.split_at(packed.len() / 2).0;
    let br = request(PUSH, "Content-Encoding: br\r\n", b"\x0b\x02\x80");
    let png = request(PUSH, "Content-Type: image/png\r\n", b"\x89PNG");
    Ok(vec![
        Row::refused("27 gzip bomb", push(&bomb), 413, ""),
        // One layer is unpacked, and nothing grows.
        Row::refused("27 nested gzip", push(gzip(&bomb)?), 413, "more than once"),
        Row::refused(
            "27 zstd window of 2^28",
            push(zstd_window(28)?),
            413,
            "window",
        ),
        Row::refused("27 zstd window of 2^31", push(WINDOW_31), 413, "window"),
        Row::refused("28 truncated gzip", push(cut), 400, "damaged or cut off"),
        Row::refused("28 wrong CRC", push(wrong_crc), 400, "damaged or cut off"),
        Row::refused("29 br", br, 415, "Content-Encoding"),
        Row::refused("30 wrong content type", png, 415, "Content-Type"),
    ])
}
