//! Secret scalars as keys: never 0, wiped on drop, never printed.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::curve::{Scalar, SCALAR_SIZE};
use crate::error::{Error, Result};
use crate::input;
use crate::random::{Hedge, RandomSource};

/// A secret integer from 1 to r − 1.
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// A new secret.
    ///
    /// # Errors
    /// `Randomness`.
    pub fn generate(random: &dyn RandomSource) -> Result<Self> {
        Ok(Self(Hedge::new(random, "generate", &[])?.scalar()))
    }

    /// Decodes 32 big-endian bytes.
    ///
    /// # Errors
    /// `Decoding` for another length, `Scalar` for 0 and values not less than r.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let secret = input::scalar(input::fixed(bytes, "a secret scalar has 32 bytes")?)?;
        if secret.is_zero() {
            return Err(Error::scalar("a secret scalar is zero"));
        }
        Ok(Self(secret))
    }

    /// The secret itself.
    ///
    /// # Caution
    /// For key files only.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; SCALAR_SIZE]> {
        let mut bytes = self.0.to_bytes();
        let kept = Zeroizing::new(bytes);
        bytes.zeroize();
        kept
    }

    /// The scalar.
    #[must_use]
    pub const fn scalar(&self) -> &Scalar {
        &self.0
    }
}

impl PartialEq for SecretScalar {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::random::OsRandom;

    #[test]
    fn secret_of_zero_or_out_of_range_or_of_another_length_is_refused() {
        let kind = |bytes: &[u8]| SecretScalar::from_bytes(bytes).unwrap_err().kind();
        assert_eq!(kind(&[0; 32]), ErrorKind::Scalar);
        assert_eq!(kind(&[0xff; 32]), ErrorKind::Scalar);
        assert_eq!(kind(&[1; 31]), ErrorKind::Decoding);
    }

    #[test]
    fn secret_survives_its_bytes_and_is_not_printed() {
        let secret = SecretScalar::generate(&OsRandom).unwrap();
        assert!(SecretScalar::from_bytes(&*secret.to_bytes()).unwrap() == secret);
        assert_eq!(format!("{secret:?}"), "SecretScalar(redacted)");
    }
}
