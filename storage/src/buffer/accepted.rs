//! Which elements of a record are new.

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

/// One bit per element of a record, in the elements' order: set if the element is to be stored,
/// clear if it is a repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Accepted {
    elements: u32,
    /// Eight elements to a byte, the first in the lowest bit; empty if all are set.
    #[serde(with = "serde_bytes")]
    bits: Vec<u8>,
}

impl Accepted {
    /// All of `elements` elements.
    pub const fn all(elements: u32) -> Self {
        Self {
            elements,
            bits: Vec::new(),
        }
    }

    /// Number of elements, accepted or not.
    pub const fn elements(&self) -> u32 {
        self.elements
    }

    /// Number of accepted elements.
    pub fn count(&self) -> u32 {
        match self.bits.is_empty() {
            true => self.elements,
            false => self.bits.iter().map(|byte| byte.count_ones()).sum(),
        }
    }

    /// Whether element `at` is accepted; false beyond the last one.
    pub fn contains(&self, at: u32) -> bool {
        let byte = usize::try_from(at / 8).unwrap_or(usize::MAX);
        at < self.elements
            && (self.bits.is_empty()
                || self
                    .bits
                    .get(byte)
                    .is_some_and(|byte| byte & (1 << (at % 8)) != 0))
    }

    /// For each element, whether it is accepted.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.elements).map(|at| self.contains(at))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.elements);
        out.put_u8((!self.bits.is_empty()).into());
        out.put_slice(&self.bits);
    }

    pub(super) fn decode(input: &mut &[u8]) -> Option<Self> {
        let elements = input.try_get_u32().ok()?;
        if input.try_get_u8().ok()? == 0 {
            return Some(Self::all(elements));
        }
        let length = usize::try_from(elements.div_ceil(8)).ok()?;
        let (bits, rest) = input.split_at_checked(length)?;
        *input = rest;
        let bits = bits.to_vec();
        Some(Self { elements, bits })
    }
}

impl FromIterator<bool> for Accepted {
    /// One item per element.
    fn from_iter<I: IntoIterator<Item = bool>>(items: I) -> Self {
        let mut accepted = Self::default();
        let mut all = true;
        for item in items {
            let bit = accepted.elements % 8;
            if bit == 0 {
                accepted.bits.push(0);
            }
            if let Some(byte) = accepted.bits.last_mut() {
                *byte |= u8::from(item) << bit;
            }
            all &= item;
            accepted.elements += 1;
        }
        if all {
            accepted.bits.clear();
        }
        accepted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_and_bytes_round_trip(items in prop::collection::vec(prop::bool::weighted(0.9), 0..40)) {
            let accepted: Accepted = items.iter().copied().collect();
            prop_assert_eq!(&accepted.iter().collect::<Vec<_>>(), &items);
            prop_assert_eq!(accepted.count() as usize, items.iter().filter(|item| **item).count());
            prop_assert!(!accepted.contains(accepted.elements()));
            let mut bytes = vec![];
            accepted.encode(&mut bytes);
            prop_assert_eq!(Accepted::decode(&mut bytes.as_slice()), Some(accepted.clone()));
            prop_assert_eq!(Accepted::decode(&mut &bytes[..bytes.len() - 1]), None);
            if items.iter().all(|item| *item) {
                prop_assert_eq!(accepted, Accepted::all(items.len() as u32));
            }
        }
    }
}
