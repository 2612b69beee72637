//! Points of both groups.

use core::ops::{Add, Mul, Neg, Sub};

use blst::{blst_fp, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine, BLST_ERROR};
use zeroize::{DefaultIsZeroes, Zeroize};

use super::scalar::{Scalar, SCALAR_BITS};
use super::{sums, PARAMETER};
use crate::transcript;

/// Bytes of an encoded point of G1.
pub const G1_SIZE: usize = 48;
/// Bytes of an encoded point of G2.
pub const G2_SIZE: usize = 96;
/// The cofactor h of G1, as an integer of 126 bits.
const COFACTOR: u128 = 0x396c_8c00_5555_e156_8c00_aaab_0000_aaab;
const COFACTOR_BITS: usize = 126;
/// A cube root of one in Fp, in the library's Montgomery form: (x, y) ↦ (root·x, y) multiplies by −x² on G1.
const CUBE_ROOT: blst_fp = blst_fp {
    l: [
        0x30f1_361b_798a_64e8,
        0xf3b8_ddab_7ece_5a2a,
        0x16a8_ca3a_c615_77f7,
        0xc26a_2ff8_74fd_029b,
        0x3636_b766_6070_1c6e,
        0x051b_a4ab_241b_6160,
    ],
};

/// Why the bytes of a point are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointFault {
    /// Not an encoding, or not the canonical one.
    Encoding,
    /// Not on the curve.
    OffCurve,
    /// On the curve, but not in the subgroup of order r.
    OffSubgroup,
    /// The identity.
    Identity,
}

impl PointFault {
    fn check(code: BLST_ERROR, subgroup: bool) -> core::result::Result<(), Self> {
        match code {
            BLST_ERROR::BLST_SUCCESS => Ok(()),
            BLST_ERROR::BLST_POINT_NOT_ON_CURVE => Err(Self::OffCurve),
            // Only for the points with x = 0, which have order 3, and after the point was written.
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP if subgroup => Err(Self::OffSubgroup),
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP => Ok(()),
            _ => Err(Self::Encoding),
        }
    }
}

/// What fixed-base tables and batches need of a group.
pub trait Group: Copy + Send + Sync + Add<Output = Self> + Neg<Output = Self> {
    /// A point with coordinates x and y.
    type Affine: Copy + Default + Send + Sync + Zeroize;
    /// The words of such a point.
    type Words: Copy + Default + Send + Sync + AsRef<[u64]> + AsMut<[u64]> + Zeroize;

    /// The point with a denominator of 1.
    fn from_affine(point: &Self::Affine) -> Self;
    /// `self + self`.
    #[must_use]
    fn double(&self) -> Self;
    /// The sum, wrong only if both are the same point.
    #[must_use]
    fn add_unequal(&self, other: &Self::Affine) -> Self;
    /// Adds to each point the other of the same position; wrong for all if two of one position have the same x, or if
    /// one is the identity.
    fn add_each(points: &mut [Self::Affine], others: &[Self::Affine]);
    /// The compressed encoding.
    fn encoding(&self) -> Vec<u8>;
    /// The coordinates of many points, with one inversion.
    fn batch_affine(points: &[Self]) -> Vec<Self::Affine>;
    /// The words that the coordinates are made of.
    fn words(point: &Self::Affine) -> Self::Words;
    /// The point whose words these are.
    fn from_words(words: &Self::Words) -> Self::Affine;
    /// The negated point if `negate` is 1, the same point if it is 0.
    fn negate_if(point: &mut Self::Affine, negate: u64);
}

