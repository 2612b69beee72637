//! Proofs of knowledge of a discrete logarithm: 48 bytes `u128(c) ‖ z`, and proofs of possession made of them
//! (`docs/protocol.md`, section 2).

use core::ops::Mul;

use crate::curve::{Group, Scalar, G1, G2};
use crate::error::{Error, Result};
use crate::group::Bases;
use crate::input;
use crate::random::{Hedge, RandomSource};
use crate::secret::SecretScalar;
use crate::transcript::Challenge;

/// Bytes of a proof.
pub const PROOF_SIZE: usize = 48;

/// A challenge and the response to it.
pub struct Proof {
    pub(crate) challenge: Challenge,
    pub(crate) response: Scalar,
}

impl Proof {
    /// Proves knowledge of `secret`, the logarithm of a public key to `base`; `challenge` hashes the encoded
    /// commitment with whatever the proof is `bound` to, and the nonce is made from that too.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn new<G: Group + for<'a> Mul<&'a Scalar, Output = G>>(
        base: &G,
        secret: &SecretScalar,
        random: &dyn RandomSource,
        purpose: &str,
        bound: &[&[u8]],
        challenge: impl FnOnce(&[u8]) -> Challenge,
    ) -> Result<Self> {
        let secret_bytes = secret.to_bytes();
        let parts: Vec<&[u8]> =
            core::iter::once(secret_bytes.as_slice()).chain(bound.iter().copied()).collect();
        let nonce = Hedge::new(random, purpose, &parts)?.scalar();
        let challenge = challenge(&G::encoding(&(*base * &nonce)));
        Ok(Self { challenge, response: &nonce + &(&challenge.scalar() * secret.scalar()) })
    }

    /// Checks the proof for `public` and the same challenge function.
    ///
    /// # Errors
    /// `Proof` with the given text.
    pub fn verify<G: Group + for<'a> Mul<&'a Scalar, Output = G>>(
        &self,
        base: &G,
        public: &G,
        challenge: impl FnOnce(&[u8]) -> Challenge,
        detail: &'static str,
    ) -> Result<()> {
        let commitment = *base * &self.response + -(*public * &self.challenge.scalar());
        if challenge(&G::encoding(&commitment)) == self.challenge {
            Ok(())
        } else {
            Err(Error::proof(detail))
        }
    }

    /// Decodes 48 bytes.
    ///
    /// # Errors
    /// `Decoding`, `Scalar`.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; PROOF_SIZE] = input::fixed(bytes, "a proof has 48 bytes")?;
        let (challenge, response) = bytes.split_first_chunk().expect("48 bytes begin with 16");
        let response = input::fixed(response, "a response has 32 bytes")?;
        Ok(Self { challenge: Challenge(*challenge), response: input::scalar(response)? })
    }

    /// The 48 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; PROOF_SIZE] {
        let mut bytes = [0; PROOF_SIZE];
        for (target, byte) in
            bytes.iter_mut().zip(self.challenge.0.into_iter().chain(self.response.to_bytes()))
        {
            *target = byte;
        }
        bytes
    }
}

/// The public keys whose secret is proved when they are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// w, the issuer's key in G2.
    Issuer,
    /// vk_T, the authorization key in G2.
    Authorization,
    /// Y, the opener's key in G1.
    Opener,
}

impl Role {
    /// The role that a name of the protocol stands for.
    ///
    /// # Errors
    /// `Decoding`.
    pub fn from_name(name: &str) -> Result<Self> {
        [Self::Issuer, Self::Authorization, Self::Opener]
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or(Error::decoding("the role of a proof of possession is w, vk_T or Y"))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "w",
            Self::Authorization => "vk_T",
            Self::Opener => "Y",
        }
    }

    fn challenge(self, public: &[u8], commitment: &[u8]) -> Challenge {
        Challenge::new("possession", &[self.name().as_bytes(), public, commitment])
    }

    /// Proves possession of the secret of an encoded public key.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn prove(
        self,
        secret: &SecretScalar,
        public: &[u8],
        random: &dyn RandomSource,
    ) -> Result<[u8; PROOF_SIZE]> {
        let challenge = |commitment: &[u8]| self.challenge(public, commitment);
        let proof = match self {
            Self::Opener => Proof::new(&Bases::new().g, secret, random, self.name(), &[public], challenge),
            _ => Proof::new(&G2::generator(), secret, random, self.name(), &[public], challenge),
        }?;
        Ok(proof.encode())
    }

    /// Checks a proof of possession, and that the public key is strict.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Scalar`, `Proof`.
    pub fn verify(self, public: &[u8], proof: &[u8]) -> Result<()> {
        const DETAIL: &str = "the proof of possession does not fit the public key";
        let challenge = |commitment: &[u8]| self.challenge(public, commitment);
        if self == Self::Opener {
            let key = G1::from_affine(&input::strict_g1(public)?);
            return Proof::decode(proof)?.verify(&Bases::new().g, &key, challenge, DETAIL);
        }
        let key = G2::from_affine(&input::strict_g2(public)?);
        Proof::decode(proof)?.verify(&G2::generator(), &key, challenge, DETAIL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::random::OsRandom;

    #[test]
    fn possession_proof_holds_for_its_role_and_key_only() {
        let (secret, other) =
            (SecretScalar::generate(&OsRandom).unwrap(), SecretScalar::generate(&OsRandom).unwrap());
        let public = (G2::generator() * secret.scalar()).encode();
        let proof = Role::Issuer.prove(&secret, &public, &OsRandom).unwrap();
        Role::Issuer.verify(&public, &proof).unwrap();
        let kind = |role: Role, public: &[u8], proof: &[u8]| role.verify(public, proof).unwrap_err().kind();
        assert_eq!(kind(Role::Authorization, &public, &proof), ErrorKind::Proof);
        assert_eq!(
            kind(Role::Issuer, &(G2::generator() * other.scalar()).encode(), &proof),
            ErrorKind::Proof
        );
        assert_eq!(kind(Role::Issuer, &public, &proof[..47]), ErrorKind::Decoding);
        assert_eq!(kind(Role::Opener, &public, &proof), ErrorKind::Decoding);
        let mut large = proof;
        large[16..].fill(0xff);
        assert_eq!(kind(Role::Issuer, &public, &large), ErrorKind::Scalar);
        let opener_key = (Bases::new().g * secret.scalar()).encode();
        let proof = Role::Opener.prove(&secret, &opener_key, &OsRandom).unwrap();
        Role::Opener.verify(&opener_key, &proof).unwrap();
        assert_eq!(Role::from_name("x").unwrap_err().kind(), ErrorKind::Decoding);
    }
}
