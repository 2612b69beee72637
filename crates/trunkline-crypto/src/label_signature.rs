//! BLS signatures on labels, which are the witnesses that decrypt records (`docs/protocol.md`, section 4).
//!
//! σ_T = sk_T·H1 with H1 = hash_to_g1("label", kid ‖ label), vk_T = sk_T·g2; valid if e(σ_T, g2) = e(H1, vk_T).

use core::ops::Range;

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::bisection;
use crate::curve::{pairings_equal, G1Affine, G2Affine, Group, G1, G1_SIZE, G2, G2_SIZE};
use crate::error::{Error, Result};
use crate::input;
use crate::msm::Terms;
use crate::pool;
use crate::random::{self, RandomSource};
use crate::schnorr::{Role, PROOF_SIZE};
use crate::secret::SecretScalar;
use crate::transcript;

/// Bytes of a label.
pub const LABEL_SIZE: usize = 64;
/// Bytes of a key id.
pub const KID_SIZE: usize = 16;

pub(crate) const LABELS: &str = "packed labels have 64 bytes each";
pub(crate) const KID: &str = "a key id has 16 bytes";
pub(crate) const WITNESSES: &str = "packed label signatures have 48 bytes each";

/// The key id of a pair of label key and authorization key: `H("kid", pk_OPRF, vk_T)[:16]`. Both keys are taken as
/// bytes; who uses them checks them.
///
/// # Errors
/// `Decoding` for keys of another length.
pub fn key_id(oprf_public_key: &[u8], vk_t: &[u8]) -> Result<[u8; KID_SIZE]> {
    let oprf_public_key: &[u8; 32] = input::fixed(oprf_public_key, "a label public key has 32 bytes")?;
    let vk_t: &[u8; G2_SIZE] = input::fixed(vk_t, "an authorization public key has 96 bytes")?;
    Ok(transcript::short_hash("kid", &[oprf_public_key, vk_t]))
}

/// `H1`, the point that stands for a label.
pub(crate) fn label_point(kid: &[u8; KID_SIZE], label: &[u8; LABEL_SIZE]) -> G1 {
    G1::hash("label", &[kid.as_slice(), label].concat())
}

/// The authorization authority's secret sk_T.
#[derive(Debug, PartialEq)]
pub struct AuthorizationKey {
    secret: SecretScalar,
}

impl AuthorizationKey {
    /// Takes a secret.
    #[must_use]
    pub const fn new(secret: SecretScalar) -> Self {
        Self { secret }
    }

    /// The secret's bytes, for key files.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.to_bytes()
    }

    /// `vk_T = sk_T·g2`.
    #[must_use]
    pub fn public_key(&self) -> [u8; G2_SIZE] {
        (G2::generator() * self.secret.scalar()).encode()
    }

    /// Proves possession of sk_T.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn possession_proof(&self, random: &dyn RandomSource) -> Result<[u8; PROOF_SIZE]> {
        Role::Authorization.prove(&self.secret, &self.public_key(), random)
    }

    /// Signs packed labels; 48 bytes each.
    ///
    /// # Errors
    /// `Decoding`, `TooLarge`.
    pub fn sign_batch(&self, kid: &[u8], labels: &[u8]) -> Result<Vec<u8>> {
        let kid = input::fixed(kid, KID)?;
        let labels = input::elements(labels, LABELS)?;
        let points: Vec<G1> = pool::install(|| {
            // A window of labels is few: with one label to a task, all threads end at about the same time.
            let labels = labels.par_iter().with_max_len(1);
            labels.map(|label| label_point(kid, label) * self.secret.scalar()).collect()
        });
        Ok(G1::batch_affine(&points).iter().flat_map(G1Affine::encode).collect())
    }
}

