//! Randomness: where fresh bytes come from, and how secret nonces are derived from them.

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::curve::Scalar;
use crate::error::{Error, Result};
use crate::transcript;

/// A source of fresh random bytes. An argument everywhere, so that tests can fix it.
pub trait RandomSource: Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// `Randomness` if there is none to be had.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The operating system's generator. It has no state in this process, so that a fork copies nothing.
pub struct OsRandom;

impl RandomSource for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|_| Error::randomness())
    }
}

/// `N` fresh random bytes.
///
/// # Errors
/// `Randomness` if the source fails.
pub fn bytes<const N: usize>(source: &dyn RandomSource) -> Result<[u8; N]> {
    let mut buffer = [0; N];
    source.fill(&mut buffer)?;
    Ok(buffer)
}

/// Random weights of 128 bits for the elements of a batch that is fixed.
///
/// # Errors
/// `Randomness` if the source fails.
pub fn weights(count: usize, source: &dyn RandomSource) -> Result<Vec<u128>> {
    let mut buffer = vec![0; count * 16];
    source.fill(&mut buffer)?;
    Ok(buffer.as_chunks().0.iter().copied().map(u128::from_ne_bytes).collect())
}

/// Secret values for one operation, hedged: derived from the operation's secrets, its message and fresh randomness,
/// so that neither a failing generator nor a repeated message alone reveals a key.
///
/// seed = SHA-512(lp(tag("hedge")) ‖ lp(purpose) ‖ lp(fresh) ‖ lp(part 1) ‖ …); value i = SHA-512(seed ‖ u32(i)).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Hedge {
    seed: [u8; 64],
    next: u32,
}

impl Hedge {
    /// Takes 32 bytes from the source; `parts` are the secrets and the message.
    ///
    /// # Errors
    /// `Randomness` if the source fails.
    pub fn new(source: &dyn RandomSource, purpose: &str, parts: &[&[u8]]) -> Result<Self> {
        let mut fresh: [u8; 32] = bytes(source)?;
        let mut hasher = Sha512::new();
        let tag = transcript::tag("hedge");
        for part in [tag.as_slice(), purpose.as_bytes(), &fresh].iter().chain(parts) {
            hasher.update(transcript::length(part));
            hasher.update(part);
        }
        fresh.zeroize();
        Ok(Self { seed: hasher.finalize().into(), next: 0 })
    }

    /// The next 64 bytes.
    pub fn bytes(&mut self) -> [u8; 64] {
        let mut hasher = Sha512::new();
        hasher.update(self.seed);
        hasher.update(self.next.to_be_bytes());
        self.next += 1;
        hasher.finalize().into()
    }

    /// The next scalar, not zero, with a bias below 2⁻²⁵⁶.
    pub fn scalar(&mut self) -> Scalar {
        loop {
            let mut wide = self.bytes();
            let scalar = Scalar::from_wide_bytes(&wide);
            wide.zeroize();
            if !scalar.is_zero() {
                return scalar;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A broken generator: always the same bytes.
    pub(crate) struct StuckRandom;

    impl RandomSource for StuckRandom {
        fn fill(&self, buffer: &mut [u8]) -> Result<()> {
            buffer.fill(7);
            Ok(())
        }
    }

    #[test]
    fn hedge_with_a_stuck_generator_still_differs_by_secret_message_and_position() {
        let first = |parts: &[&[u8]]| Hedge::new(&StuckRandom, "test", parts).unwrap().bytes();
        assert_eq!(first(&[b"secret", b"message"]), first(&[b"secret", b"message"]));
        assert_ne!(first(&[b"secret", b"message"]), first(&[b"secret", b"other"]));
        assert_ne!(first(&[b"secret", b"message"]), first(&[b"secretm", b"essage"]));
        let mut hedge = Hedge::new(&StuckRandom, "test", &[]).unwrap();
        assert_ne!(hedge.bytes(), hedge.bytes());
    }

    #[test]
    fn hedge_with_a_good_generator_differs_each_time() {
        let once = || Hedge::new(&OsRandom, "test", &[b"secret", b"message"]).unwrap().bytes();
        assert_ne!(once(), once());
    }
}
