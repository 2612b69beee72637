//! The suite ristretto255-SHA512 in mode VOPRF: the hashes of RFC 9497 sections 3.3.2 and 4.1.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

/// `CreateContextString(mode = 0x01, "ristretto255-SHA512")`, RFC 9497 section 3.1.
pub(super) const CONTEXT: &[u8] = b"OPRFV1-\x01-ristretto255-SHA512";
/// The input block of SHA-512, which `expand_message_xmd` starts with.
const BLOCK: [u8; 128] = [0; 128];

/// A two-byte length or index. All lengths of this suite are checked or fixed below 65,536 before they come here.
#[expect(clippy::cast_possible_truncation, reason = "callers hold n below 65,536")]
pub(super) fn u16_bytes(n: usize) -> [u8; 2] {
    debug_assert!(n <= 0xffff);
    (n as u16).to_be_bytes()
}

/// Hashes the parts one after the other.
pub(super) fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Hashes the parts, each after its two-byte length.
pub(super) fn sha512_prefixed(parts: &[&[u8]], last: &[u8]) -> [u8; 64] {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(u16_bytes(part.len()));
        hash.update(part);
    }
    hash.update(last);
    hash.finalize().into()
}

/// `HashToGroup` with the suite's default domain separation tag.
pub(super) fn hash_to_group(input: &[u8]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&expand_message(&[input], b"HashToGroup-"))
}

/// `HashToScalar` with the suite's default domain separation tag.
pub(super) fn hash_to_scalar(parts: &[&[u8]]) -> Scalar {
    hash_to_scalar_with(parts, b"HashToScalar-")
}

/// `HashToScalar` with the tag `prefix || context`.
pub(super) fn hash_to_scalar_with(parts: &[&[u8]], prefix: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&expand_message(parts, prefix))
}

/// `Finalize` after unblinding: the label of an input whose evaluated element is `element`.
pub(super) fn output(input: &[u8], element: &[u8; 32]) -> [u8; 64] {
    sha512_prefixed(&[input, element], b"Finalize")
}

/// `expand_message_xmd` of RFC 9380 section 5.3.1 with SHA-512, for 64 bytes, which is one block of output.
fn expand_message(parts: &[&[u8]], prefix: &[u8]) -> [u8; 64] {
    let [_, tag_length] = u16_bytes(prefix.len() + CONTEXT.len()).map(|byte| [byte]);
    let mut first = Sha512::new();
    first.update(BLOCK);
    for part in parts {
        first.update(part);
    }
    first.update([0, 64, 0]);
    for tag in [prefix, CONTEXT, &tag_length] {
        first.update(tag);
    }
    sha512(&[&first.finalize(), &[1], prefix, CONTEXT, &tag_length])
}
