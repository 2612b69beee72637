//! Witness encryption under BLS signatures: whoever has the signature on a label decrypts what is encrypted to it
//! (`docs/protocol.md`, section 4).

use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::curve::{G1Affine, G2Affine, Group, Gt, PreparedG2, Scalar, G1, G1_SIZE, G2, G2_SIZE};
use crate::error::{Error, Result};
use crate::fixed_base::FixedBase;
use crate::input;
use crate::label_signature::{label_point, KID, KID_SIZE, LABELS, LABEL_SIZE, WITNESSES};
use crate::pool;
use crate::random::{Hedge, RandomSource};
use crate::record::{BODIES, BODY_SIZE, HOP_SIZE};
use crate::transcript::{self, hkdf, prefixed, tag};

/// Longest call details, in bytes.
pub const MAX_DETAILS: usize = 1_024;

const CHECK_SIZE: usize = 16;
const SEALED_SIZE: usize = HOP_SIZE + CHECK_SIZE;
const HOPS: &str = "packed hops have 60 bytes each";

/// Encrypts to the labels of one key id. Holds prepared lines of vk_T and a table of g2, about 0.3 MB.
pub struct Encryptor {
    vk_t: [u8; G2_SIZE],
    kid: [u8; KID_SIZE],
    lines: PreparedG2,
    g2_table: FixedBase<G2>,
}

/// What is encrypted: the hop, under its label and call details.
pub struct Plaintext<'a> {
    label: &'a [u8; LABEL_SIZE],
    details: &'a [u8],
    hop: &'a [u8; HOP_SIZE],
}

impl<'a> Plaintext<'a> {
    /// Puts the lists of a batch together.
    ///
    /// # Errors
    /// `Decoding`, `TooLarge`.
    pub fn batch(labels: &'a [u8], details: &[&'a [u8]], hops: &'a [u8]) -> Result<Vec<Self>> {
        let labels = input::elements(labels, LABELS)?;
        let hops = input::elements(hops, HOPS)?;
        input::check_same_count(&[labels.len(), details.len(), hops.len()])?;
        check_details(details)?;
        let plaintexts = labels.iter().zip(details).zip(hops);
        Ok(plaintexts.map(|((label, details), hop)| Self { label, details, hop }).collect())
    }
}

impl Encryptor {
    /// Prepares the key; vk_T is strict. Its proof of possession is checked elsewhere.
    ///
    /// # Errors
    /// `Decoding`, `Point`.
    pub fn new(vk_t: &[u8], kid: &[u8]) -> Result<Self> {
        let point = input::strict_g2(vk_t)?;
        Ok(Self {
            vk_t: *input::fixed(vk_t, "a point of G2 has 96 bytes")?,
            kid: *input::fixed(kid, KID)?,
            lines: PreparedG2::new(&point),
            g2_table: FixedBase::new(&G2::generator()),
        })
    }

    /// Encrypts; 236 bytes each.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn encrypt_batch(&self, plaintexts: &[Plaintext<'_>], random: &dyn RandomSource) -> Result<Vec<u8>> {
        let chunks: Vec<Vec<[u8; BODY_SIZE]>> = pool::install(|| {
            let chunks = plaintexts.par_chunks(pool::chunk_size(plaintexts.len()));
            chunks.map(|plaintexts| self.encrypt_chunk(plaintexts, random)).collect::<Result<_>>()
        })?;
        Ok(chunks.into_iter().flatten().flatten().collect())
    }

    /// Encrypts a few plaintexts on this thread; their points are converted together.
    pub(crate) fn encrypt_chunk(
        &self,
        plaintexts: &[Plaintext<'_>],
        random: &dyn RandomSource,
    ) -> Result<Vec<[u8; BODY_SIZE]>> {
        let secrets = plaintexts
            .iter()
            .map(|plaintext| Ephemeral::new(plaintext, random))
            .collect::<Result<Vec<_>>>()?;
        // r·H1 gives the key away like r itself.
        let bases: Zeroizing<Vec<G1>> = plaintexts
            .iter()
            .zip(&secrets)
            .map(|(plaintext, secret)| label_point(&self.kid, plaintext.label) * &secret.r)
            .collect::<Vec<_>>()
            .into();
        let terms: Vec<_> = secrets.iter().map(|secret| (&self.g2_table, &secret.r)).collect();
        let ephemerals = FixedBase::multiply_each(&terms);
        let bases = Zeroizing::new(G1::batch_affine(&bases));
        let points = bases.iter().zip(G2::batch_affine(&ephemerals));
        let bodies = plaintexts.iter().zip(&secrets).zip(points).map(|((plaintext, secret), (base, u))| {
            let idx = index(&self.kid, plaintext.label);
            let u = u.encode();
            let mut shared = self.lines.pair(base);
            let mask = witness_key(&shared, &u, &self.vk_t, &self.kid, &idx);
            shared.zeroize();
            body(plaintext, &secret.key, &idx, &u, &mask)
        });
        Ok(bodies.collect())
    }
}

