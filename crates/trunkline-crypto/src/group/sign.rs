//! Signing, from tables of the fixed bases A, D, h, g and Y, with D = B − e·A = γ·A.
//!
//! Since Ā = r·D and A' = r·A, also R1 = ρt·Ā + ρε·A' − ρs·h = (ρt·r)·D + (ρε·r)·A − ρs·h comes from tables.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::join::{Credential, MemberSecret};
use super::{Bases, Context, GroupPublicKey, PARAMS_HASH, SIGNATURE_SIZE};
use crate::curve::{G1Affine, Group, Scalar, G1, G1_SIZE};
use crate::error::Result;
use crate::fixed_base::FixedBase;
use crate::input;
use crate::pool;
use crate::random::{Hedge, RandomSource};

/// A member that signs in one period. Holds about 0.7 MB of tables.
pub struct Signer {
    pub(super) context: Context,
    period: u32,
    secret: Zeroizing<Vec<u8>>,
    s: Scalar,
    e: Scalar,
    s_point: G1Affine,
    a_table: FixedBase<G1>,
    d_table: FixedBase<G1>,
    h_table: FixedBase<G1>,
    g_table: FixedBase<G1>,
    y_table: FixedBase<G1>,
}

/// The secret values of one signature.
pub(super) struct Nonces {
    r: Scalar,
    pub(super) k: Scalar,
    t: Scalar,
    epsilon: Scalar,
    s: Scalar,
    blind_k: Scalar,
}

impl Signer {
    /// Checks the credential and makes the tables.
    ///
    /// # Errors
    /// Those of [`Credential::check`]; `Decoding` for a params hash of another length.
    pub fn new(
        group: &GroupPublicKey,
        params_hash: &[u8],
        secret: &MemberSecret,
        credential: &[u8],
    ) -> Result<Self> {
        let Credential { period, a_point, e } = Credential::check(group, &secret.public_point(), credential)?;
        let params_hash = *input::fixed(params_hash, PARAMS_HASH)?;
        let bases = Bases::new();
        let s = secret.secret.scalar().clone();
        let (a_point, s_point) = (G1::from_affine(&a_point), bases.h * &s);
        let d_point = bases.period_point(period) + s_point - a_point * &e;
        Ok(Self {
            context: Context { params_hash, gpk_id: *group.id(), period: period.to_be_bytes() },
            period,
            secret: Zeroizing::new(
                [secret.secret_bytes().as_slice(), &Zeroizing::new(e.to_bytes())[..]].concat(),
            ),
            s,
            e,
            s_point: s_point.to_affine(),
            a_table: FixedBase::new(&a_point),
            d_table: FixedBase::new(&d_point),
            h_table: FixedBase::new(&bases.h),
            g_table: FixedBase::new(&bases.g),
            y_table: FixedBase::new(&G1::from_affine(&group.y)),
        })
    }

    /// The period of the credential.
    #[must_use]
    pub const fn period(&self) -> u32 {
        self.period
    }

    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    /// Signs each message; 464 bytes each.
    ///
    /// # Errors
    /// `TooLarge`, `Randomness`.
    pub fn sign_batch(&self, messages: &[&[u8]], random: &dyn RandomSource) -> Result<Vec<u8>> {
        input::check_messages(messages)?;
        let chunks: Vec<Vec<[u8; SIGNATURE_SIZE]>> = pool::install(|| {
            messages
                .par_chunks(pool::chunk_size(messages.len()))
                .map(|messages| self.sign_chunk(messages, random))
                .collect::<Result<_>>()
        })?;
        Ok(chunks.into_iter().flatten().flatten().collect())
    }

    /// Signs a few messages on this thread; their points are converted together.
    pub(crate) fn sign_chunk(
        &self,
        messages: &[&[u8]],
        random: &dyn RandomSource,
    ) -> Result<Vec<[u8; SIGNATURE_SIZE]>> {
        let nonces =
            messages.iter().map(|message| self.nonces(message, random)).collect::<Result<Vec<_>>>()?;
        let points = self.points(&nonces);
        let encoded: Vec<_> = G1::batch_affine(points.as_flattened()).iter().map(G1Affine::encode).collect();
        let signatures = encoded.as_chunks().0.iter().zip(messages).zip(&nonces);
        Ok(signatures.map(|((points, message), nonces)| self.respond(points, message, nonces)).collect())
    }

    pub(super) fn nonces(&self, message: &[u8], random: &dyn RandomSource) -> Result<Nonces> {
        let mut hedge = Hedge::new(random, "group-sign", &[&self.secret, &self.context.period, message])?;
        Ok(Nonces {
            r: hedge.scalar(),
            k: hedge.scalar(),
            t: hedge.scalar(),
            epsilon: hedge.scalar(),
            s: hedge.scalar(),
            blind_k: hedge.scalar(),
        })
    }

    /// A', Ā, E1, E2, R1, R2, R3 of each.
    pub(super) fn points(&self, nonces: &[Nonces]) -> Vec<[G1; 7]> {
        let products: Vec<_> =
            nonces.iter().map(|nonces| [&nonces.t * &nonces.r, &nonces.epsilon * &nonces.r]).collect();
        let terms: Vec<_> = nonces
            .iter()
            .zip(&products)
            .flat_map(|(Nonces { r, k, s, blind_k, .. }, [tr, epsilon_r])| {
                [
                    (&self.a_table, r),
                    (&self.d_table, r),
                    (&self.g_table, k),
                    (&self.y_table, k),
                    (&self.d_table, tr),
                    (&self.a_table, epsilon_r),
                    (&self.h_table, s),
                    (&self.g_table, blind_k),
                    (&self.y_table, blind_k),
                ]
            })
            .collect();
        let multiples = Zeroizing::new(FixedBase::multiply_each(&terms));
        let (multiples, _) = multiples.as_chunks();
        let s_point = G1::from_affine(&self.s_point);
        multiples
            .iter()
            .map(|&[a_prime, a_bar, e1, masking, r1_d, r1_a, masked_s, r2, r3]| {
                [a_prime, a_bar, e1, masking + s_point, r1_d + r1_a - masked_s, r2, masked_s + r3]
            })
            .collect()
    }

    /// The signature with these points: hashes them and adds zt, zε, zs, zk.
    pub(super) fn respond(
        &self,
        points: &[[u8; G1_SIZE]; 7],
        message: &[u8],
        nonces: &Nonces,
    ) -> [u8; SIGNATURE_SIZE] {
        let challenge = self.context.challenge(points, message).scalar();
        let t = nonces.r.invert();
        let respond = |blind: &Scalar, witness: &Scalar| (blind + &(&challenge * witness)).to_bytes();
        let scalars = [
            respond(&nonces.t, &t),
            respond(&nonces.epsilon, &(&self.e * &t)),
            respond(&nonces.s, &self.s),
            respond(&nonces.blind_k, &nonces.k),
        ];
        let mut signature = [0; SIGNATURE_SIZE];
        for (target, byte) in
            signature.iter_mut().zip(points.as_flattened().iter().chain(scalars.as_flattened()))
        {
            *target = *byte;
        }
        signature
    }
}
