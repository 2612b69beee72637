//! The carrier's side: blinding, checking the proof, unblinding; and the offline check of one evaluation.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    check_count, check_input, decode_elements, encode_doubled, encodings, next_scalar, nonzero_scalar, proof,
    suite, Encoding, PublicKey, CHUNK, LABEL_SIZE, SCALAR_SIZE,
};
use crate::error::{Error, Result};
use crate::input;
use crate::pool;
use crate::random::{Hedge, RandomSource};

/// What a client needs to get labels: the label authority's public key.
pub struct LabelClient {
    public_key: PublicKey,
}

impl LabelClient {
    /// Decodes the public key.
    ///
    /// # Errors
    /// If it has not 32 bytes, is not canonical, or is the identity.
    pub fn new(public_key: &[u8]) -> Result<Self> {
        Ok(Self { public_key: PublicKey::decode(public_key)? })
    }

    /// Blinds the inputs, each with a fresh blind.
    ///
    /// # Errors
    /// If there are none or too many of them, or one is longer than [`super::MAX_INPUT`].
    pub fn blind_batch(&self, random: &dyn RandomSource, inputs: &[&[u8]]) -> Result<Blinding> {
        check_inputs(inputs)?;
        let mut hedge = Hedge::new(random, "label-blinds", inputs)?;
        let blinds = inputs.iter().map(|_| *next_scalar(&mut hedge)).collect();
        Ok(self.blind(inputs, blinds))
    }

    /// Blinds the inputs with given blinds, for test vectors.
    ///
    /// # Caution
    /// Whoever knows a blind can link the label request to the input.
    ///
    /// # Errors
    /// As [`Self::blind_batch`], and if there are not as many blinds as inputs, or one is zero or not reduced.
    pub fn danger_blind_batch_with(&self, inputs: &[&[u8]], blinds: &[u8]) -> Result<Blinding> {
        check_inputs(inputs)?;
        let blinds: Vec<Scalar> = encodings(blinds)?.iter().map(decode_blind).collect::<Result<_>>()?;
        input::check_same_count(&[inputs.len(), blinds.len()])?;
        Ok(self.blind(inputs, blinds))
    }

    fn blind(&self, inputs: &[&[u8]], blinds: Vec<Scalar>) -> Blinding {
        let secrets = Secrets { inputs: inputs.iter().map(|input| input.to_vec()).collect(), blinds };
        Blinding::new(self.public_key.clone(), secrets)
    }
}

/// Inputs and the blinds that hide them.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Secrets {
    inputs: Vec<Vec<u8>>,
    blinds: Vec<Scalar>,
}

/// A batch under way: the blinded elements to send, and what is needed to turn the answer into labels.
pub struct Blinding {
    public_key: PublicKey,
    secrets: Secrets,
    points: Vec<RistrettoPoint>,
    elements: Vec<Encoding>,
}

impl Blinding {
    fn new(public_key: PublicKey, secrets: Secrets) -> Self {
        let (points, elements) = pool::install(|| {
            let blind = |(input, blind): (&Vec<u8>, &Scalar)| suite::hash_to_group(input) * blind.div_by_2();
            let pairs = secrets.inputs.par_iter().zip(&secrets.blinds).with_min_len(CHUNK);
            let halves: Vec<RistrettoPoint> = pairs.map(blind).collect();
            let elements = encode_doubled(&halves);
            (halves.par_iter().map(|half| half + half).collect(), elements)
        });
        Self { public_key, secrets, points, elements }
    }

    /// How many inputs were blinded.
    #[must_use]
    pub fn count(&self) -> usize {
        self.elements.len()
    }

    /// The blinded elements, packed. They are uniformly random and say nothing about the inputs.
    #[must_use]
    pub fn elements(&self) -> &[u8] {
        self.elements.as_flattened()
    }

