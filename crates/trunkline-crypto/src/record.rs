//! Records: an encrypted body under a group signature (`docs/protocol.md`, section 4).

use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Result};
use crate::group::sign::Signer;
use crate::group::verify::Verifier;
use crate::group::{GPK_ID, GPK_ID_SIZE, PARAMS_HASH, PARAMS_HASH_SIZE, SIGNATURE_SIZE};
use crate::input;
use crate::pool;
use crate::random::RandomSource;
use crate::transcript;

/// Bytes of a hop.
pub const HOP_SIZE: usize = 60;
/// Bytes of an encrypted body: `idx ‖ ct1 ‖ ct2`.
pub const BODY_SIZE: usize = 236;
/// Bytes of the message that a record's signature signs.
pub const MESSAGE_SIZE: usize = 289;
/// Bytes of a record.
pub const RECORD_SIZE: usize = HEADER_SIZE + BODY_SIZE + SIGNATURE_SIZE;
/// Bytes of a record id.
pub const RECORD_ID_SIZE: usize = 16;

const VERSION: u8 = 1;
const SUITE: u8 = 1;
const PARAMS_REF_SIZE: usize = 8;
const HEADER_SIZE: usize = 2 + PARAMS_REF_SIZE + 4;

pub(crate) const BODIES: &str = "packed record bodies have 236 bytes each";
const RECORDS: &str = "packed records have 714 bytes each";

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another version or suite.
    Version,
    /// Made under other public parameters.
    Params,
    /// Made for another period.
    Period,
    /// A point of the signature is malformed.
    Point,
    /// A scalar of the signature is out of range.
    Scalar,
    /// The signature does not verify.
    Signature,
}

impl Fault {
    /// A stable name for machines.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Params => "params",
            Self::Period => "period",
            Self::Point => "point",
            Self::Scalar => "scalar",
            Self::Signature => "signature",
        }
    }
}

/// The parts of an encoded record.
struct Record<'a> {
    version: [u8; 2],
    params_ref: &'a [u8; PARAMS_REF_SIZE],
    period: &'a [u8; 4],
    body: &'a [u8; BODY_SIZE],
    signature: &'a [u8; SIGNATURE_SIZE],
}

impl<'a> Record<'a> {
    fn split(bytes: &'a [u8; RECORD_SIZE]) -> Self {
        const LAYOUT: &str = "a record has 714 bytes";
        let (version, rest) = bytes.split_first_chunk().expect(LAYOUT);
        let (params_ref, rest) = rest.split_first_chunk().expect(LAYOUT);
        let (period, rest) = rest.split_first_chunk().expect(LAYOUT);
        let (body, rest) = rest.split_first_chunk().expect(LAYOUT);
        let signature = rest.try_into().expect(LAYOUT);
        Self { version: *version, params_ref, period, body, signature }
    }
}

/// What all messages of one period have in common.
struct MessageHeader([u8; MESSAGE_SIZE - BODY_SIZE]);

impl MessageHeader {
    fn new(params_hash: &[u8; PARAMS_HASH_SIZE], period: [u8; 4], gpk_id: &[u8; GPK_ID_SIZE]) -> Self {
        let mut header = [0; MESSAGE_SIZE - BODY_SIZE];
        let bytes = [&[VERSION], params_hash.as_slice(), &period, gpk_id].concat();
        header.copy_from_slice(&bytes);
        Self(header)
    }

    /// `0x01 ‖ params hash ‖ u32(period) ‖ gpk id ‖ body`.
    fn message(&self, body: &[u8; BODY_SIZE]) -> [u8; MESSAGE_SIZE] {
        let mut message = [0; MESSAGE_SIZE];
        for (target, byte) in message.iter_mut().zip(self.0.iter().chain(body)) {
            *target = *byte;
        }
        message
    }
}

