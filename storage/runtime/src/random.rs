//! Chance.

#[cfg(feature = "simulation")]
use std::cell::RefCell;

use rand::Rng;
use rand::distr::{Distribution, StandardUniform};
#[cfg(feature = "simulation")]
use rand::{SeedableRng, rngs::StdRng};
use uuid::Uuid;

#[cfg(feature = "simulation")]
thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// A random value. Its generator is cryptographically secure and seeded by the operating system, so
/// it serves for identifiers and secrets.
pub fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    #[cfg(feature = "simulation")]
    if let Some(value) = SEEDED.with_borrow_mut(|seeded| seeded.as_mut().map(Rng::random)) {
        return value;
    }
    rng().random()
}

/// The generator behind [`random`], for what takes one.
#[expect(clippy::disallowed_methods, reason = "the one place that takes it")]
pub fn rng() -> impl Rng {
    rand::rng()
}

/// A random UUID (RFC 9562, version 4).
pub fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(random()).into_uuid()
}

/// Makes [`random`] and [`uuid`] of this thread the same in every run; `None` gives chance back.
#[cfg(feature = "simulation")]
pub fn seed(seed: Option<u64>) {
    SEEDED.set(seed.map(StdRng::seed_from_u64));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_what_is_random() {
        let draw = |with| {
            seed(with);
            (random::<u128>(), uuid())
        };
        assert_eq!(draw(Some(7)), draw(Some(7)));
        assert_ne!(draw(Some(7)), draw(Some(8)));
        assert_ne!(draw(None), draw(None));
        assert_eq!(uuid().get_version_num(), 4);
    }
}
