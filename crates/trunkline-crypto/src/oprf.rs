//! Labels: the verifiable OPRF of RFC 9497, suite ristretto255-SHA512, mode VOPRF (`docs/protocol.md` section 3).
//!
//! The label authority learns how many labels it evaluated and nothing about them; the client learns the labels
//! and, from the batched proof, that the published key made every one of them.

mod client;
mod key;
mod proof;
mod suite;
#[cfg(test)]
mod tests;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rayon::prelude::*;
use zeroize::Zeroizing;

pub use client::{random_elements, verify_transcript, Blinding, LabelClient};
pub use key::LabelKey;

use crate::error::{Error, Result};
use crate::input;
use crate::random::Hedge;
use crate::transcript;

/// Bytes of an encoded element.
pub const ELEMENT_SIZE: usize = 32;
/// Bytes of an encoded scalar: a label key or a blind.
pub const SCALAR_SIZE: usize = 32;
/// Bytes of a label.
pub const LABEL_SIZE: usize = 64;
/// Longest input. Call details, the only inputs of the protocol, stay below 600 bytes.
pub const MAX_INPUT: usize = 1_024;

/// Elements that one thread takes at a time; they share a field inversion when they are encoded.
const CHUNK: usize = 16;

type Encoding = [u8; ELEMENT_SIZE];

/// A public key, decoded, with its encoding.
#[derive(Clone)]
struct PublicKey {
    point: RistrettoPoint,
    bytes: Encoding,
}

impl PublicKey {
    fn decode(bytes: &[u8]) -> Result<Self> {
        let bytes = *input::fixed(bytes, "a label public key has 32 bytes")?;
        let message = "the label public key is not canonical or is the identity";
        let point = decode_element(&bytes).ok_or(Error::point(message))?;
        Ok(Self { point, bytes })
    }
}

/// Computes `idx = H("idx", kid, label)` for packed labels.
///
/// # Errors
/// If the key id has not 16 bytes, or the labels' length is no multiple of 64.
pub fn label_index(kid: &[u8], labels: &[u8]) -> Result<Vec<u8>> {
    let kid: &[u8; 16] = input::fixed(kid, "a key id has 16 bytes")?;
    let labels: &[[u8; LABEL_SIZE]] = input::elements(labels, "packed labels have 64 bytes each")?;
    Ok(labels.iter().flat_map(|label| transcript::hash("idx", &[kid, label])).collect())
}

/// Decodes an element, multiplies it and encodes the product: a ristretto multiplication as a library call gives it,
/// and the yardstick of what a label costs.
///
/// # Errors
/// If the element is not canonical or the identity, or the scalar not reduced or zero.
pub fn multiply(element: &Encoding, scalar: &[u8; SCALAR_SIZE]) -> Result<Encoding> {
    let point =
        decode_element(element).ok_or(Error::point("an element is not canonical or is the identity"))?;
    let scalar = nonzero_scalar(scalar, "a factor is a reduced scalar, not zero")?;
    Ok((point * scalar).compress().to_bytes())
}

/// Refuses empty batches, of which no proof would prove anything, and too large ones.
fn check_count(count: usize) -> Result<()> {
    if count == 0 {
        return Err(Error::decoding("a label batch has at least one element"));
    }
    input::check_count(count)
}

fn check_input(index: usize, input: &[u8]) -> Result<()> {
    if input.len() > MAX_INPUT {
        return Err(Error::too_large("a label input has at most 1,024 bytes").at(index));
    }
    Ok(())
}

/// Splits packed elements or scalars, both of 32 bytes.
fn encodings(packed: &[u8]) -> Result<&[Encoding]> {
    let encodings = input::elements(packed, "packed elements have 32 bytes each")?;
    check_count(encodings.len())?;
    Ok(encodings)
}

fn decode_element(bytes: &Encoding) -> Option<RistrettoPoint> {
    CompressedRistretto(*bytes).decompress().filter(|point| !point.is_identity())
}

fn decode_elements(encodings: &[Encoding]) -> Result<Vec<RistrettoPoint>> {
    let points: Vec<_> = encodings.par_iter().with_min_len(CHUNK).map(decode_element).collect();
    let count = points.len();
    let good: Vec<_> = points.into_iter().map_while(|point| point).collect();
    if good.len() < count {
        let message = "a label element is not canonical or is the identity";
        return Err(Error::point(message).at(good.len()));
    }
    Ok(good)
}

fn canonical_scalar(bytes: &[u8; SCALAR_SIZE], message: &'static str) -> Result<Scalar> {
    Option::from(Scalar::from_canonical_bytes(*bytes)).ok_or(Error::scalar(message))
}

fn nonzero_scalar(bytes: &[u8; SCALAR_SIZE], message: &'static str) -> Result<Scalar> {
    let scalar = canonical_scalar(bytes, message)?;
    if scalar == Scalar::ZERO {
        return Err(Error::scalar(message));
    }
    Ok(scalar)
}

/// Encodes twice each point. A doubled point needs no square root of its own, so callers halve their scalars first.
fn encode_doubled(halves: &[RistrettoPoint]) -> Vec<Encoding> {
    let encode = |chunk| {
        RistrettoPoint::double_and_compress_batch(chunk).into_iter().map(|element| element.to_bytes())
    };
    halves.par_chunks(CHUNK).flat_map_iter(encode).collect()
}

/// The hedge's next scalar of this group, not zero.
fn next_scalar(hedge: &mut Hedge) -> Zeroizing<Scalar> {
    loop {
        let wide = Zeroizing::new(hedge.bytes());
        let scalar = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
        if *scalar != Scalar::ZERO {
            return scalar;
        }
    }
}
