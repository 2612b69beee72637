//! Sums of many pairs of points in coordinates: one inversion for all of them, and six multiplications for each, where
//! adding coordinates to a point with a denominator takes eleven (Montgomery 1987).

use blst::{blst_fp, blst_fp2};
use zeroize::Zeroize;

use super::point::{G1Affine, G2Affine};

macro_rules! sums {
    (
        $add_each:ident, $affine:ident, $field:ident, $wipe:ident,
        multiply: $multiply:ident, square: $square:ident, subtract: $subtract:ident, invert: $invert:ident
    ) => {
        /// Adds to each point the other of the same position. Wrong for all of them if one pair has the same x, or if
        /// one of the points is the identity.
        pub(super) fn $add_each(points: &mut [$affine], others: &[$affine]) {
            let multiply = |left: &$field, right: &$field| {
                let mut result = $field::default();
                // SAFETY: the arguments are plain values.
                unsafe { blst::$multiply(&mut result, left, right) };
                result
            };
            let square = |value: &$field| {
                let mut result = $field::default();
                // SAFETY: the arguments are plain values.
                unsafe { blst::$square(&mut result, value) };
                result
            };
            let subtract = |left: &$field, right: &$field| {
                let mut result = $field::default();
                // SAFETY: the arguments are plain values.
                unsafe { blst::$subtract(&mut result, left, right) };
                result
            };
            let invert = |value: &$field| {
                let mut result = $field::default();
                // SAFETY: the arguments are plain values.
                unsafe { blst::$invert(&mut result, value) };
                result
            };
            // The difference of the two x, and the product of all differences up to this one.
            let mut differences: Vec<($field, $field)> = Vec::with_capacity(points.len());
            for (point, other) in points.iter().zip(others) {
                let difference = subtract(&other.0.x, &point.0.x);
                let product =
                    differences.last().map_or(difference, |(_, product)| multiply(product, &difference));
                differences.push((difference, product));
            }
            // The inverse of the product of all differences that are left.
            let mut inverse = differences.last().map(|(_, product)| invert(product)).unwrap_or_default();
            for (position, (point, other)) in points.iter_mut().zip(others).enumerate().rev() {
                let before = position.checked_sub(1).and_then(|before| differences.get(before));
                let own = before.map_or(inverse, |(_, product)| multiply(&inverse, product));
                if let Some((difference, _)) = differences.get(position) {
                    inverse = multiply(&inverse, difference);
                }
                let slope = multiply(&subtract(&other.0.y, &point.0.y), &own);
                let x = subtract(&subtract(&square(&slope), &point.0.x), &other.0.x);
                point.0.y = subtract(&multiply(&slope, &subtract(&point.0.x, &x)), &point.0.y);
                point.0.x = x;
            }
            // They tell what was added.
            for (difference, product) in &mut differences {
                $wipe(difference);
                $wipe(product);
            }
        }
    };
}

sums! {
    add_each_g1, G1Affine, blst_fp, wipe_fp,
    multiply: blst_fp_mul, square: blst_fp_sqr, subtract: blst_fp_sub, invert: blst_fp_inverse
}
sums! {
    add_each_g2, G2Affine, blst_fp2, wipe_fp2,
    multiply: blst_fp2_mul, square: blst_fp2_sqr, subtract: blst_fp2_sub, invert: blst_fp2_inverse
}

fn wipe_fp(value: &mut blst_fp) {
    value.l.zeroize();
}

fn wipe_fp2(value: &mut blst_fp2) {
    value.fp.iter_mut().for_each(wipe_fp);
}
