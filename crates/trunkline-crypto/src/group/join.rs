//! Joining: the carrier picks s and shows S = s·h; the issuer signs S for one period.

use zeroize::Zeroizing;

use super::{Bases, GroupPublicKey, CARRIER_ID};
use crate::curve::{pairings_equal, G1Affine, Group, Scalar, G1, G1_SIZE, G2, G2_SIZE, SCALAR_SIZE};
use crate::error::{Error, Result};
use crate::input;
use crate::random::{Hedge, RandomSource};
use crate::schnorr::{Proof, Role, PROOF_SIZE};
use crate::secret::SecretScalar;
use crate::transcript::Challenge;

/// Bytes of a credential: `u32(p) ‖ A ‖ e`.
pub const CREDENTIAL_SIZE: usize = 4 + G1_SIZE + SCALAR_SIZE;

/// What a join proof is bound to.
pub struct JoinContext<'a> {
    params_hash: &'a [u8; 32],
    nonce: &'a [u8],
    carrier_id: &'a [u8; 16],
    identity_key: &'a [u8; 32],
}

impl<'a> JoinContext<'a> {
    /// Takes the params hash, the issuer's nonce (any length), the carrier's id and its Ed25519 public key.
    ///
    /// # Errors
    /// `Decoding`, `TooLarge`.
    pub fn new(
        params_hash: &'a [u8],
        nonce: &'a [u8],
        carrier_id: &'a [u8],
        identity_key: &'a [u8],
    ) -> Result<Self> {
        input::check_messages(&[nonce])?;
        Ok(Self {
            params_hash: input::fixed(params_hash, super::PARAMS_HASH)?,
            nonce,
            carrier_id: input::fixed(carrier_id, CARRIER_ID)?,
            identity_key: input::fixed(identity_key, "an identity key has 32 bytes")?,
        })
    }

    fn challenge(&self, s_point: &[u8], commitment: &[u8]) -> Challenge {
        let parts = [self.params_hash, self.nonce, self.carrier_id, self.identity_key, s_point, commitment];
        Challenge::new("join", &parts)
    }

    /// Checks a join proof, and that S is strict. That S is nobody else's is for the caller to check.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Scalar`, `Proof`.
    pub fn verify(&self, s_point: &[u8], proof: &[u8]) -> Result<()> {
        let public = G1::from_affine(&input::strict_g1(s_point)?);
        let challenge = |commitment: &[u8]| self.challenge(s_point, commitment);
        let detail = "the join proof does not fit this point, carrier, key and nonce";
        Proof::decode(proof)?.verify(&Bases::new().h, &public, challenge, detail)
    }
}

/// A carrier's member secret s.
#[derive(Debug, PartialEq)]
pub struct MemberSecret {
    pub(super) secret: SecretScalar,
}

impl MemberSecret {
    /// Takes a secret.
    #[must_use]
    pub const fn new(secret: SecretScalar) -> Self {
        Self { secret }
    }

    /// The secret's bytes, for key files.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; SCALAR_SIZE]> {
        self.secret.to_bytes()
    }

    /// `S = s·h`.
    #[must_use]
    pub fn public_point(&self) -> [u8; G1_SIZE] {
        (Bases::new().h * self.secret.scalar()).encode()
    }

    /// Proves knowledge of s to the issuer that gave the nonce.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn join_proof(
        &self,
        context: &JoinContext<'_>,
        random: &dyn RandomSource,
    ) -> Result<[u8; PROOF_SIZE]> {
        let public = self.public_point();
        let challenge = |commitment: &[u8]| context.challenge(&public, commitment);
        let bound: [&[u8]; 4] =
            [context.params_hash, context.nonce, context.carrier_id, context.identity_key];
        Ok(Proof::new(&Bases::new().h, &self.secret, random, "join", &bound, challenge)?.encode())
    }
}

/// The issuer's secret γ.
#[derive(Debug, PartialEq)]
pub struct IssuerKey {
    secret: SecretScalar,
}

impl IssuerKey {
    /// Takes a secret.
    #[must_use]
    pub const fn new(secret: SecretScalar) -> Self {
        Self { secret }
    }

    /// The secret's bytes, for key files.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; SCALAR_SIZE]> {
        self.secret.to_bytes()
    }

    /// `w = γ·g2`.
    #[must_use]
    pub fn public_key(&self) -> [u8; G2_SIZE] {
        (G2::generator() * self.secret.scalar()).encode()
    }

    /// Proves possession of γ.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn possession_proof(&self, random: &dyn RandomSource) -> Result<[u8; PROOF_SIZE]> {
        Role::Issuer.prove(&self.secret, &self.public_key(), random)
    }

    /// Issues a credential on S for a period. The caller has checked the join proof, and that S is nobody else's.
    ///
    /// # Errors
    /// `Decoding` and `Point` if S is not strict, `Randomness`.
    pub fn issue(
        &self,
        period: u32,
        s_point: &[u8],
        random: &dyn RandomSource,
    ) -> Result<Zeroizing<[u8; CREDENTIAL_SIZE]>> {
        let base = Bases::new().period_point(period) + G1::from_affine(&input::strict_g1(s_point)?);
        let parts: [&[u8]; 3] = [&*self.secret_bytes(), &period.to_be_bytes(), s_point];
        let mut hedge = Hedge::new(random, "issue", &parts)?;
        let (e, sum) = loop {
            let e = hedge.scalar();
            let sum = self.secret.scalar() + &e;
            if !sum.is_zero() {
                break (e, sum);
            }
        };
        let a_point = base * &sum.invert();
        if a_point.is_identity() {
            return Err(Error::point("no credential can be issued on this point"));
        }
        let mut credential = Zeroizing::new([0; CREDENTIAL_SIZE]);
        let e = Zeroizing::new(e.to_bytes());
        let bytes = period.to_be_bytes().into_iter().chain(a_point.encode()).chain(*e);
        for (target, byte) in credential.iter_mut().zip(bytes) {
            *target = byte;
        }
        Ok(credential)
    }
}

/// A credential that was checked.
pub struct Credential {
    /// The one period that it is good for.
    pub period: u32,
    pub(super) a_point: G1Affine,
    pub(super) e: Scalar,
}

impl Credential {
    /// Decodes a credential and checks it: A strict, `e(A, w + e·g2) = e(C + S, g2)`. A lax check would let an issuer
    /// mark each member's credential with a point of small order and recognise every signature.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Scalar`, and `Signature` if the pairing equation fails.
    pub fn check(group: &GroupPublicKey, s_point: &[u8], credential: &[u8]) -> Result<Self> {
        let bytes: &[u8; CREDENTIAL_SIZE] = input::fixed(credential, "a credential has 84 bytes")?;
        let (period, rest) = bytes.split_first_chunk().expect("84 bytes begin with 4");
        let (a_point, e) = rest.split_at(G1_SIZE);
        let credential = Self {
            period: u32::from_be_bytes(*period),
            a_point: input::strict_g1(a_point)?,
            e: input::scalar(input::fixed(e, "a scalar has 32 bytes")?)?,
        };
        let signed =
            Bases::new().period_point(credential.period) + G1::from_affine(&input::strict_g1(s_point)?);
        let key = G2::from_affine(&group.w) + G2::generator() * &credential.e;
        let generator = G2::generator().to_affine();
        if pairings_equal((&credential.a_point, &key.to_affine()), (&signed.to_affine(), &generator)) {
            Ok(credential)
        } else {
            Err(Error::signature("the credential was not issued on this point by this group's issuer"))
        }
    }
}