/// The message that the signature of a record with this body signs.
///
/// # Errors
/// `Decoding`.
pub fn message(params_hash: &[u8], period: u32, gpk_id: &[u8], body: &[u8]) -> Result<[u8; MESSAGE_SIZE]> {
    let params_hash = input::fixed(params_hash, PARAMS_HASH)?;
    let gpk_id = input::fixed(gpk_id, GPK_ID)?;
    let body = input::fixed(body, "a record body has 236 bytes")?;
    Ok(MessageHeader::new(params_hash, period.to_be_bytes(), gpk_id).message(body))
}

/// The ids of packed records, 16 bytes each: `H("record", m, signature)[:16]`. The records are not checked.
///
/// # Errors
/// `Decoding`, `TooLarge`.
pub fn record_ids(params_hash: &[u8], gpk_id: &[u8], records: &[u8]) -> Result<Vec<u8>> {
    let params_hash = input::fixed(params_hash, PARAMS_HASH)?;
    let gpk_id = input::fixed(gpk_id, GPK_ID)?;
    let records: &[[u8; RECORD_SIZE]] = input::elements(records, RECORDS)?;
    let id = |record: &[u8; RECORD_SIZE]| {
        let record = Record::split(record);
        let message = MessageHeader::new(params_hash, *record.period, gpk_id).message(record.body);
        transcript::short_hash("record", &[&message, record.signature])
    };
    Ok(records.iter().flat_map(id).collect())
}

/// Signs packed bodies and makes records of them, 714 bytes each.
///
/// # Errors
/// `Decoding`, `TooLarge`, `Randomness`.
pub fn seal_batch(signer: &Signer, bodies: &[u8], random: &dyn RandomSource) -> Result<Vec<u8>> {
    let bodies: &[[u8; BODY_SIZE]] = input::elements(bodies, BODIES)?;
    let chunks: Vec<Vec<u8>> = pool::install_bulk(|| {
        bodies
            .par_chunks(pool::chunk_size(bodies.len()))
            .map(|bodies| seal_chunk(signer, bodies, random))
            .collect::<Result<_>>()
    })?;
    Ok(chunks.concat())
}

/// Seals a few bodies on this thread.
pub(crate) fn seal_chunk(
    signer: &Signer,
    bodies: &[[u8; BODY_SIZE]],
    random: &dyn RandomSource,
) -> Result<Vec<u8>> {
    let context = signer.context();
    let header = MessageHeader::new(&context.params_hash, context.period, &context.gpk_id);
    let messages: Vec<_> = bodies.iter().map(|body| header.message(body)).collect();
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; MESSAGE_SIZE]>::as_slice).collect();
    let signatures = signer.sign_chunk(&messages, random)?;
    let (params_ref, _) = context.params_hash.split_at(PARAMS_REF_SIZE);
    let record = |(body, signature): (&[u8; BODY_SIZE], &[u8; SIGNATURE_SIZE])| {
        [&[VERSION, SUITE], params_ref, &context.period, body, signature].concat()
    };
    Ok(bodies.iter().zip(&signatures).flat_map(record).collect())
}