macro_rules! group {
    (
        $(#[$doc:meta])* $point:ident, $affine:ident, $raw:ident, $raw_affine:ident, $size:ident,
        generator: $generator:ident, from_affine: $from_affine:ident, add: $add:ident, add_affine: $add_affine:ident,
        double: $double:ident, negate: $negate:ident, mult: $mult:ident, equal: $equal:ident, infinite: $infinite:ident,
        to_affine: $to_affine:ident, uncompress: $uncompress:ident, compress: $compress:ident, in_group: $in_group:ident,
        negate_field: $negate_field:ident, add_each: $add_each:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $point(pub(super) $raw);

        #[doc = concat!("A point of `", stringify!($point), "` with coordinates x and y.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        #[repr(transparent)]
        pub struct $affine(pub(super) $raw_affine);

        impl $point {
            /// The standard generator.
            #[must_use]
            pub fn generator() -> Self {
                // SAFETY: the function returns a pointer to a constant.
                Self(unsafe { *blst::$generator() })
            }

            /// Whether this is the identity.
            #[must_use]
            pub fn is_identity(&self) -> bool {
                // SAFETY: the argument is a plain value.
                unsafe { blst::$infinite(&self.0) }
            }

            /// One point's coordinates.
            #[must_use]
            pub fn to_affine(&self) -> $affine {
                Self::batch_affine(core::slice::from_ref(self)).into_iter().next().unwrap_or_default()
            }

            /// The compressed encoding.
            #[must_use]
            pub fn encode(&self) -> [u8; $size] {
                self.to_affine().encode()
            }
        }

        impl Group for $point {
            type Affine = $affine;
            type Words = [u64; $size / 4];

            fn from_affine(point: &$affine) -> Self {
                let mut result = Self::default();
                // SAFETY: both are plain values.
                unsafe { blst::$from_affine(&mut result.0, &point.0) };
                result
            }

            fn double(&self) -> Self {
                let mut result = Self::default();
                // SAFETY: both are plain values.
                unsafe { blst::$double(&mut result.0, &self.0) };
                result
            }

            fn add_unequal(&self, other: &$affine) -> Self {
                let mut result = Self::default();
                // SAFETY: all three are plain values.
                unsafe { blst::$add_affine(&mut result.0, &self.0, &other.0) };
                result
            }

            fn add_each(points: &mut [$affine], others: &[$affine]) {
                sums::$add_each(points, others);
            }

            fn encoding(&self) -> Vec<u8> {
                self.encode().to_vec()
            }

            fn batch_affine(points: &[Self]) -> Vec<$affine> {
                let pointers: Vec<*const $raw> = points.iter().map(|point| core::ptr::from_ref(&point.0)).collect();
                let mut coordinates = vec![$raw_affine::default(); points.len()];
                // SAFETY: there are as many pointers, and as much room, as the count says.
                unsafe { blst::$to_affine(coordinates.as_mut_ptr(), pointers.as_ptr(), points.len()) };
                coordinates.into_iter().map($affine).collect()
            }

            fn words(point: &$affine) -> Self::Words {
                let mut words = Self::Words::default();
                for (word, limb) in words.iter_mut().zip(point.clone().limbs()) {
                    *word = *limb;
                }
                words
            }

            fn from_words(words: &Self::Words) -> $affine {
                let mut point = $affine::default();
                for (limb, word) in point.limbs().zip(words) {
                    *limb = *word;
                }
                point
            }

            fn negate_if(point: &mut $affine, negate: u64) {
                let y = point.0.y;
                // SAFETY: both are plain values.
                unsafe { blst::$negate_field(&mut point.0.y, &y, negate == 1) };
            }
        }

        impl $affine {
            /// Decodes a strict point: canonical, on the curve, in the subgroup, not the identity.
            ///
            /// # Errors
            /// What is wrong with the bytes.
            pub fn decode_strict(bytes: &[u8; $size]) -> core::result::Result<Self, PointFault> {
                let point = Self::decode(bytes, true)?;
                // SAFETY: the argument is a plain value.
                if unsafe { blst::$in_group(&point.0) } { Ok(point) } else { Err(PointFault::OffSubgroup) }
            }

            fn decode(bytes: &[u8; $size], subgroup: bool) -> core::result::Result<Self, PointFault> {
                let mut point = Self::default();
                // SAFETY: `bytes` has as many bytes as are read.
                PointFault::check(unsafe { blst::$uncompress(&mut point.0, bytes.as_ptr()) }, subgroup)?;
                if point.is_identity() { Err(PointFault::Identity) } else { Ok(point) }
            }

            /// Whether this is the identity.
            #[must_use]
            pub fn is_identity(&self) -> bool {
                *self == Self::default()
            }

            /// The compressed encoding.
            #[must_use]
            pub fn encode(&self) -> [u8; $size] {
                let mut bytes = [0; $size];
                // SAFETY: `bytes` has as many bytes as are written.
                unsafe { blst::$compress(bytes.as_mut_ptr(), &self.0) };
                bytes
            }
        }

        impl Add for $point {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                let mut result = Self::default();
                // SAFETY: all three are plain values.
                unsafe { blst::$add(&mut result.0, &self.0, &other.0) };
                result
            }
        }

        impl Neg for $point {
            type Output = Self;
            fn neg(mut self) -> Self {
                // SAFETY: the argument is a plain value.
                unsafe { blst::$negate(&mut self.0, true) };
                self
            }
        }

        impl Sub for $point {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                self + -other
            }
        }

        /// For points outside of the subgroup, right only once the cofactor is cleared: the library uses an
        /// endomorphism that multiplies by a constant modulo r only inside.
        impl Mul<&Scalar> for $point {
            type Output = Self;
            fn mul(self, scalar: &Scalar) -> Self {
                let mut bytes = scalar.to_le_bytes();
                let mut result = Self::default();
                // SAFETY: `bytes` has the 255 bits that are read.
                unsafe { blst::$mult(&mut result.0, &self.0, bytes.as_ptr(), SCALAR_BITS) };
                bytes.zeroize();
                result
            }
        }

        impl DefaultIsZeroes for $point {}
        impl DefaultIsZeroes for $affine {}

        impl PartialEq for $point {
            fn eq(&self, other: &Self) -> bool {
                // SAFETY: both are plain values.
                unsafe { blst::$equal(&self.0, &other.0) }
            }
        }

        impl From<&$affine> for $point {
            fn from(point: &$affine) -> Self {
                Self::from_affine(point)
            }
        }
    };
}