    /// Checks the proof and computes the labels. `padding` are the elements that were sent after [`Self::elements`] in
    /// the same batch: the proof covers them, and they give no labels.
    ///
    /// # Errors
    /// If the counts differ, an element is not canonical or the identity, or the proof does not verify.
    pub fn finalize(&self, padding: &[u8], evaluated: &[u8], proof: &[u8]) -> Result<Vec<u8>> {
        let blinded = [self.elements(), padding].concat();
        let (blinded, evaluated) = (encodings(&blinded)?, encodings(evaluated)?);
        input::check_same_count(&[blinded.len(), evaluated.len()])?;
        pool::install(|| {
            let mut blinded_points = self.points.clone();
            let padding = blinded.get(self.count()..).unwrap_or_default();
            blinded_points.extend(decode_elements(padding)?);
            let evaluated_points = decode_elements(evaluated)?;
            let weights = proof::weights(&self.public_key, blinded, evaluated);
            let (m, z) = rayon::join(
                || proof::public_sum(&weights, &blinded_points),
                || proof::public_sum(&weights, &evaluated_points),
            );
            proof::verify(&self.public_key, &m, &z, proof)?;
            Ok(self.unblind(&evaluated_points))
        })
    }

    fn unblind(&self, evaluated: &[RistrettoPoint]) -> Vec<u8> {
        // The inverse of the doubled blind is half the inverse of the blind, as `encode_doubled` wants it.
        let mut inverses =
            Zeroizing::new(self.secrets.blinds.iter().map(|blind| blind + blind).collect::<Vec<_>>());
        Scalar::invert_batch_alloc(&mut inverses);
        let pairs = evaluated.par_iter().zip(inverses.par_iter()).with_min_len(CHUNK);
        let halves: Vec<RistrettoPoint> = pairs.map(|(point, inverse)| point * inverse).collect();
        let unblinded = encode_doubled(&halves);
        let pairs = self.secrets.inputs.par_iter().zip(&unblinded);
        let labels: Vec<[u8; LABEL_SIZE]> =
            pairs.map(|(input, element)| suite::output(input, element)).collect();
        labels.into_flattened()
    }

    /// The blind of one input, for a verdict that lets a judge repeat this evaluation.
    ///
    /// # Caution
    /// Whoever has it can tell which input was blinded. Never give it away outside a verdict.
    ///
    /// # Errors
    /// If there is no input of that index.
    pub fn reveal_blind(&self, index: usize) -> Result<[u8; SCALAR_SIZE]> {
        let blind = self.secrets.blinds.get(index).map(Scalar::to_bytes);
        blind.ok_or(Error::decoding("the batch has no input of this index"))
    }
}

/// Repeats one evaluation offline, from the input, its blind and the answer, and returns the label.
///
/// # Errors
/// If the blind is zero or not reduced, an element is not canonical or the identity, or the proof does not verify.
pub fn verify_transcript(
    public_key: &[u8],
    input: &[u8],
    blind: &[u8],
    evaluated: &[u8],
    proof: &[u8],
) -> Result<Vec<u8>> {
    let client = LabelClient::new(public_key)?;
    client.danger_blind_batch_with(&[input], blind)?.finalize(&[], evaluated, proof)
}

/// Random elements that nobody can tell from blinded inputs, to fill a batch up to a fixed size.
///
/// # Errors
/// If there would be more than a batch may have.
pub fn random_elements(random: &dyn RandomSource, count: usize) -> Result<Vec<u8>> {
    // No padding at all is fine, unlike an empty batch.
    check_count(count.max(1))?;
    let mut hedge = Hedge::new(random, "label-padding", &[])?;
    let uniform: Vec<[u8; 64]> = (0..count).map(|_| hedge.bytes()).collect();
    pool::install(|| {
        let points: Vec<_> = uniform.par_iter().map(RistrettoPoint::from_uniform_bytes).collect();
        Ok(encode_doubled(&points).into_flattened())
    })
}

fn check_inputs(inputs: &[&[u8]]) -> Result<()> {
    check_count(inputs.len())?;
    inputs.iter().enumerate().try_for_each(|(index, input)| check_input(index, input))
}

fn decode_blind(bytes: &[u8; SCALAR_SIZE]) -> Result<Scalar> {
    nonzero_scalar(bytes, "a blind is a reduced scalar, not zero")
}
