//! Properties that hold for anything.

use pga_storage::Element;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^\0]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,8}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_keeps_its_meaning(value in any_json(), pretty in any::<bool>()) {
        let element = json!({ "type": "t", "value": value });
        let text = if pretty { serde_json::to_string_pretty(&element) } else { serde_json::to_string(&element) };
        let push = decode(push_of(&format!("[{}]", text.unwrap()))).unwrap();
        let Some(Element::Document(document)) = push.elements.first() else { panic!("a document") };
        let back: Value = serde_json::from_slice(&document.body).unwrap();
        prop_assert_eq!(&back, &element);
        prop_assert_eq!(&document.body, &serde_json::to_vec(&back).unwrap());
    }

    #[test]
    fn any_bytes_are_refused_or_read_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        head in 0usize..6,
        cut in 0usize..130,
    ) {
        let heads: [&[u8]; 6] =
            [b"", b"\x1f\x8b\x08", b"\x78\x9c", &[0x28, 0xb5, 0x2f, 0xfd], b"\xef\xbe\xad\xde\x01\0\0\0\x01\0\0\0", b"{\"metrics\":["];
        let mut body = heads[head].to_vec();
        body.extend(&bytes);
        drop(decode(&body));
        let json = GOLDEN_JSON.as_bytes();
        let mut mixed = json[..cut.min(json.len())].to_vec();
        mixed.extend(&bytes);
        drop(decode(&mixed));
        drop(decode(frame_of(&bytes)));
    }

    /// What serde_json refuses, so do we, and the other way round (duplicates, depth and ranges
    /// aside).
    #[test]
    fn syntax_agrees_with_serde_json(text in "[\\[\\]{}:,\"a1e.+\\- \\\\nulltrue]{0,24}") {
        let ours = decode(push_of(&format!("[{{\"type\":\"t\",\"v\":{text}}}]")));
        let theirs = serde_json::from_str::<Value>(&push_of(&format!("[{{\"type\":\"t\",\"v\":{text}}}]")));
        // An element that is refused by itself, as for an unknown escape, is refused too.
        let refusal = match &ours {
            Ok(push) => push.rejected.error(),
            Err(error) => Some(error),
        };
        if let Some(error) = refusal {
            prop_assert!(theirs.is_err() || error.reason() != "json", "{} {:?}", text, error);
        } else {
            // We stop after the first value, serde_json does not.
            let ok = theirs.is_ok() || text.contains(['}', ']']);
            prop_assert!(ok, "{}", text);
        }
    }
}
