//! The batched proof of RFC 9497 section 2.2: one key multiplied every element of the batch.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use rayon::prelude::*;

use super::suite::{self, CONTEXT};
use super::{canonical_scalar, PublicKey};
use crate::error::{Error, Result};

/// The fewest terms that are worth a thread of their own in a multi-scalar multiplication: with fewer, the doublings
/// that all terms share cost more than they do.
const SMALLEST_SHARE: usize = 32;

/// The weights d_i of `ComputeComposites`, which bind key, position, blinded and evaluated element.
pub(super) fn weights(public_key: &PublicKey, blinded: &[[u8; 32]], evaluated: &[[u8; 32]]) -> Vec<Scalar> {
    let seed = suite::sha512_prefixed(&[&public_key.bytes, &[b"Seed-", CONTEXT].concat()], b"");
    let pair = |(index, (c, d)): (usize, (&[u8; 32], &[u8; 32]))| {
        let element_size = suite::u16_bytes(32);
        suite::hash_to_scalar(&[
            &suite::u16_bytes(seed.len()),
            &seed,
            &suite::u16_bytes(index),
            &element_size,
            c,
            &element_size,
            d,
            b"Composite",
        ])
    };
    blinded.par_iter().zip(evaluated.par_iter()).enumerate().map(pair).collect()
}

/// The sum of weight times point, in variable time: both are known to everybody who sees the batch.
pub(super) fn public_sum(weights: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    let share = points.len().div_ceil(rayon::current_num_threads()).max(SMALLEST_SHARE);
    weights
        .par_chunks(share)
        .zip(points.par_chunks(share))
        .map(|(some_weights, some_points)| RistrettoPoint::vartime_multiscalar_mul(some_weights, some_points))
        .reduce(RistrettoPoint::identity, |a, b| a + b)
}

/// `GenerateProof` over the composites: `m`, and `z` = key times m. The nonce must never be used for another proof.
pub(super) fn prove(
    key: &Scalar,
    public_key: &PublicKey,
    m: &RistrettoPoint,
    z: &RistrettoPoint,
    nonce: &Scalar,
) -> Vec<u8> {
    let c = challenge(public_key, m, z, &RistrettoPoint::mul_base(nonce), &(nonce * m));
    let s = nonce - c * key;
    [c.to_bytes(), s.to_bytes()].concat()
}

/// `VerifyProof` over the composites.
pub(super) fn verify(
    public_key: &PublicKey,
    m: &RistrettoPoint,
    z: &RistrettoPoint,
    proof: &[u8],
) -> Result<()> {
    let ([c, s], []) = proof.as_chunks() else {
        return Err(Error::decoding("a label proof has 64 bytes"));
    };
    let [c, s] = [c, s].map(|bytes| canonical_scalar(bytes, "a label proof has two reduced scalars"));
    let (c, s) = (c?, s?);
    let (t2, t3) = rayon::join(
        || RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, &public_key.point, &s),
        || RistrettoPoint::vartime_multiscalar_mul([s, c], [m, z]),
    );
    if challenge(public_key, m, z, &t2, &t3) != c {
        let message = "the proof does not show that the label authority's key made these elements";
        return Err(Error::proof(message));
    }
    Ok(())
}

/// The Fiat-Shamir challenge over key, composites and commitments.
fn challenge(
    public_key: &PublicKey,
    m: &RistrettoPoint,
    z: &RistrettoPoint,
    t2: &RistrettoPoint,
    t3: &RistrettoPoint,
) -> Scalar {
    let element_size = suite::u16_bytes(32);
    let mut parts: Vec<&[u8]> = Vec::with_capacity(11);
    let elements = [m, z, t2, t3].map(|point| point.compress().to_bytes());
    for bytes in std::iter::once(&public_key.bytes).chain(&elements) {
        parts.push(&element_size);
        parts.push(bytes);
    }
    parts.push(b"Challenge");
    suite::hash_to_scalar(&parts)
}
