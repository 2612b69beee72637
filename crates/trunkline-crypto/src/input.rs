//! Packed bytes: fixed-length elements one after the other, as batch calls take and return them.

use crate::curve::{G1Affine, G2Affine, PointFault, Scalar};
use crate::error::{Error, Result};

/// Most elements of one batch.
pub const MAX_BATCH: usize = 65_535;
/// Longest message that is signed, in bytes.
pub const MAX_MESSAGE: usize = 65_536;

/// The elements of packed bytes.
///
/// # Errors
/// `Decoding` with the given text unless the length is a multiple of `N`; `TooLarge` above [`MAX_BATCH`] elements.
pub fn elements<'a, const N: usize>(bytes: &'a [u8], detail: &'static str) -> Result<&'a [[u8; N]]> {
    let (elements, rest) = bytes.as_chunks();
    check_count(elements.len())?;
    if rest.is_empty() {
        Ok(elements)
    } else {
        Err(Error::decoding(detail))
    }
}

/// Exactly `N` bytes.
///
/// # Errors
/// `Decoding` with the given text.
pub fn fixed<'a, const N: usize>(bytes: &'a [u8], detail: &'static str) -> Result<&'a [u8; N]> {
    bytes.try_into().map_err(|_| Error::decoding(detail))
}

/// Refuses batches above [`MAX_BATCH`] elements.
///
/// # Errors
/// `TooLarge`.
pub const fn check_count(count: usize) -> Result<()> {
    if count > MAX_BATCH {
        Err(Error::too_large("a batch has at most 65,535 elements; split it"))
    } else {
        Ok(())
    }
}

/// Refuses parallel lists of different lengths.
///
/// # Errors
/// `Decoding`.
pub fn check_same_count(counts: &[usize]) -> Result<()> {
    if counts.windows(2).all(|pair| pair.first() == pair.last()) {
        Ok(())
    } else {
        Err(Error::decoding("the lists of a batch have different lengths"))
    }
}

/// Refuses batches of more than [`MAX_BATCH`] messages, and messages above [`MAX_MESSAGE`] bytes.
///
/// # Errors
/// `TooLarge`.
pub fn check_messages(messages: &[&[u8]]) -> Result<()> {
    check_count(messages.len())?;
    match messages.iter().position(|message| message.len() > MAX_MESSAGE) {
        Some(position) => Err(Error::too_large("a message has at most 65,536 bytes").at(position)),
        None => Ok(()),
    }
}

/// A strict point of G1.
///
/// # Errors
/// `Decoding`, `Point`.
pub fn strict_g1(bytes: &[u8]) -> Result<G1Affine> {
    Ok(G1Affine::decode_strict(fixed(bytes, "a point of G1 has 48 bytes")?)?)
}

/// A strict point of G2.
///
/// # Errors
/// `Decoding`, `Point`.
pub fn strict_g2(bytes: &[u8]) -> Result<G2Affine> {
    Ok(G2Affine::decode_strict(fixed(bytes, "a point of G2 has 96 bytes")?)?)
}

/// A scalar less than r.
///
/// # Errors
/// `Scalar`.
pub fn scalar(bytes: &[u8; 32]) -> Result<Scalar> {
    Scalar::from_bytes(bytes).ok_or(Error::scalar("a scalar is not less than the group order"))
}

impl From<PointFault> for Error {
    fn from(fault: PointFault) -> Self {
        Self::point(match fault {
            PointFault::Encoding => "a point is not canonically encoded",
            PointFault::OffCurve => "a point is not on the curve",
            PointFault::OffSubgroup => "a point is not in the subgroup of prime order",
            PointFault::Identity => "a point is the identity",
        })
    }
}
