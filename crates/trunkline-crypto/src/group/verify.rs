//! Verifying signatures, singly and in batches that accept exactly the same.

use core::ops::Range;

use rayon::prelude::*;

use super::{
    split, Bases, Context, GroupPublicKey, Signature, PARAMS_HASH, PARAMS_HASH_SIZE, SIGNATURE_SIZE,
};
use crate::bisection;
use crate::curve::{pairings_equal, G1Affine, Group, Scalar, G1, G2};
use crate::error::{Error, Result};
use crate::input;
use crate::msm::Terms;
use crate::pool;
use crate::random::{self, RandomSource};

/// Signatures that are checked as one; bounds memory to about 10 MB.
const BATCH: usize = 4_096;

/// Verifies the signatures of one group under one set of public parameters.
pub struct Verifier {
    group: GroupPublicKey,
    params_hash: [u8; PARAMS_HASH_SIZE],
    bases: Bases,
}

/// A decoded signature with its challenge, and A' known not to be of small order.
struct Candidate {
    signature: Signature,
    challenge: Scalar,
}

/// The points of a period that all signatures share.
struct Period {
    context: Context,
    c_point: G1Affine,
}

/// The sums of scalars that multiply the shared points.
#[derive(Default)]
struct SharedScalars {
    c: Scalar,
    h: Scalar,
    g: Scalar,
    y: Scalar,
}

impl Verifier {
    /// Takes the group and the hash of the public parameters.
    ///
    /// # Errors
    /// `Decoding`.
    pub fn new(group: GroupPublicKey, params_hash: &[u8]) -> Result<Self> {
        Ok(Self { group, params_hash: *input::fixed(params_hash, PARAMS_HASH)?, bases: Bases::new() })
    }

    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupPublicKey {
        &self.group
    }

    /// The hash of the public parameters.
    #[must_use]
    pub const fn params_hash(&self) -> &[u8; PARAMS_HASH_SIZE] {
        &self.params_hash
    }

    pub(super) const fn bases(&self) -> &Bases {
        &self.bases
    }

    /// Verifies one signature.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Scalar`, `Signature`; `TooLarge` for the message.
    pub fn verify(&self, period: u32, message: &[u8], signature: &[u8]) -> Result<()> {
        input::check_messages(&[message])?;
        let signature = input::fixed(signature, "a group signature has 464 bytes")?;
        let period = self.period(period);
        if self.check_one(&period, &Self::prepare(&period, message, signature)?) {
            Ok(())
        } else {
            Err(Error::signature("the group signature does not verify"))
        }
    }

    /// Verifies many signatures; returns the positions of the bad ones, each with its error.
    ///
    /// # Errors
    /// `TooLarge`, `Decoding` for lists of different lengths, `Randomness`.
    pub fn verify_batch(
        &self,
        period: u32,
        messages: &[&[u8]],
        signatures: &[&[u8; SIGNATURE_SIZE]],
        random: &dyn RandomSource,
    ) -> Result<Vec<(usize, Error)>> {
        input::check_messages(messages)?;
        input::check_same_count(&[messages.len(), signatures.len()])?;
        let period = self.period(period);
        let mut bad = Vec::new();
        for (index, (messages, signatures)) in
            messages.chunks(BATCH).zip(signatures.chunks(BATCH)).enumerate()
        {
            let found = pool::install(|| self.verify_part(&period, messages, signatures, random))?;
            bad.extend(found.into_iter().map(|(position, error)| (index * BATCH + position, error)));
        }
        Ok(bad)
    }

    fn period(&self, period: u32) -> Period {
        Period {
            context: Context {
                params_hash: self.params_hash,
                gpk_id: *self.group.id(),
                period: period.to_be_bytes(),
            },
            c_point: self.bases.period_point(period).to_affine(),
        }
    }

