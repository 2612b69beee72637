//! Hashes over length-prefixed parts with domain tags (`docs/protocol.md`, section 1).

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::curve::Scalar;

const PREFIX: &str = "trunkline/jager/v1/";

/// `tag(name)`.
#[must_use]
pub fn tag(name: &str) -> Vec<u8> {
    [PREFIX, name].concat().into_bytes()
}

/// The four length bytes that `lp(part)` begins with.
///
/// # Panics
/// Parts of 4 GiB and more; every caller has a limit far below.
#[must_use]
pub fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).expect("parts are shorter than 4 GiB").to_be_bytes()
}

/// `lp(part)`.
#[must_use]
pub fn prefixed(part: &[u8]) -> Vec<u8> {
    [&length(part), part].concat()
}

/// `H(name, x1, …, xn)`.
#[must_use]
pub fn hash(name: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let tag = tag(name);
    for part in core::iter::once(&tag.as_slice()).chain(parts) {
        hasher.update(length(part));
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The first 16 bytes of `H(name, x1, …, xn)`.
#[must_use]
pub fn short_hash(name: &str, parts: &[&[u8]]) -> [u8; 16] {
    let [short, _] = halves(hash(name, parts));
    short
}

/// A Fiat-Shamir challenge of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge(pub [u8; 16]);

impl Challenge {
    /// `challenge(name, x1, …, xn)`.
    #[must_use]
    pub fn new(name: &str, parts: &[&[u8]]) -> Self {
        Self(short_hash(name, parts))
    }

    /// The challenge as a scalar.
    #[must_use]
    pub fn scalar(&self) -> Scalar {
        Scalar::from_u128(u128::from_be_bytes(self.0))
    }
}

/// `HKDF(ikm, info, N)`, with `info` the parts joined.
#[must_use]
pub fn hkdf<const N: usize>(ikm: &[u8], info: &[&[u8]]) -> [u8; N] {
    let mut output = [0; N];
    Hkdf::<Sha256>::new(None, ikm)
        .expand_multi_info(info, &mut output)
        .expect("outputs are shorter than 255 blocks");
    output
}

/// The domain separation tag of `hash_to_g1(name, ·)`.
#[must_use]
pub fn curve_tag(name: &str) -> Vec<u8> {
    [&tag(name), b"_BLS12381G1_XMD:SHA-256_SSWU_RO_".as_slice()].concat()
}

fn halves(bytes: [u8; 32]) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    halves.as_flattened_mut().copy_from_slice(&bytes);
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_sha256_of_prefixed_parts() {
        let expected: [u8; 32] =
            Sha256::digest(b"\x00\x00\x00\x16trunkline/jager/v1/idx\x00\x00\x00\x02ab\x00\x00\x00\x00")
                .into();
        assert_eq!(hash("idx", &[b"ab", b""]), expected);
        assert_ne!(hash("idx", &[b"a", b"b"]), expected);
    }
}
