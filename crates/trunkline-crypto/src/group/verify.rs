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
const SMALL_ORDER: &str = "the group signature's first point has small order";

/// Verifies the signatures of one group under one set of public parameters.
pub struct Verifier {
    group: GroupPublicKey,
    params_hash: [u8; PARAMS_HASH_SIZE],
    pub(super) bases: Bases,
}

/// Signatures from which on it is cheaper to look for points of small order in all of them at once.
const MANY: usize = 64;

/// A decoded signature with its challenge, and 33·A' known not to be the identity.
struct Candidate {
    signature: Signature,
    challenge: Scalar,
}

impl Candidate {
    /// Whether clear(A') is the identity.
    fn has_small_order(&self) -> bool {
        G1::from_affine(&self.signature.a_prime).clear_cofactor_vartime().is_identity()
    }
}

/// The points of a period that all signatures share.
struct Period {
    context: Context,
    c_point: G1Affine,
}

/// The equations of many signatures, weighted and added up: `e(Σ left, w) = e(Σ right, g2)`.
#[derive(Default)]
struct Equations {
    left: Terms,
    right: Terms,
    shared: SharedScalars,
}

/// The sums of scalars that multiply the points which all signatures share.
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

    /// Verifies one signature.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Scalar`, `Signature`; `TooLarge` for the message.
    pub fn verify(&self, period: u32, message: &[u8], signature: &[u8]) -> Result<()> {
        input::check_messages(&[message])?;
        let signature = input::fixed(signature, "a group signature has 464 bytes")?;
        let period = self.period(period);
        let candidate = Self::prepare(&period, message, signature)?;
        if self.check_one(&period, &candidate) {
            Ok(())
        } else {
            Err(Self::fault(&candidate))
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
        bad.extend(
            failing.into_iter().filter_map(|index| {
                positions.get(index).copied().zip(candidates.get(index).map(Self::fault))
            }),
        );
        bad.sort_unstable_by_key(|(position, _)| *position);
        Ok(bad)
    }

    /// Step 1 of the check, and of step 2 what a batch cannot see.
    fn prepare(period: &Period, message: &[u8], bytes: &[u8; SIGNATURE_SIZE]) -> Result<Candidate> {
        let signature = Signature::decode(bytes)?;
        if signature.a_prime.order_divides_33_vartime() {
            return Err(Error::signature(SMALL_ORDER));
        }
        let (points, _) = split(bytes);
        Ok(Candidate { signature, challenge: period.context.challenge(points, message).scalar() })
    }

    /// What is wrong with a signature that fails steps 2 to 4.
    fn fault(candidate: &Candidate) -> Error {
        let small = candidate.has_small_order();
        Error::signature(if small { SMALL_ORDER } else { "the group signature does not verify" })
    }

    /// Steps 2 to 4 for one signature, without weights.
    fn check_one(&self, period: &Period, candidate: &Candidate) -> bool {
        // 2. clear(A') is not the identity.
        if candidate.has_small_order() {
            return false;
        }
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

    /// Steps 2 to 4 for many signatures, each equation with a random weight of its own.
    ///
    /// Steps 3 and 4 are one equation, `e(Σ p·A', w) = e(Σ p·Ā + L, g2)` with both sides cleared, where L is the
    /// weighted sum of what all linear equations say is O. As logarithms modulo r, its sides differ by a linear form in
    /// the weights, whose coefficients are what each equation of each signature is wrong by. If any of them is not 0,
    /// at most one of 2¹²⁸ values of its weight makes the form 0.
    ///
    /// Step 2: clear(P) is O exactly if P is in T, the points whose order divides 1 − x = 3·11·10,177·859,267·52,437,899.
    /// [`Self::prepare`] has refused those with an order that divides 33. Any other A' in T has a part of a prime
    /// order ℓ ≥ 10,177. Whatever the other terms of a window of Σ p·A' and its lower windows are, at most one digit
    /// modulo ℓ puts the window's sum into G1, and digits of up to 13 bits differ modulo ℓ; so all windows are in G1
    /// for at most one of 2¹²⁸ values of p. Signers use A' in G1. If somebody adds torsion to theirs, which is no
    /// fault, the points are looked at one by one.
    fn check_many(
        &self,
        period: &Period,
        candidates: &[Candidate],
        random: &dyn RandomSource,
    ) -> Result<bool> {
        let weights = random::weights(4 * candidates.len(), random)?;
        let Equations { left, mut right, shared } = candidates
            .par_iter()
            .zip(weights.as_chunks().0)
            .fold(Equations::default, Equations::with)
            .reduce(Equations::default, Equations::joined);
        right.push(period.c_point, &shared.c);
        right.push(self.bases.h.to_affine(), &shared.h);
        right.push(self.bases.g.to_affine(), &shared.g);
        right.push(self.group.y, &shared.y);
        let (left, right) = rayon::join(|| left.windows_vartime(), || right.sum_vartime());
        let no_small_order = (candidates.len() >= MANY && left.are_in_subgroup())
            || !candidates.par_iter().any(Candidate::has_small_order);
        Ok(no_small_order && self.pairs(&left.sum(), &right))
    }

    fn pairs(&self, left: &G1, right: &G1) -> bool {
        let (left, right) =
            (left.clear_cofactor_vartime().to_affine(), right.clear_cofactor_vartime().to_affine());
        pairings_equal((&left, &self.group.w), (&right, &G2::generator().to_affine()))
    }
}

impl Equations {
    /// Adds a signature's three linear equations, all terms on one side, and its pairing equation.
    fn with(mut self, (candidate, &[first, second, third, pairing]): (&Candidate, &[u128; 4])) -> Self {
        let Candidate { signature, challenge } = candidate;
        let Self { left, right, shared } = &mut self;
        let [weight_1, weight_2, weight_3, weight_4] =
            &[first, second, third, pairing].map(Scalar::from_u128);
        left.push_short(signature.a_prime, pairing);
        right.push(signature.a_bar, &(weight_4 + &(weight_1 * &signature.z_t)));
        right.push(signature.a_prime, &(weight_1 * &signature.z_epsilon));
        right.push(signature.e1, &-&(weight_2 * challenge));
        right.push(signature.e2, &-&(weight_3 * challenge));
        for (point, weight) in [(signature.r1, first), (signature.r2, second), (signature.r3, third)] {
            right.push_short(point.negated(), weight);
        }
        shared.c = &shared.c - &(weight_1 * challenge);
        shared.h = &shared.h + &(&(weight_3 - weight_1) * &signature.z_s);
        shared.g = &shared.g + &(weight_2 * &signature.z_k);
        shared.y = &shared.y + &(weight_3 * &signature.z_k);
        self
    }

    fn joined(mut self, other: Self) -> Self {
        self.left.append(other.left);
        self.right.append(other.right);
        let (shared, others) = (&mut self.shared, &other.shared);
        shared.c = &shared.c + &others.c;
        shared.h = &shared.h + &others.h;
        shared.g = &shared.g + &others.g;
        shared.y = &shared.y + &others.y;
        self
    }
}