/// The secrets of one encryption.
struct Ephemeral {
    r: Scalar,
    key: Zeroizing<[u8; 32]>,
}

impl Ephemeral {
    fn new(plaintext: &Plaintext<'_>, random: &dyn RandomSource) -> Result<Self> {
        let parts: [&[u8]; 3] = [plaintext.label, plaintext.details, plaintext.hop];
        let mut hedge = Hedge::new(random, "encrypt", &parts)?;
        let r = hedge.scalar();
        let mut bytes = Zeroizing::new(hedge.bytes());
        let mut key = Zeroizing::new([0; 32]);
        key.swap_with_slice(bytes.split_at_mut(32).0);
        Ok(Self { r, key })
    }
}

/// `idx ‖ U ‖ key ⊕ K ‖ (hop ‖ check) ⊕ pad`.
fn body(
    plaintext: &Plaintext<'_>,
    key: &[u8; 32],
    idx: &[u8; 32],
    u: &[u8; G2_SIZE],
    mask: &[u8; 32],
) -> [u8; BODY_SIZE] {
    let check = transcript::short_hash("check", &[key, plaintext.hop, idx]);
    let pad = hop_pad(plaintext.details, key);
    let wrapped = key.iter().zip(mask).map(|(key, mask)| key ^ mask);
    let sealed = plaintext.hop.iter().chain(&check).zip(pad.iter()).map(|(plain, pad)| plain ^ pad);
    let mut body = [0; BODY_SIZE];
    let bytes = idx.iter().chain(u).copied().chain(wrapped).chain(sealed);
    for (target, byte) in body.iter_mut().zip(bytes) {
        *target = byte;
    }
    body
}

/// Decrypts packed bodies. Each has its own result; the hop's bytes, or `Point`, `Decoding` or `Decryption`.
///
/// That the signatures are right for their labels is not checked here; see `label_signature::verify`.
///
/// # Errors
/// `Decoding`, `TooLarge` and `Point` for the batch as a whole.
pub fn decrypt_batch(
    vk_t: &[u8],
    kid: &[u8],
    signatures: &[u8],
    labels: &[u8],
    details: &[&[u8]],
    bodies: &[u8],
) -> Result<Vec<Result<Zeroizing<[u8; HOP_SIZE]>>>> {
    input::strict_g2(vk_t)?;
    let vk_t = input::fixed(vk_t, "a point of G2 has 96 bytes")?;
    let kid = input::fixed(kid, KID)?;
    let signatures = input::elements(signatures, WITNESSES)?;
    let labels = input::elements(labels, LABELS)?;
    let bodies = input::elements(bodies, BODIES)?;
    input::check_same_count(&[signatures.len(), labels.len(), details.len(), bodies.len()])?;
    check_details(details)?;
    Ok(pool::install(|| {
        let items = signatures.par_iter().zip(labels).zip(details).zip(bodies);
        items
            .map(|(((signature, label), details), body)| decrypt(vk_t, kid, signature, label, details, body))
            .collect()
    }))
}

