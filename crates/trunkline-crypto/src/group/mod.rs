//! The group signature: a BBS credential on a member secret that the issuer never sees, and openings that anybody
//! can verify (`docs/protocol.md`, section 5).
//!
//! The model is that of Bellare, Shi and Zhang (2005), the credential that of Camenisch, Drijvers and Lehmann
//! (2016) and Tessaro and Zhu (2023).

pub mod join;
pub mod open;
pub mod sign;
pub mod verify;

use crate::curve::{G1Affine, G2Affine, Scalar, G1, G1_SIZE, G2_SIZE, SCALAR_SIZE};
use crate::error::Result;
use crate::input;
use crate::transcript::{self, Challenge};

/// Bytes of a group signature: seven points, four scalars.
pub const SIGNATURE_SIZE: usize = 7 * G1_SIZE + 4 * SCALAR_SIZE;
/// Bytes of a hash of the public parameters.
pub const PARAMS_HASH_SIZE: usize = 32;
/// Bytes of the id of a group public key.
pub const GPK_ID_SIZE: usize = 16;

pub(crate) const PARAMS_HASH: &str = "a params hash has 32 bytes";
pub(crate) const GPK_ID: &str = "a group key id has 16 bytes";
pub(crate) const SIGNATURES: &str = "packed group signatures have 464 bytes each";
pub(crate) const CARRIER_ID: &str = "a carrier id has 16 bytes";

/// Points that nobody knows the logarithms of.
pub struct Bases {
    /// Base of member secrets.
    pub h: G1,
    /// Base of the period.
    pub h_p: G1,
    /// Base of the encryption of S.
    pub g: G1,
}

impl Bases {
    /// Hashes the bases' names to the curve.
    #[must_use]
    pub fn new() -> Self {
        let base = |name: &str| G1::hash("bases", name.as_bytes());
        Self { h: base("h"), h_p: base("h_p"), g: base("g") }
    }

    /// `C = g1 + p·h_p`.
    #[must_use]
    pub fn period_point(&self, period: u32) -> G1 {
        G1::generator() + self.h_p * &Scalar::from_u128(period.into())
    }
}

impl Default for Bases {
    fn default() -> Self {
        Self::new()
    }
}

/// The group public key: the issuer's w and the opener's Y.
#[derive(Clone, Copy)]
pub struct GroupPublicKey {
    w: G2Affine,
    y: G1Affine,
    id: [u8; GPK_ID_SIZE],
}

impl GroupPublicKey {
    /// Decodes both keys strictly. Their proofs of possession are checked elsewhere, once, where parameters are read.
    ///
    /// # Errors
    /// `Decoding`, `Point`.
    pub fn new(w: &[u8], y: &[u8]) -> Result<Self> {
        let id = transcript::short_hash("gpk", &[w, y]);
        Ok(Self { w: input::strict_g2(w)?, y: input::strict_g1(y)?, id })
    }

    /// `gpk id`.
    #[must_use]
    pub const fn id(&self) -> &[u8; GPK_ID_SIZE] {
        &self.id
    }

    /// `w ‖ Y`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; G2_SIZE + G1_SIZE] {
        let mut bytes = [0; G2_SIZE + G1_SIZE];
        for (target, byte) in bytes.iter_mut().zip(self.w.encode().into_iter().chain(self.y.encode())) {
            *target = byte;
        }
        bytes
    }
}

/// A decoded signature. Its points are on the curve and not the identity; nothing is known of their subgroup.
pub(crate) struct Signature {
    a_prime: G1Affine,
    a_bar: G1Affine,
    e1: G1Affine,
    e2: G1Affine,
    r1: G1Affine,
    r2: G1Affine,
    r3: G1Affine,
    z_t: Scalar,
    z_epsilon: Scalar,
    z_s: Scalar,
    z_k: Scalar,
}

impl Signature {
    fn decode(bytes: &[u8; SIGNATURE_SIZE]) -> Result<Self> {
        let (points, scalars) = split(bytes);
        let [a_prime, a_bar, e1, e2, r1, r2, r3] = points;
        let [z_t, z_epsilon, z_s, z_k] = scalars;
        // Scalars first: they cost nothing to check.
        let (z_t, z_epsilon) = (input::scalar(z_t)?, input::scalar(z_epsilon)?);
        let (z_s, z_k) = (input::scalar(z_s)?, input::scalar(z_k)?);
        Ok(Self {
            a_prime: G1Affine::decode_on_curve(a_prime)?,
            a_bar: G1Affine::decode_on_curve(a_bar)?,
            e1: G1Affine::decode_on_curve(e1)?,
            e2: G1Affine::decode_on_curve(e2)?,
            r1: G1Affine::decode_on_curve(r1)?,
            r2: G1Affine::decode_on_curve(r2)?,
            r3: G1Affine::decode_on_curve(r3)?,
            z_t,
            z_epsilon,
            z_s,
            z_k,
        })
    }

    const fn points(&self) -> [G1Affine; 7] {
        [self.a_prime, self.a_bar, self.e1, self.e2, self.r1, self.r2, self.r3]
    }
}

/// The encoded points and scalars of a signature.
fn split(bytes: &[u8; SIGNATURE_SIZE]) -> (&[[u8; G1_SIZE]; 7], &[[u8; SCALAR_SIZE]; 4]) {
    let (points, scalars) = bytes.split_at(7 * G1_SIZE);
    let points = points.as_chunks().0.try_into().expect("a signature begins with seven points");
    let scalars = scalars.as_chunks().0.try_into().expect("a signature ends with four scalars");
    (points, scalars)
}

/// What a signature's challenge covers besides the signature's points and the message.
pub(crate) struct Context {
    pub(crate) params_hash: [u8; PARAMS_HASH_SIZE],
    pub(crate) gpk_id: [u8; GPK_ID_SIZE],
    pub(crate) period: [u8; 4],
}

impl Context {
    fn challenge(&self, points: &[[u8; G1_SIZE]; 7], message: &[u8]) -> Challenge {
        let [a_prime, a_bar, e1, e2, r1, r2, r3] = points;
        let parts: [&[u8]; 11] =
            [&self.params_hash, &self.gpk_id, &self.period, a_prime, a_bar, e1, e2, r1, r2, r3, message];
        Challenge::new("group-sign", &parts)
    }
}

#[cfg(test)]
mod tests;
