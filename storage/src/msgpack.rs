//! Reading MessagePack.

use rmp_serde::decode::{Deserializer, Error};
use serde::Deserialize;

/// Deepest nesting of anything that is written: far above what any message, command or record has.
const MAX_DEPTH: usize = 64;

/// The value at the start of `bytes`.
///
/// What is nested deeper than 64 levels is refused, so that the bytes cannot use up the stack: an unknown field may hold anything,
/// and is read to be skipped.
///
/// # Errors
/// If there is no such value.
pub fn from_msgpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    let mut input = Deserializer::from_read_ref(bytes);
    input.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut input)
}

#[cfg(test)]
mod tests {
    use super::*;

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
