//! Opening: S = E2 − ξ·E1 with a proof that log_g Y = log_E1 (E2 − S), and the judge that checks it offline.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::verify::Verifier;
use super::{split, Bases, CARRIER_ID, GPK_ID, GPK_ID_SIZE, PARAMS_HASH, SIGNATURES, SIGNATURE_SIZE};
use crate::curve::{G1Affine, Group, G1, G1_SIZE, SCALAR_SIZE};
use crate::error::{Error, Result};
use crate::fixed_base::FixedBase;
use crate::input;
use crate::pool;
use crate::random::{Hedge, RandomSource};
use crate::schnorr::{Proof, Role, PROOF_SIZE};
use crate::secret::SecretScalar;
use crate::transcript::{self, Challenge};

/// Bytes of an opening: `S ‖ u128(c) ‖ z`.
pub const OPENING_SIZE: usize = G1_SIZE + PROOF_SIZE;
/// The carrier id in openings to an S that stands in no join log.
const NOBODY: [u8; 16] = [0; 16];

/// What an opening is bound to besides its signature.
pub struct OpeningContext<'a> {
    params_hash: &'a [u8; 32],
    gpk_id: &'a [u8; GPK_ID_SIZE],
    case: &'a [u8; 32],
    carrier_id: &'a [u8; 16],
    message: [u8; 32],
}

impl<'a> OpeningContext<'a> {
    /// Takes the params hash, the group key id, the case commitment, the id of the carrier that the opening names,
    /// and the signed message.
    ///
    /// # Errors
    /// `Decoding`, `TooLarge`.
    pub fn new(
        params_hash: &'a [u8],
        gpk_id: &'a [u8],
        case: &'a [u8],
        carrier_id: &'a [u8],
        message: &[u8],
    ) -> Result<Self> {
        input::check_messages(&[message])?;
        Ok(Self {
            params_hash: input::fixed(params_hash, PARAMS_HASH)?,
            gpk_id: input::fixed(gpk_id, GPK_ID)?,
            case: input::fixed(case, "a case commitment has 32 bytes")?,
            carrier_id: input::fixed(carrier_id, CARRIER_ID)?,
            message: transcript::hash("message", &[message]),
        })
    }

    /// The challenge over Y, E1, E2, S, Ra, Rb, encoded.
    fn challenge(&self, points: &[G1; 6]) -> Challenge {
        let encoded: Vec<_> = G1::batch_affine(points).iter().map(G1Affine::encode).collect();
        let mut parts: Vec<&[u8]> =
            vec![self.params_hash, self.gpk_id, self.case, self.carrier_id, &self.message];
        parts.extend(encoded.iter().map(<[u8; G1_SIZE]>::as_slice));
        Challenge::new("open", &parts)
    }
}

/// The opener's secret ξ, with a table of g.
pub struct OpenerKey {
    secret: SecretScalar,
    public: G1,
    g_table: FixedBase<G1>,
}

impl PartialEq for OpenerKey {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl OpenerKey {
    /// Takes a secret.
    #[must_use]
    pub fn new(secret: SecretScalar) -> Self {
        let g_table = FixedBase::new(&Bases::new().g);
        Self { public: g_table.multiply(secret.scalar()), secret, g_table }
    }

    /// The secret's bytes, for key files.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; SCALAR_SIZE]> {
        self.secret.to_bytes()
    }

    /// `Y = ξ·g`.
    #[must_use]
    pub fn public_key(&self) -> [u8; G1_SIZE] {
        self.public.encode()
    }

