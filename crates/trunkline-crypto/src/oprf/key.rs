//! The label authority's side: its key, evaluation of blinded elements, the proof.

use core::fmt;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    check_input, decode_elements, encode_doubled, encodings, next_scalar, nonzero_scalar, proof, suite,
    PublicKey, ELEMENT_SIZE, SCALAR_SIZE,
};
use crate::error::{Error, Result};
use crate::input;
use crate::pool;
use crate::random::{Hedge, RandomSource};

/// The label authority's secret key k.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct LabelKey {
    secret: Scalar,
    #[zeroize(skip)]
    public_key: PublicKey,
}

impl LabelKey {
    /// Draws a key.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate(random: &dyn RandomSource) -> Result<Self> {
        Ok(Self::new(*next_scalar(&mut Hedge::new(random, "label-key", &[])?)))
    }

    /// Reads a key: 32 bytes little-endian, as RFC 9497 serialises scalars.
    ///
    /// # Errors
    /// On another length, a scalar that is not reduced, or zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes = Zeroizing::new(*input::fixed(bytes, "a label key has 32 bytes")?);
        Ok(Self::new(nonzero_scalar(&bytes, "a label key is a reduced scalar, not zero")?))
    }

    /// `DeriveKeyPair` of RFC 9497 section 3.2.1. Deployments generate keys; test vectors derive them.
    ///
    /// # Errors
    /// If the seed has not 32 bytes, or the information more than 1,024.
    pub fn danger_derive(seed: &[u8], info: &[u8]) -> Result<Self> {
        let seed: [u8; SCALAR_SIZE] = *input::fixed(seed, "a key seed has 32 bytes")?;
        check_input(0, info)?;
        let secret = (0..=u8::MAX)
            .map(|counter| {
                let parts: [&[u8]; 4] = [&seed, &suite::u16_bytes(info.len()), info, &[counter]];
                suite::hash_to_scalar_with(&parts, b"DeriveKeyPair")
            })
            .find(|secret| *secret != Scalar::ZERO);
        secret.map(Self::new).ok_or(Error::scalar("no key can be derived from this seed"))
    }

    fn new(secret: Scalar) -> Self {
        let point = RistrettoPoint::mul_base(&secret);
        let bytes = point.compress().to_bytes();
        Self { secret, public_key: PublicKey { point, bytes } }
    }

    /// The secret scalar, for a key file and nothing else.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; SCALAR_SIZE]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// The public key k·G.
    #[must_use]
    pub fn public_key(&self) -> [u8; ELEMENT_SIZE] {
        self.public_key.bytes
    }

    /// Multiplies each blinded element by the key and proves it, in one proof for the batch.
    ///
    /// # Errors
    /// If the batch is empty, too large, of odd length, or has an element that is not canonical or the identity; the
    /// error names the index of the first one.
    pub fn evaluate_batch(&self, random: &dyn RandomSource, blinded: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        self.evaluate(blinded, |m, z| self.hedged_nonce(random, m, z))
    }

    /// Evaluates with a given proof nonce, for test vectors.
    ///
    /// # Caution
    /// Two proofs with one nonce, or one with a nonce that somebody knows, give the key away.
    ///
    /// # Errors
    /// As [`Self::evaluate_batch`], and if the nonce is no reduced scalar other than zero.
    pub fn danger_evaluate_batch_with_nonce(
        &self,
        blinded: &[u8],
        nonce: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let bytes = input::fixed(nonce, "a proof nonce has 32 bytes")?;
        let nonce = nonzero_scalar(bytes, "a proof nonce is a reduced scalar, not zero")?;
        self.evaluate(blinded, |_, _| Ok(Zeroizing::new(nonce)))
    }

    fn evaluate(
        &self,
        blinded: &[u8],
        nonce: impl FnOnce(&RistrettoPoint, &RistrettoPoint) -> Result<Zeroizing<Scalar>> + Send,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let blinded = encodings(blinded)?;
        pool::install(|| {
            let points = decode_elements(blinded)?;
            let half = Zeroizing::new(self.secret.div_by_2());
            let products: Vec<_> = points.par_iter().map(|point| point * *half).collect();
            let evaluated = encode_doubled(&products);
            let weights = proof::weights(&self.public_key, blinded, &evaluated);
            let m = proof::public_sum(&weights, &points);
            let z = self.secret * m;
            let nonce = nonce(&m, &z)?;
            let proof = proof::prove(&self.secret, &self.public_key, &m, &z, &nonce);
            Ok((evaluated.into_flattened(), proof))
        })
    }

    /// A proof nonce from the key, the statement and fresh randomness.
    fn hedged_nonce(
        &self,
        random: &dyn RandomSource,
        m: &RistrettoPoint,
        z: &RistrettoPoint,
    ) -> Result<Zeroizing<Scalar>> {
        let secret = self.secret_bytes();
        let [m, z] = [m, z].map(|point| point.compress().to_bytes());
        Ok(next_scalar(&mut Hedge::new(random, "label-proof", &[secret.as_slice(), &m, &z])?))
    }
}

impl PartialEq for LabelKey {
    fn eq(&self, other: &Self) -> bool {
        self.secret.ct_eq(&other.secret).into()
    }
}

impl fmt::Debug for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LabelKey(redacted)")
    }
}