/// Checks the signatures of packed labels under one key. Strict: each is in the subgroup and not the identity.
///
/// # Errors
/// `Signature` or `Point` naming the bad ones; `Decoding`, `TooLarge`, and `Point` without position for the key.
pub fn verify(
    vk_t: &[u8],
    kid: &[u8],
    labels: &[u8],
    signatures: &[u8],
    random: &dyn RandomSource,
) -> Result<()> {
    let vk_t = input::strict_g2(vk_t)?;
    let kid = input::fixed(kid, KID)?;
    let labels: &[[u8; LABEL_SIZE]] = input::elements(labels, LABELS)?;
    let signatures: &[[u8; G1_SIZE]] = input::elements(signatures, WITNESSES)?;
    input::check_same_count(&[labels.len(), signatures.len()])?;
    pool::install(|| {
        let decoded: Vec<_> = signatures.par_iter().map(G1Affine::decode_strict).collect();
        let good: Vec<G1Affine> = decoded.iter().filter_map(|point| point.ok()).collect();
        if good.len() < signatures.len() {
            let bad =
                decoded.iter().zip(0..).filter(|(point, _)| point.is_err()).map(|(_, position)| position);
            return Err(Error::point("a label signature is no strict point").at_all(bad.collect()));
        }
        let hashed: Vec<G1> = labels.par_iter().map(|label| label_point(kid, label)).collect();
        let pairs: Vec<(G1Affine, G1Affine)> = good.into_iter().zip(G1::batch_affine(&hashed)).collect();
        let bad = bisection::failing(
            0..pairs.len(),
            &|range: Range<usize>| check(&vk_t, pairs.get(range).unwrap_or_default(), random),
            &|position| {
                pairs.get(position).is_some_and(|(signature, hashed)| {
                    pairings_equal((signature, &G2::generator().to_affine()), (hashed, &vk_t))
                })
            },
        )?;
        if bad.is_empty() {
            Ok(())
        } else {
            Err(Error::signature("a label signature does not verify").at_all(bad))
        }
    })
}

/// Checks a batch with random weights of 128 bits.
fn check(vk_t: &G2Affine, pairs: &[(G1Affine, G1Affine)], random: &dyn RandomSource) -> Result<bool> {
    let weights = random::weights(pairs.len(), random)?;
    let (mut left, mut right) = (Terms::default(), Terms::default());
    for ((signature, hashed), weight) in pairs.iter().zip(weights) {
        left.push_short(*signature, weight);
        right.push_short(*hashed, weight);
    }
    let (left, right) = rayon::join(|| left.sum_vartime(), || right.sum_vartime());
    Ok(pairings_equal((&left.to_affine(), &G2::generator().to_affine()), (&right.to_affine(), vk_t)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::random::OsRandom;

    const KID: &[u8] = &[9; 16];

    fn setup(count: u8) -> (AuthorizationKey, Vec<u8>, Vec<u8>) {
        let key = AuthorizationKey::new(SecretScalar::generate(&OsRandom).unwrap());
        let labels: Vec<u8> = (0..count).flat_map(|label| [label; 64]).collect();
        let signatures = key.sign_batch(KID, &labels).unwrap();
        (key, labels, signatures)
    }

    #[test]
    fn verify_accepts_good_and_names_bad_signatures() {
        let (key, labels, signatures) = setup(21);
        let vk = key.public_key();
        verify(&vk, KID, &labels, &signatures, &OsRandom).unwrap();
        verify(&vk, KID, &[], &[], &OsRandom).unwrap();
        let mut swapped = signatures.clone();
        swapped.copy_within(48..96, 0);
        let error = verify(&vk, KID, &labels, &swapped, &OsRandom).unwrap_err();
        assert_eq!((error.kind(), error.positions()), (ErrorKind::Signature, [0].as_slice()));
        let error = verify(&vk, &[8; 16], &labels, &signatures, &OsRandom).unwrap_err();
        assert_eq!(error.positions().len(), 21);
    }

    #[test]
    fn verify_refuses_errors_that_cancel_under_equal_weights() {
        let (key, labels, mut signatures) = setup(2);
        let point = |bytes: &[u8]| G1::from_affine(&input::strict_g1(bytes).unwrap());
        let error = G1::generator();
        let marked =
            [(point(&signatures[..48]) + error).encode(), (point(&signatures[48..]) - error).encode()];
        signatures = marked.concat();
        let error = verify(&key.public_key(), KID, &labels, &signatures, &OsRandom).unwrap_err();
        assert_eq!(error.positions(), [0, 1]);
    }

    #[test]
    fn verify_refuses_a_signature_off_the_subgroup_even_if_it_pairs() {
        let (key, labels, mut signatures) = setup(2);
        let mut torsion = [0; 48];
        torsion[0] = 0x80;
        let torsion = G1::from_affine(&G1Affine::decode_on_curve(&torsion).unwrap());
        let marked = (G1::from_affine(&input::strict_g1(&signatures[48..]).unwrap()) + torsion).encode();
        signatures[48..].copy_from_slice(&marked);
        let error = verify(&key.public_key(), KID, &labels, &signatures, &OsRandom).unwrap_err();
        assert_eq!((error.kind(), error.positions()), (ErrorKind::Point, [1].as_slice()));
    }
}