    /// Proves possession of ξ.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn possession_proof(&self, random: &dyn RandomSource) -> Result<[u8; PROOF_SIZE]> {
        Role::Opener.prove(&self.secret, &self.public_key(), random)
    }

    /// The point S of each packed signature; 48 bytes each. The signatures are not verified.
    ///
    /// # Errors
    /// `Point` naming a signature whose E1 or E2 is refused; `Decoding`, `TooLarge`.
    pub fn open_batch(&self, signatures: &[u8]) -> Result<Vec<u8>> {
        let signatures: &[[u8; SIGNATURE_SIZE]] = input::elements(signatures, SIGNATURES)?;
        let chunks: Vec<Vec<u8>> = pool::install(|| {
            let size = pool::chunk_size(signatures.len());
            signatures
                .par_chunks(size)
                .enumerate()
                .map(|(index, signatures)| {
                    let points = signatures.iter().enumerate().map(|(offset, signature)| {
                        let (e1, e2) =
                            encryption(signature).map_err(|error| error.at(index * size + offset))?;
                        Ok(e2 - e1 * self.secret.scalar())
                    });
                    let points = points.collect::<Result<Vec<G1>>>()?;
                    Ok(G1::batch_affine(&points).iter().flat_map(G1Affine::encode).collect())
                })
                .collect::<Result<_>>()
        })?;
        Ok(chunks.concat())
    }

    /// Opens one signature and proves it. The signature is not verified.
    ///
    /// # Errors
    /// `Decoding`, `Point`, `Randomness`.
    pub fn prove(
        &self,
        signature: &[u8],
        context: &OpeningContext<'_>,
        random: &dyn RandomSource,
    ) -> Result<[u8; OPENING_SIZE]> {
        let signature = input::fixed(signature, "a group signature has 464 bytes")?;
        let (e1, e2) = encryption(signature)?;
        let s_point = e2 - e1 * self.secret.scalar();
        let parts: [&[u8]; 5] =
            [&*self.secret_bytes(), signature, context.case, context.carrier_id, &context.message];
        let nonce = Hedge::new(random, "open", &parts)?.scalar();
        let (ra, rb) = (self.g_table.multiply(&nonce), e1 * &nonce);
        let challenge = context.challenge(&[self.public, e1, e2, s_point, ra, rb]);
        let response = &nonce + &(&challenge.scalar() * self.secret.scalar());
        let proof = Proof { challenge, response }.encode();
        let mut opening = [0; OPENING_SIZE];
        for (target, byte) in opening.iter_mut().zip(s_point.encode().into_iter().chain(proof)) {
            *target = byte;
        }
        Ok(opening)
    }
}

/// Verifies a signature and its opening, and returns S. That S belongs to the carrier named is for the caller to
/// check, in the join log.
///
/// # Errors
/// `Decoding`, `Point`, `Scalar`; `Signature` if the signature, `Proof` if the opening does not verify.
pub fn judge(
    verifier: &Verifier,
    period: u32,
    message: &[u8],
    signature: &[u8],
    opening: &[u8],
    case: &[u8],
    carrier_id: &[u8],
) -> Result<[u8; G1_SIZE]> {
    // 1. The signature is valid.
    verifier.verify(period, message, signature)?;
    // 2. E1, E2 projected.
    let (e1, e2) = encryption(input::fixed(signature, "a group signature has 464 bytes")?)?;
    // 3. Ra' = z·g − c·Y, Rb' = z·E1 − c·(E2 − S), and c is their hash.
    let opening: &[u8; OPENING_SIZE] = input::fixed(opening, "an opening has 96 bytes")?;
    let (s_bytes, proof) = opening.split_first_chunk().expect("96 bytes begin with 48");
    let context =
        OpeningContext::new(verifier.params_hash(), verifier.group().id(), case, carrier_id, message)?;
    let s_point = decode_s_point(s_bytes, context.carrier_id)?;
    let Proof { challenge, response } = Proof::decode(proof)?;
    let (y, c) = (G1::from_affine(&verifier.group().y), challenge.scalar());
    let commitment = |base: G1, public: G1| base * &response - public * &c;
    let points = [y, e1, e2, s_point, commitment(verifier.bases.g, y), commitment(e1, e2 - s_point)];
    if context.challenge(&points) == challenge {
        Ok(*s_bytes)
    } else {
        Err(Error::proof("the opening does not fit this signature, case and carrier"))
    }
}

/// S of an opening: strict, or, if the opening names nobody, the identity. An issuer's accomplice may sign with s = 0,
/// and that signature must be judged, too; but no carrier joins with such an S, so it is nobody's.
fn decode_s_point(bytes: &[u8; G1_SIZE], carrier_id: &[u8; 16]) -> Result<G1> {
    let identity = G1::default();
    if *carrier_id == NOBODY && *bytes == identity.encode() {
        return Ok(identity);
    }
    Ok(G1::from_affine(&input::strict_g1(bytes)?))
}

/// E1 and E2 of a signature, projected into the subgroup.
fn encryption(signature: &[u8; SIGNATURE_SIZE]) -> Result<(G1, G1)> {
    let ([_, _, e1, e2, ..], _) = split(signature);
    let project = |bytes| -> Result<G1> {
        let point = G1Affine::decode_on_curve(bytes)?;
        let point_in_curve = G1::from_affine(&point);
        Ok(if point.in_subgroup() { point_in_curve } else { point_in_curve.project() })
    };
    Ok((project(e1)?, project(e2)?))
}
