//! Windows of multi-scalar multiplications.

use blst::blst_p1_affine;

use super::point::{G1Affine, G1};

const BITS: usize = 128;
/// Words of a bucket of the library: four coordinates.
const BUCKET_WORDS: usize = 4 * 6;

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
