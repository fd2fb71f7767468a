//! Reading MessagePack.

use rmp_serde::config::DefaultConfig;
use rmp_serde::decode::{Deserializer, Error, ReadRefReader};
use serde::Deserialize;
use serde::de::Error as _;

/// Deepest nesting of anything that is written: far above what any message, command or record has.
const MAX_DEPTH: usize = 64;

/// The value at the start of `bytes`.
///
/// What is nested deeper than 64 levels is refused, so that the bytes cannot use up the stack: an
/// unknown field may hold anything, and is read to be skipped.
///
/// # Errors
/// If there is no such value.
pub fn from_msgpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    T::deserialize(&mut input(bytes))
}

/// The value that `bytes` are: as [`from_msgpack`], and nothing may follow it.
///
/// # Errors
/// If there is no such value, or more than it.
pub fn from_whole_msgpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    let mut input = input(bytes);
    let value = T::deserialize(&mut input)?;
    // What is asked for takes one byte: a longer value is of another type, which its first byte
    // tells.
    match bool::deserialize(&mut input) {
        // Not even one byte.
        Err(Error::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(Error::custom("bytes follow the value")),
    }
}

fn input(bytes: &[u8]) -> Deserializer<ReadRefReader<'_, [u8]>, DefaultConfig> {
    let mut input = Deserializer::from_read_ref(bytes);
    input.set_max_depth(MAX_DEPTH);
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_follow_a_whole_value() {
        let value = rmp_serde::to_vec(&(7, "text")).unwrap();
        for (name, rest, want) in [
            ("nothing", &[][..], true),
            ("a value", &[0], false),
            ("the same again", &value, false),
            ("no value", &[0xc1], false),
            ("a bool", &[0xc3], false),
            ("half a text", &[0xd9, 9, 1], false),
            ("a text without a length", &[0xd9], false),
            ("half an array", &[0x91], false),
            ("half a map", &[0x81], false),
            ("half an extension", &[0xc7], false),
        ] {
            let bytes = [&value, rest].concat();
            let read = from_whole_msgpack::<(u8, &str)>(&bytes);
            assert_eq!(read.is_ok(), want, "{name}: {read:?}");
            assert_eq!(from_msgpack::<(u8, &str)>(&bytes).unwrap(), (7, "text"));
        }
        assert!(from_whole_msgpack::<(u8, &str)>(&value[..3]).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        #[derive(Debug, Deserialize)]
        struct Empty {}
        for (depth, want) in [(0, true), (50, true), (100, false), (1_000_000, false)] {
            // {"a": [[[…]]]}
            let mut bytes = vec![0x81, 0xa1, b'a'];
            bytes.extend(std::iter::repeat_n(0x91, depth));
            bytes.push(0xc0);
            assert_eq!(from_msgpack::<Empty>(&bytes).is_ok(), want, "{depth}");
        }
    }
}