    fn verify_part(
        &self,
        period: &Period,
        messages: &[&[u8]],
        signatures: &[&[u8; SIGNATURE_SIZE]],
        random: &dyn RandomSource,
    ) -> Result<Vec<(usize, Error)>> {
        let prepared: Vec<Result<Candidate>> = messages
            .par_iter()
            .zip(signatures)
            .map(|(message, signature)| Self::prepare(period, message, signature))
            .collect();
        let (mut candidates, mut positions, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for (position, result) in prepared.into_iter().enumerate() {
            match result {
                Ok(candidate) => {
                    candidates.push(candidate);
                    positions.push(position);
                }
                Err(error) => bad.push((position, error)),
            }
        }
        let failing = bisection::failing(
            0..candidates.len(),
            &|range: Range<usize>| self.check_many(period, candidates.get(range).unwrap_or_default(), random),
            &|index| candidates.get(index).is_some_and(|candidate| self.check_one(period, candidate)),
        )?;
        let failing = failing.into_iter().filter_map(|index| positions.get(index).copied());
        bad.extend(
            failing.map(|position| (position, Error::signature("the group signature does not verify"))),
        );
        bad.sort_unstable_by_key(|(position, _)| *position);
        Ok(bad)
    }

    /// Steps 1 and 2 of the check, which look at one signature alone.
    fn prepare(period: &Period, message: &[u8], bytes: &[u8; SIGNATURE_SIZE]) -> Result<Candidate> {
        // 1. Decode.
        let signature = Signature::decode(bytes)?;
        // 2. clear(A') is not the identity.
        if G1::from_affine(&signature.a_prime).clear_cofactor_vartime().is_identity() {
            return Err(Error::signature("the group signature's first point has small order"));
        }
        let (points, _) = split(bytes);
        Ok(Candidate { signature, challenge: period.context.challenge(points, message).scalar() })
    }

    /// Steps 3 and 4 for one signature, without weights.
    fn check_one(&self, period: &Period, candidate: &Candidate) -> bool {
        let Candidate { signature, challenge } = candidate;
        let (c_point, y) = (G1::from_affine(&period.c_point), G1::from_affine(&self.group.y));
        let [a_prime, a_bar, e1, e2, r1, r2, r3] = signature.points().map(|point| G1::from_affine(&point));
        let Signature { z_t, z_epsilon, z_s, z_k, .. } = signature;
        // 3. Each equation with all its terms on one side gives O once the cofactor is cleared.
        let masked_s = self.bases.h * z_s;
        let linear = [
            a_bar * z_t + a_prime * z_epsilon - masked_s - r1 - c_point * challenge,
            self.bases.g * z_k - r2 - e1 * challenge,
            masked_s + y * z_k - r3 - e2 * challenge,
        ];
        // 4. e(clear(A'), w) = e(clear(Ā), g2).
        linear.iter().all(|sum| sum.clear_cofactor_vartime().is_identity()) && self.pairs(&a_prime, &a_bar)
    }

    /// Steps 3 and 4 for many signatures, each equation with its own random weight.
    fn check_many(
        &self,
        period: &Period,
        candidates: &[Candidate],
        random: &dyn RandomSource,
    ) -> Result<bool> {
        let weights = random::weights(4 * candidates.len(), random)?;
        let (mut terms, mut left, mut right) = (Terms::default(), Terms::default(), Terms::default());
        let mut shared = SharedScalars::default();
        for (candidate, weights) in candidates.iter().zip(weights.as_chunks().0) {
            add_equations(&mut terms, &mut shared, candidate, weights);
            let [.., weight] = *weights;
            left.push_short(candidate.signature.a_prime, weight);
            right.push_short(candidate.signature.a_bar, weight);
        }
        terms.push(period.c_point, &shared.c);
        terms.push(self.bases.h.to_affine(), &shared.h);
        terms.push(self.bases.g.to_affine(), &shared.g);
        terms.push(self.group.y, &shared.y);
        if !terms.sum_vartime().clear_cofactor_vartime().is_identity() {
            return Ok(false);
        }
        let (left, right) = rayon::join(|| left.sum_vartime(), || right.sum_vartime());
        Ok(self.pairs(&left, &right))
    }

    fn pairs(&self, left: &G1, right: &G1) -> bool {
        let (left, right) =
            (left.clear_cofactor_vartime().to_affine(), right.clear_cofactor_vartime().to_affine());
        pairings_equal((&left, &self.group.w), (&right, &G2::generator().to_affine()))
    }
}

/// Adds a signature's three linear equations, all terms on one side, with the first three of its weights.
fn add_equations(
    terms: &mut Terms,
    shared: &mut SharedScalars,
    candidate: &Candidate,
    &[first, second, third, _]: &[u128; 4],
) {
    let Candidate { signature, challenge } = candidate;
    let weights = [first, second, third].map(Scalar::from_u128);
    let [weight_1, weight_2, weight_3] = &weights;
    terms.push(signature.a_bar, &(weight_1 * &signature.z_t));
    terms.push(signature.a_prime, &(weight_1 * &signature.z_epsilon));
    terms.push(signature.e1, &-&(weight_2 * challenge));
    terms.push(signature.e2, &-&(weight_3 * challenge));
    for (point, weight) in [(signature.r1, first), (signature.r2, second), (signature.r3, third)] {
        terms.push_short(point.negated(), weight);
    }
    shared.c = &shared.c - &(weight_1 * challenge);
    shared.h = &shared.h + &(&(weight_3 - weight_1) * &signature.z_s);
    shared.g = &shared.g + &(weight_2 * &signature.z_k);
    shared.y = &shared.y + &(weight_3 * &signature.z_k);
}