/// Checks packed records for one period; returns the positions of the bad ones, each with what is wrong.
///
/// # Errors
/// `Decoding`, `TooLarge`, `Randomness`.
pub fn verify_records(
    verifier: &Verifier,
    records: &[u8],
    period: u32,
    random: &dyn RandomSource,
) -> Result<Vec<(usize, Fault)>> {
    let records: &[[u8; RECORD_SIZE]] = input::elements(records, RECORDS)?;
    let header = MessageHeader::new(verifier.params_hash(), period.to_be_bytes(), verifier.group().id());
    let (mut bad, mut positions, mut messages, mut signatures) = (vec![], vec![], vec![], vec![]);
    for (position, record) in records.iter().enumerate() {
        let record = Record::split(record);
        let fault = if record.version != [VERSION, SUITE] {
            Some(Fault::Version)
        } else if !verifier.params_hash().starts_with(record.params_ref) {
            Some(Fault::Params)
        } else if *record.period != period.to_be_bytes() {
            Some(Fault::Period)
        } else {
            None
        };
        if let Some(fault) = fault {
            bad.push((position, fault));
        } else {
            positions.push(position);
            messages.push(header.message(record.body));
            signatures.push(record.signature);
        }
    }
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; MESSAGE_SIZE]>::as_slice).collect();
    let refused = pool::install_bulk(|| verifier.verify_batch(period, &messages, &signatures, random))?;
    let fault = |error: &Error| match error.kind() {
        ErrorKind::Point => Fault::Point,
        ErrorKind::Scalar => Fault::Scalar,
        _ => Fault::Signature,
    };
    bad.extend(refused.iter().filter_map(|(index, error)| Some((*positions.get(*index)?, fault(error)))));
    bad.sort_unstable_by_key(|(position, _)| *position);
    Ok(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::join::{IssuerKey, MemberSecret};
    use crate::group::open::OpenerKey;
    use crate::group::GroupPublicKey;
    use crate::random::OsRandom;
    use crate::secret::SecretScalar;

    const PARAMS: &[u8] = &[3; 32];
    const PERIOD: u32 = 9;

    fn setup() -> (Signer, Verifier) {
        let secret = || SecretScalar::generate(&OsRandom).unwrap();
        let (issuer, opener) = (IssuerKey::new(secret()), OpenerKey::new(secret()));
        let group = GroupPublicKey::new(&issuer.public_key(), &opener.public_key()).unwrap();
        let member = MemberSecret::new(secret());
        let credential = issuer.issue(PERIOD, &member.public_point(), &OsRandom).unwrap();
        let signer = Signer::new(&group, PARAMS, &member, &*credential).unwrap();
        (signer, Verifier::new(group, PARAMS).unwrap())
    }

    #[test]
    fn record_has_its_layout_and_its_message_is_signed() {
        let (signer, verifier) = setup();
        let record = seal_batch(&signer, &[1; BODY_SIZE], &OsRandom).unwrap();
        assert_eq!(record.len(), RECORD_SIZE);
        assert_eq!(record[..14], [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 9]);
        assert_eq!(record[14..250], [1; BODY_SIZE]);
        let message = message(PARAMS, PERIOD, verifier.group().id(), &[1; BODY_SIZE]).unwrap();
        assert_eq!(message.len(), MESSAGE_SIZE);
        verifier.verify(PERIOD, &message, &record[250..]).unwrap();
        let id = record_ids(PARAMS, verifier.group().id(), &record).unwrap();
        assert_eq!(id, transcript::short_hash("record", &[&message, &record[250..]]));
    }

    #[test]
    fn record_with_a_wrong_field_is_named_with_its_reason() {
        let (signer, verifier) = setup();
        let record = seal_batch(&signer, &[1; BODY_SIZE], &OsRandom).unwrap();
        let cases = [
            (0, 2, Some(Fault::Version)),
            (1, 2, Some(Fault::Version)),
            (9, 1, Some(Fault::Params)),
            (13, 1, Some(Fault::Period)),
            (14, 1, Some(Fault::Signature)),
            (50, 1, Some(Fault::Signature)),
            (249, 1, Some(Fault::Signature)),
            (250, 0x80, Some(Fault::Point)),
            (586, 0xff, Some(Fault::Scalar)),
            (617, 1, Some(Fault::Signature)),
            (0, 0, None),
        ];
        let flipped = cases.iter().flat_map(|(position, mask, _)| {
            let mut record = record.clone();
            record[*position] ^= mask;
            record
        });
        let records: Vec<u8> = flipped.collect();
        let bad = verify_records(&verifier, &records, PERIOD, &OsRandom).unwrap();
        let expected: Vec<_> = cases.iter().enumerate().filter_map(|(i, case)| Some((i, case.2?))).collect();
        assert_eq!(bad, expected);
        let error = verify_records(&verifier, &records[1..], PERIOD, &OsRandom).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decoding);
    }
}
