//! Integers modulo the group order.

use core::ops::{Add, Mul, Neg, Sub};

use blst::{blst_fr, blst_scalar};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// Bytes of an encoded scalar.
pub const SCALAR_SIZE: usize = 32;
/// Bits of the group order r.
pub(super) const SCALAR_BITS: usize = 255;
/// The group order r, least significant word first.
pub const ORDER: [u64; 4] =
    [0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48];

/// An integer modulo r. Not `Copy`, wiped on drop, compared in constant time, since most scalars are secrets.
#[derive(Clone, Default)]
pub struct Scalar(pub(super) blst_fr);

impl Scalar {
    /// Decodes 32 big-endian bytes; `None` unless less than r.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SCALAR_SIZE]) -> Option<Self> {
        let mut plain = blst_scalar::default();
        let mut scalar = Self::default();
        // SAFETY: `bytes` has the 32 bytes that are read.
        let canonical = unsafe {
            blst::blst_scalar_from_bendian(&mut plain, bytes.as_ptr());
            blst::blst_fr_from_scalar(&mut scalar.0, &plain);
            blst::blst_scalar_fr_check(&plain)
        };
        plain.zeroize();
        canonical.then_some(scalar)
    }

    /// Reduces 64 big-endian bytes modulo r.
    #[must_use]
    pub fn from_wide_bytes(bytes: &[u8; 64]) -> Self {
        let mut plain = blst_scalar::default();
        let mut scalar = Self::default();
        // SAFETY: the length passed is that of `bytes`.
        unsafe {
            blst::blst_scalar_from_be_bytes(&mut plain, bytes.as_ptr(), bytes.len());
            blst::blst_fr_from_scalar(&mut scalar.0, &plain);
        }
        plain.zeroize();
        scalar
    }

    /// An integer below 2¹²⁸.
    #[must_use]
    pub fn from_u128(value: u128) -> Self {
        let words = [value as u64, (value >> 64) as u64, 0, 0];
        let mut scalar = Self::default();
        // SAFETY: `words` has the four words that are read.
        unsafe { blst::blst_fr_from_uint64(&mut scalar.0, words.as_ptr()) };
        scalar
    }

    /// 32 big-endian bytes. The caller wipes them if they are secret.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SCALAR_SIZE] {
        let mut bytes = self.to_le_bytes();
        bytes.reverse();
        bytes
    }

    /// 32 little-endian bytes. The caller wipes them if they are secret.
    #[must_use]
    pub fn to_le_bytes(&self) -> [u8; SCALAR_SIZE] {
        let mut plain = blst_scalar::default();
        // SAFETY: both are plain values.
        unsafe { blst::blst_scalar_from_fr(&mut plain, &self.0) };
        let bytes = plain.b;
        plain.zeroize();
        bytes
    }

    /// The inverse; of 0 it is 0.
    #[must_use]
    pub fn invert(&self) -> Self {
        let mut inverse = Self::default();
        // SAFETY: both are plain values.
        unsafe { blst::blst_fr_inverse(&mut inverse.0, &self.0) };
        inverse
    }

    /// Whether this is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.ct_eq(&Self::default()).into()
    }
}

impl ConstantTimeEq for Scalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.l.ct_eq(&other.0.l)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Zeroize for Scalar {
    fn zeroize(&mut self) {
        self.0.l.zeroize();
    }
}

impl Drop for Scalar {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl core::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Scalar(redacted)")
    }
}

macro_rules! scalar_operator {
    ($trait:ident, $method:ident, $function:ident) => {
        impl $trait for &Scalar {
            type Output = Scalar;
            fn $method(self, other: Self) -> Scalar {
                let mut result = Scalar::default();
                // SAFETY: all three are plain values.
                unsafe { blst::$function(&mut result.0, &self.0, &other.0) };
                result
            }
        }
    };
}
scalar_operator!(Add, add, blst_fr_add);
scalar_operator!(Sub, sub, blst_fr_sub);
scalar_operator!(Mul, mul, blst_fr_mul);

impl Neg for &Scalar {
    type Output = Scalar;
    fn neg(self) -> Scalar {
        &Scalar::default() - self
    }
}
