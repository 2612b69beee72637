//! The one error type of this crate: what kind of check failed, on what, and on which elements of a batch.

use core::fmt;

/// Most positions that a message lists; the rest are only counted.
const POSITIONS_SHOWN: usize = 10;

/// The kind of check that failed. Each kind is one exception class in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Bytes of a wrong length or form.
    Decoding,
    /// More input than a call takes.
    TooLarge,
    /// A group element off the curve, off the subgroup, the identity, or not canonically encoded.
    Point,
    /// A scalar out of range, or zero where zero is refused.
    Scalar,
    /// A zero-knowledge proof does not verify.
    Proof,
    /// A signature does not verify.
    Signature,
    /// Check bytes do not match after decryption.
    Decryption,
    /// The operating system gave no randomness.
    Randomness,
}

/// A failed check. The text never contains input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    detail: &'static str,
    positions: Vec<usize>,
}

/// Result of an operation of this crate.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    const fn new(kind: ErrorKind, detail: &'static str) -> Self {
        Self { kind, detail, positions: Vec::new() }
    }

    /// Bytes have a wrong length or form.
    #[must_use]
    pub const fn decoding(detail: &'static str) -> Self {
        Self::new(ErrorKind::Decoding, detail)
    }

    /// There is more input than a call takes.
    #[must_use]
    pub const fn too_large(detail: &'static str) -> Self {
        Self::new(ErrorKind::TooLarge, detail)
    }

    /// A group element is refused.
    #[must_use]
    pub const fn point(detail: &'static str) -> Self {
        Self::new(ErrorKind::Point, detail)
    }

    /// A scalar is refused.
    #[must_use]
    pub const fn scalar(detail: &'static str) -> Self {
        Self::new(ErrorKind::Scalar, detail)
    }

    /// A proof does not verify.
    #[must_use]
    pub const fn proof(detail: &'static str) -> Self {
        Self::new(ErrorKind::Proof, detail)
    }

    /// A signature does not verify.
    #[must_use]
    pub const fn signature(detail: &'static str) -> Self {
        Self::new(ErrorKind::Signature, detail)
    }

    /// Check bytes do not match.
    #[must_use]
    pub const fn decryption(detail: &'static str) -> Self {
        Self::new(ErrorKind::Decryption, detail)
    }

    /// The operating system's generator failed.
    #[must_use]
    pub const fn randomness() -> Self {
        Self::new(ErrorKind::Randomness, "the operating system gave no randomness; try again")
    }

    /// Names the element of a batch that failed.
    #[must_use]
    pub fn at(self, position: usize) -> Self {
        self.at_all(vec![position])
    }

    /// Names the elements of a batch that failed, in ascending order.
    #[must_use]
    pub fn at_all(mut self, positions: Vec<usize>) -> Self {
        self.positions = positions;
        self
    }

    /// The kind of check that failed.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Positions of the bad elements in the batch; empty if the call had no batch.
    #[must_use]
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)?;
        for (count, position) in self.positions.iter().take(POSITIONS_SHOWN).enumerate() {
            write!(f, "{}{position}", if count == 0 { "; element " } else { ", " })?;
        }
        match self.positions.len().checked_sub(POSITIONS_SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_many_positions_is_cut() {
        let error = Error::signature("signature does not verify").at_all((0..13).collect());
        assert_eq!(
            error.to_string(),
            "signature does not verify; element 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more"
        );
    }
}
