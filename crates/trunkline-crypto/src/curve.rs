//! BLS12-381: the only file that calls the curve library.
//!
//! Every unsafe block calls a function of `blst` with pointers to initialised values of the types that its header
//! names; none keeps a pointer after it returns. All functions are constant-time unless their name says `vartime`.
#![allow(unsafe_code)]

use core::ops::{Add, Mul, Neg, Sub};

use blst::{
    blst_fp, blst_fp12, blst_fp6, blst_fr, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine, blst_scalar,
    BLST_ERROR,
};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::transcript;

/// Bytes of an encoded point of G1.
pub const G1_SIZE: usize = 48;
/// Bytes of an encoded point of G2.
pub const G2_SIZE: usize = 96;
/// Bytes of an encoded scalar.
pub const SCALAR_SIZE: usize = 32;
/// Bits of the group order r.
pub const SCALAR_BITS: usize = 255;
/// The group order r, least significant word first.
pub const ORDER: [u64; 4] =
    [0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48];
/// |x|, the absolute value of the curve's (negative) parameter.
const PARAMETER: u64 = 0xd201_0000_0001_0000;
/// The cofactor h of G1, as an integer of 126 bits.
const COFACTOR: u128 = 0x396c_8c00_5555_e156_8c00_aaab_0000_aaab;
const COFACTOR_BITS: usize = 126;
/// x², the square of the curve's parameter.
pub const PARAMETER_SQUARED: u128 = PARAMETER as u128 * PARAMETER as u128;
const LINES: usize = 68;
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
/// Words of a bucket of the library's multi-scalar multiplication: four coordinates.
const BUCKET_WORDS: usize = 4 * 6;