fn decrypt(
    vk_t: &[u8; G2_SIZE],
    kid: &[u8; KID_SIZE],
    signature: &[u8; G1_SIZE],
    label: &[u8; LABEL_SIZE],
    details: &[u8],
    body: &[u8; BODY_SIZE],
) -> Result<Zeroizing<[u8; HOP_SIZE]>> {
    const LAYOUT: &str = "a body has 236 bytes";
    let (idx, rest) = body.split_first_chunk().expect(LAYOUT);
    let (u, rest) = rest.split_first_chunk().expect(LAYOUT);
    let (wrapped, sealed) = rest.split_first_chunk::<32>().expect(LAYOUT);
    if *idx != index(kid, label) {
        return Err(Error::decoding("the record is filed under another label or key id"));
    }
    let signature = G1Affine::decode_strict(signature)?;
    let mut shared = Gt::pair(&signature, &G2Affine::decode_strict(u)?);
    let mask = witness_key(&shared, u, vk_t, kid, idx);
    shared.zeroize();
    let mut key = Zeroizing::new([0; 32]);
    for (target, (wrapped, mask)) in key.iter_mut().zip(wrapped.iter().zip(mask.iter())) {
        *target = wrapped ^ mask;
    }
    let mut plain = hop_pad(details, &key);
    for (target, sealed) in plain.iter_mut().zip(sealed) {
        *target ^= sealed;
    }
    let (hop, check) = plain.split_first_chunk().expect(LAYOUT);
    if *check == transcript::short_hash("check", &[&*key, hop, idx]) {
        Ok(Zeroizing::new(*hop))
    } else {
        Err(Error::decryption("the record does not decrypt with this witness and these call details"))
    }
}

/// `idx = H("idx", kid, label)`.
fn index(kid: &[u8; KID_SIZE], label: &[u8; LABEL_SIZE]) -> [u8; 32] {
    transcript::hash("idx", &[kid, label])
}

/// K.
fn witness_key(
    shared: &Gt,
    u: &[u8; G2_SIZE],
    vk_t: &[u8; G2_SIZE],
    kid: &[u8; KID_SIZE],
    idx: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    let shared = Zeroizing::new(shared.to_bytes());
    Zeroizing::new(hkdf(&*shared, &[&prefixed(&tag("witness-key")), u, vk_t, kid, idx]))
}

/// What ct2 is masked with.
fn hop_pad(details: &[u8], key: &[u8; 32]) -> Zeroizing<[u8; SEALED_SIZE]> {
    let material = Zeroizing::new([prefixed(details).as_slice(), key].concat());
    Zeroizing::new(hkdf(&material, &[&prefixed(&tag("hop-pad"))]))
}