group! {
    /// A point of the curve over Fp; of G1 wherever it is multiplied by a scalar.
    G1, G1Affine, blst_p1, blst_p1_affine, G1_SIZE,
    generator: blst_p1_generator, from_affine: blst_p1_from_affine, add: blst_p1_add_or_double,
    add_affine: blst_p1_add_affine, double: blst_p1_double, negate: blst_p1_cneg, mult: blst_p1_mult,
    equal: blst_p1_is_equal, infinite: blst_p1_is_inf, to_affine: blst_p1s_to_affine, uncompress: blst_p1_uncompress,
    compress: blst_p1_affine_compress, in_group: blst_p1_affine_in_g1, negate_field: blst_fp_cneg,
    add_each: add_each_g1
}
group! {
    /// A point of G2.
    G2, G2Affine, blst_p2, blst_p2_affine, G2_SIZE,
    generator: blst_p2_generator, from_affine: blst_p2_from_affine, add: blst_p2_add_or_double,
    add_affine: blst_p2_add_affine, double: blst_p2_double, negate: blst_p2_cneg, mult: blst_p2_mult,
    equal: blst_p2_is_equal, infinite: blst_p2_is_inf, to_affine: blst_p2s_to_affine, uncompress: blst_p2_uncompress,
    compress: blst_p2_affine_compress, in_group: blst_p2_affine_in_g2, negate_field: blst_fp2_cneg,
    add_each: add_each_g2
}

impl G1Affine {
    fn limbs(&mut self) -> impl Iterator<Item = &mut u64> {
        let blst_p1_affine { x, y } = &mut self.0;
        x.l.iter_mut().chain(&mut y.l)
    }

    /// Decodes a signature point: canonical, on the curve, not the identity; its subgroup is not checked.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode_on_curve(bytes: &[u8; G1_SIZE]) -> core::result::Result<Self, PointFault> {
        Self::decode(bytes, false)
    }

    /// An endomorphism of the curve that is the multiplication by x² on G1.
    #[must_use]
    pub fn times_parameter_squared(&self) -> Self {
        let mut image = self.negated();
        // SAFETY: all three are plain values.
        unsafe { blst::blst_fp_mul(&mut image.0.x, &self.0.x, &CUBE_ROOT) };
        image
    }

    /// The opposite point.
    #[must_use]
    pub fn negated(mut self) -> Self {
        G1::negate_if(&mut self, 1);
        self
    }

    /// Whether this is in the subgroup of order r.
    #[must_use]
    pub fn in_subgroup(&self) -> bool {
        // SAFETY: the argument is a plain value.
        unsafe { blst::blst_p1_affine_in_g1(&self.0) }
    }

    /// Whether 33 times this point is the identity: 3 and 11 are the cofactor's primes below 10,177. Not for secrets.
    #[must_use]
    pub fn order_divides_33_vartime(&self) -> bool {
        let point = G1::from_affine(self);
        (0..5).fold(point, |multiple, _| multiple.double()) == -point
    }
}

impl G2Affine {
    fn limbs(&mut self) -> impl Iterator<Item = &mut u64> {
        let blst_p2_affine { x, y } = &mut self.0;
        x.fp.iter_mut().chain(&mut y.fp).flat_map(|field| &mut field.l)
    }
}

impl G1 {
    /// `hash_to_g1(name, message)`.
    #[must_use]
    pub fn hash(name: &str, message: &[u8]) -> Self {
        Self::hash_with_tag(&transcript::curve_tag(name), message)
    }

    /// RFC 9380's BLS12381G1_XMD:SHA-256_SSWU_RO_ with the given domain separation tag.
    #[must_use]
    pub fn hash_with_tag(tag: &[u8], message: &[u8]) -> Self {
        let mut point = Self::default();
        // SAFETY: each pointer comes with the length of its slice; an empty augmentation may be null.
        unsafe {
            blst::blst_hash_to_g1(
                &mut point.0,
                message.as_ptr(),
                message.len(),
                tag.as_ptr(),
                tag.len(),
                core::ptr::null(),
                0,
            );
        }
        point
    }

    /// `clear(P) = (1 − x)·P`, for any point of the curve. Not for secrets.
    #[must_use]
    pub fn clear_cofactor_vartime(&self) -> Self {
        // 1 − x = 1 + |x|, and |x| has six bits set.
        let mut multiple = *self;
        for bit in (0..PARAMETER.ilog2()).rev() {
            multiple = multiple.double();
            if PARAMETER >> bit & 1 == 1 {
                multiple = multiple + *self;
            }
        }
        multiple + *self
    }

    /// `proj(P) = h⁻¹·(h·P)`, for any point of the curve: the part of P in G1.
    #[must_use]
    pub fn project(&self) -> Self {
        // The factor h may not be reduced modulo r, nor go through an endomorphism. The library multiplies by
        // scalars of fewer than 176 bits with plain windows, which are right on the whole curve.
        let bytes = COFACTOR.to_le_bytes();
        let mut multiple = Self::default();
        // SAFETY: `bytes` has the 126 bits that are read.
        unsafe { blst::blst_p1_mult(&mut multiple.0, &self.0, bytes.as_ptr(), COFACTOR_BITS) };
        multiple * &Scalar::from_u128(COFACTOR).invert()
    }
}
