//! Pairings.

use blst::{blst_fp12, blst_fp6};
use zeroize::Zeroize;

use super::point::{G1Affine, G2Affine};

/// Steps of the Miller loop.
const LINES: usize = 68;

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