fn check_details(details: &[&[u8]]) -> Result<()> {
    match details.iter().position(|details| details.len() > MAX_DETAILS) {
        Some(position) => Err(Error::too_large("call details have at most 1,024 bytes").at(position)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::PointFault;
    use crate::error::ErrorKind;
    use crate::label_signature::AuthorizationKey;
    use crate::random::tests::StuckRandom;
    use crate::random::OsRandom;
    use crate::secret::SecretScalar;

    const KID: &[u8] = &[9; 16];

    struct Setup {
        vk_t: [u8; 96],
        label: [u8; 64],
        witness: Vec<u8>,
        body: Vec<u8>,
    }

    fn setup() -> Setup {
        let key = AuthorizationKey::new(SecretScalar::generate(&OsRandom).unwrap());
        let (vk_t, label) = (key.public_key(), [7; 64]);
        let plaintexts = Plaintext::batch(&label, &[b"details"], &[5; 60]).unwrap();
        let body = Encryptor::new(&vk_t, KID).unwrap().encrypt_batch(&plaintexts, &OsRandom).unwrap();
        Setup { vk_t, label, witness: key.sign_batch(KID, &label).unwrap(), body }
    }

    impl Setup {
        fn decrypt(&self, witness: &[u8], details: &[u8], body: &[u8]) -> Result<[u8; 60]> {
            let mut results = decrypt_batch(&self.vk_t, KID, witness, &self.label, &[details], body).unwrap();
            results.pop().unwrap().map(|hop| *hop)
        }
    }

    #[test]
    fn record_decrypts_with_its_witness_and_details_only() {
        let setup = setup();
        let kind =
            |witness: &[u8], details: &[u8]| setup.decrypt(witness, details, &setup.body).unwrap_err().kind();
        assert_eq!(setup.decrypt(&setup.witness, b"details", &setup.body).unwrap(), [5; 60]);
        assert_eq!(kind(&setup.witness, b"detailS"), ErrorKind::Decryption);
        assert_eq!(kind(&G1::generator().encode(), b"details"), ErrorKind::Decryption);
        assert_eq!(kind(&G1::default().encode(), b"details"), ErrorKind::Point);
        let mut off_subgroup = [0; 48];
        off_subgroup[0] = 0x80;
        assert_eq!(kind(&off_subgroup, b"details"), ErrorKind::Point);
    }

    #[test]
    fn record_of_another_label_or_key_id_is_refused() {
        let setup = setup();
        let kind = |kid: &[u8], label: &[u8]| {
            let results = decrypt_batch(&setup.vk_t, kid, &setup.witness, label, &[b"details"], &setup.body);
            results.unwrap().pop().unwrap().unwrap_err().kind()
        };
        assert_eq!(kind(&[8; 16], &setup.label), ErrorKind::Decoding);
        assert_eq!(kind(KID, &[8; 64]), ErrorKind::Decoding);
    }

    #[test]
    fn record_with_a_flipped_bit_in_any_byte_is_refused() {
        let setup = setup();
        for position in 0..BODY_SIZE {
            let mut body = setup.body.clone();
            body[position] ^= 4;
            let kind = setup.decrypt(&setup.witness, b"details", &body).unwrap_err().kind();
            match position {
                0..32 => assert_eq!(kind, ErrorKind::Decoding),
                32..128 => assert!(matches!(kind, ErrorKind::Point | ErrorKind::Decryption)),
                _ => assert_eq!(kind, ErrorKind::Decryption),
            }
        }
    }

    #[test]
    fn record_with_an_ephemeral_point_that_is_not_strict_is_refused() {
        let setup = setup();
        let with_u = |u: &[u8]| [&setup.body[..32], u, &setup.body[128..]].concat();
        let on_curve_only = (0..u8::MAX)
            .map(|x| {
                let mut bytes = [0; 96];
                (bytes[0], bytes[95]) = (0x80, x);
                bytes
            })
            .find(|bytes| G2Affine::decode_strict(bytes) == Err(PointFault::OffSubgroup))
            .unwrap();
        for u in [on_curve_only, G2::default().encode()] {
            let error = setup.decrypt(&setup.witness, b"details", &with_u(&u)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Point);
        }
    }

    #[test]
    fn bad_record_does_not_lose_its_neighbours() {
        let setup = setup();
        let bodies = [setup.body.as_slice(), &[0; BODY_SIZE], &setup.body].concat();
        let (witnesses, labels) = (setup.witness.repeat(3), setup.label.repeat(3));
        let results =
            decrypt_batch(&setup.vk_t, KID, &witnesses, &labels, &[b"details".as_slice(); 3], &bodies)
                .unwrap();
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn encryption_with_a_stuck_generator_shares_no_key_between_hops() {
        let setup = setup();
        let encryptor = Encryptor::new(&setup.vk_t, KID).unwrap();
        let hops = [[5; 60], [6; 60]].concat();
        let labels = setup.label.repeat(2);
        let plaintexts = Plaintext::batch(&labels, &[b"details", b"details"], &hops).unwrap();
        let bodies = encryptor.encrypt_batch(&plaintexts, &StuckRandom).unwrap();
        assert_ne!(bodies[32..128], bodies[BODY_SIZE + 32..BODY_SIZE + 128]);
        assert_ne!(bodies[128..160], bodies[BODY_SIZE + 128..BODY_SIZE + 160]);
    }

    #[test]
    fn batch_with_lists_of_different_lengths_or_long_details_is_refused() {
        let kind =
            |details: &[&[u8]], hops: &[u8]| Plaintext::batch(&[7; 64], details, hops).err().unwrap().kind();
        assert_eq!(kind(&[b"a", b"b"], &[0; 60]), ErrorKind::Decoding);
        assert_eq!(kind(&[b"a"], &[0; 61]), ErrorKind::Decoding);
        assert_eq!(kind(&[&[0; 1_025]], &[0; 60]), ErrorKind::TooLarge);
    }
}
