//! Unsigned LEB128 (DWARF 5, 7.6): seven bits a byte, the lowest first; the high bit says that more
//! follow.

/// Appends `n`, 1 to 10 bytes.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Takes a number off the front; none if the bytes end too early, or it has more than 64 bits.
pub(crate) fn take(input: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        n |= bits << shift;
        if (n >> shift) & 0x7f != bits {
            return None;
        }
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_nothing_else_does() {
        for n in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, n);
            for end in 0..bytes.len() {
                assert_eq!(take(&mut &bytes[..end]), None, "{n}, {end} bytes");
            }
            bytes.push(7);
            let mut input = &bytes[..];
            assert_eq!(take(&mut input), Some(n));
            assert_eq!(input, [7]);
        }
        let too_large = [[0xff; 9].as_slice(), &[2]].concat();
        assert_eq!(take(&mut &too_large[..]), None);
        assert_eq!(take(&mut &[0x80; 11][..]), None);
    }
}