/// An integer modulo r. Not `Copy`, wiped on drop, compared in constant time, since most scalars are secrets.
#[derive(Clone, Default)]
pub struct Scalar(blst_fr);

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
        let bytes = value.to_be_bytes();
        let mut wide = [0; 64];
        for (target, byte) in wide.iter_mut().rev().zip(bytes.iter().rev()) {
            *target = *byte;
        }
        Self::from_wide_bytes(&wide)
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
    type Affine: Copy + Default + Send + Sync;
    /// The words of such a point.
    type Words: Copy + Default + Send + Sync + AsRef<[u64]> + AsMut<[u64]>;

    /// The point with a denominator of 1.
    fn from_affine(point: &Self::Affine) -> Self;
    /// `self + self`.
    #[must_use]
    fn double(&self) -> Self;
    /// The sum, wrong only if both are the same point.
    #[must_use]
    fn add_unequal(&self, other: &Self::Affine) -> Self;
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
        negate_field: $negate_field:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $point($raw);

        #[doc = concat!("A point of `", stringify!($point), "` with coordinates x and y.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        #[repr(transparent)]
        pub struct $affine($raw_affine);

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
    compress: blst_p1_affine_compress, in_group: blst_p1_affine_in_g1, negate_field: blst_fp_cneg
}
group! {
    /// A point of G2.
    G2, G2Affine, blst_p2, blst_p2_affine, G2_SIZE,
    generator: blst_p2_generator, from_affine: blst_p2_from_affine, add: blst_p2_add_or_double,
    add_affine: blst_p2_add_affine, double: blst_p2_double, negate: blst_p2_cneg, mult: blst_p2_mult,
    equal: blst_p2_is_equal, infinite: blst_p2_is_inf, to_affine: blst_p2s_to_affine, uncompress: blst_p2_uncompress,
    compress: blst_p2_affine_compress, in_group: blst_p2_affine_in_g2, negate_field: blst_fp2_cneg
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

/// One window of a multi-scalar multiplication with scalars of 128 bits, little-endian: the sum of all
/// `points[i] · d`, where d is the signed digit that `window` bits of `scalars[i]` from `bit0` up stand for. The
/// windows at 0, `window`, 2·`window`, … up to and with the last that is not above 128 add up to the product, each
/// doubled `bit0` times.
///
/// Not for secrets. Complete: right for repeated and opposite points, and on the whole curve. (The library's function
/// for whole products is not: with fewer than 32 points it divides by zero for points of small order.)
///
/// # Panics
/// Unless there are at least two points and as many scalars.
#[must_use]
pub fn pippenger_window_vartime(points: &[G1Affine], scalars: &[[u8; 16]], bit0: usize, window: usize) -> G1 {
    const BITS: usize = 128;
    assert!(points.len() >= 2 && points.len() == scalars.len(), "at least two terms");
    assert!(bit0 <= BITS && (2..=16).contains(&window), "windows of the scalars");
    let mut buckets = vec![0_u64; BUCKET_WORDS << (window - 1)];
    let mut sum = G1::default();
    // The library reads the following elements of both arrays after a null pointer.
    let first_point = [points.as_ptr().cast::<blst_p1_affine>(), core::ptr::null()];
    let first_scalar = [scalars.as_ptr().cast::<u8>(), core::ptr::null()];
    // SAFETY: `G1Affine` is a transparent wrapper; both arrays are contiguous and have the length given; the scratch
    // has a zeroed bucket for each absolute value of a signed digit of `window` bits.
    unsafe {
        blst::blst_p1s_tile_pippenger(
            &mut sum.0,
            first_point.as_ptr(),
            points.len(),
            first_scalar.as_ptr(),
            BITS,
            buckets.as_mut_ptr(),
            bit0,
            window,
        );
    }
    sum
}

/// A point of G2 prepared for pairings: the lines of its Miller loop.
#[derive(Clone)]
pub struct PreparedG2(Box<[blst_fp6; LINES]>);

impl PreparedG2 {
    /// Computes the lines.
    #[must_use]
    pub fn new(point: &G2Affine) -> Self {
        let mut lines = Box::new([blst_fp6::default(); LINES]);
        // SAFETY: `lines` has the 68 elements that are written.
        unsafe { blst::blst_precompute_lines(lines.as_mut_ptr(), &point.0) };
        Self(lines)
    }

    /// `e(point, self)`.
    #[must_use]
    pub fn pair(&self, point: &G1Affine) -> Gt {
        let mut value = blst_fp12::default();
        // SAFETY: `self.0` has the 68 elements that are read.
        unsafe { blst::blst_miller_loop_lines(&mut value, self.0.as_ptr(), &point.0) };
        Gt(value).final_exponentiation()
    }
}

/// An element of the target group.
#[derive(Clone, Copy)]
pub struct Gt(blst_fp12);

impl Gt {
    /// `e(left, right)`.
    #[must_use]
    pub fn pair(left: &G1Affine, right: &G2Affine) -> Self {
        Self::miller_loop(left, right).final_exponentiation()
    }

    /// The 576 bytes that are hashed (`docs/protocol.md`, section 1).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 576] {
        let mut bytes = [0; 576];
        // SAFETY: `bytes` has the 576 bytes that are written.
        unsafe { blst::blst_bendian_from_fp12(bytes.as_mut_ptr(), &self.0) };
        bytes
    }

    fn miller_loop(left: &G1Affine, right: &G2Affine) -> Self {
        let mut value = blst_fp12::default();
        // SAFETY: all three are plain values. (The function gives 1 if either point is the identity.)
        unsafe { blst::blst_miller_loop(&mut value, &right.0, &left.0) };
        Self(value)
    }

    fn final_exponentiation(&self) -> Self {
        let mut value = blst_fp12::default();
        // SAFETY: both are plain values.
        unsafe { blst::blst_final_exp(&mut value, &self.0) };
        Self(value)
    }
}

impl Zeroize for Gt {
    fn zeroize(&mut self) {
        for field in self.0.fp6.iter_mut().flat_map(|fp6| &mut fp6.fp2).flat_map(|fp2| &mut fp2.fp) {
            field.l.zeroize();
        }
    }
}

/// Whether `e(left.0, left.1) = e(right.0, right.1)`.
#[must_use]
pub fn pairings_equal(left: (&G1Affine, &G2Affine), right: (&G1Affine, &G2Affine)) -> bool {
    let left = Gt::miller_loop(left.0, left.1);
    let right = Gt::miller_loop(right.0, right.1);
    // SAFETY: both are plain values.
    unsafe { blst::blst_fp12_finalverify(&left.0, &right.0) }
}
