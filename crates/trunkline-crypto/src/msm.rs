//! Multi-scalar multiplication over public points.
//!
//! Scalars are split by the curve's endomorphism, k = s + q·x² with both halves below 2¹²⁸: twice as many terms of
//! half the length cost less, since their windows are larger.

use rayon::prelude::*;

use crate::curve::{pippenger_window_vartime, G1Affine, Group, Scalar, G1, PARAMETER};

const BITS: usize = 128;

/// A sum of points times public scalars. The points may be any of the curve; what the sum says about their parts
/// outside of G1 holds only after its cofactor is cleared.
#[derive(Default)]
pub struct Terms {
    points: Vec<G1Affine>,
    scalars: Vec<[u8; 16]>,
}

impl Terms {
    /// Adds `point · scalar`.
    pub fn push(&mut self, point: G1Affine, scalar: &Scalar) {
        let (quotient, remainder) = divide_by_parameter_squared(&scalar.to_le_bytes());
        self.push_short(point, remainder);
        self.push_short(point.times_parameter_squared(), quotient);
    }

    /// Adds `point · scalar`, at half the cost.
    pub fn push_short(&mut self, point: G1Affine, scalar: u128) {
        self.points.push(point);
        self.scalars.push(scalar.to_le_bytes());
    }

    /// Adds the terms of another sum.
    pub fn append(&mut self, mut other: Self) {
        self.points.append(&mut other.points);
        self.scalars.append(&mut other.scalars);
    }

    /// The sum. Takes time that depends on the scalars.
    #[must_use]
    pub fn sum_vartime(self) -> G1 {
        self.windows_vartime().sum()
    }

    /// The windows that the sum is made of. Takes time that depends on the scalars.
    #[must_use]
    pub fn windows_vartime(mut self) -> Windows {
        // The library's windows need two points; the identity adds nothing.
        while self.points.len() < 2 {
            self.push_short(G1Affine::default(), 0);
        }
        let width = window_bits(self.points.len());
        let sums = (0..=BITS / width)
            .into_par_iter()
            .map(|index| pippenger_window_vartime(&self.points, &self.scalars, index * width, width))
            .collect();
        Windows { width, sums }
    }
}

/// A multi-scalar multiplication before its windows are added up: window j is the sum of all points times the digit
/// that the `width` bits of their scalars from `j·width` up stand for.
///
/// Digits are signed, and a digit depends on its own bits and the one below them. Whatever the lower digits are, n
/// uniform bits make a digit uniform over 2ⁿ consecutive numbers.
pub struct Windows {
    width: usize,
    sums: Vec<G1>,
}

impl Windows {
    /// The sum of all terms.
    #[must_use]
    pub fn sum(&self) -> G1 {
        let shift = |sum: G1| (0..self.width).fold(sum, |sum, _| sum.double());
        self.sums.iter().rev().fold(G1::default(), |sum, window| shift(sum) + *window)
    }

    /// Whether the sum of each window is in the subgroup of order r.
    #[must_use]
    pub fn are_in_subgroup(&self) -> bool {
        G1::batch_affine(&self.sums).par_iter().all(G1Affine::in_subgroup)
    }
}

/// Quotient and remainder of a scalar, little-endian, by x².
fn divide_by_parameter_squared(scalar: &[u8; 32]) -> (u128, u128) {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(scalar.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    // k = q₁·|x| + s₁ and q₁ = q·|x| + s₂ give k = q·x² + (s₁ + s₂·|x|).
    let first = divide_by_parameter(&mut words);
    let second = divide_by_parameter(&mut words);
    let [low, high, ..] = words.map(u128::from);
    (high << 64 | low, u128::from(second) * u128::from(PARAMETER) + u128::from(first))
}

/// Divides by |x| in place and returns the remainder. Words stand in ascending order.
#[expect(clippy::cast_possible_truncation, reason = "a remainder is less than |x|, a quotient less than 2⁶⁴")]
fn divide_by_parameter(words: &mut [u64; 4]) -> u64 {
    words.iter_mut().rev().fold(0, |remainder, word| {
        let value = u128::from(remainder) << 64 | u128::from(*word);
        *word = (value / u128::from(PARAMETER)) as u64;
        (value % u128::from(PARAMETER)) as u64
    })
}

/// Bits of a window, by the number of points: a bucket costs about as much as two points.
const fn window_bits(points: usize) -> usize {
    match points {
        0..32 => 4,
        32..96 => 5,
        96..384 => 6,
        384..1_024 => 7,
        1_024..3_072 => 8,
        3_072..8_192 => 9,
        8_192..24_576 => 10,
        _ => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{PointFault, ORDER, PARAMETER_SQUARED};
    use crate::random::{Hedge, OsRandom};

    fn decode(hex_text: &str) -> G1Affine {
        G1Affine::decode_on_curve(&hex::decode(hex_text).unwrap().try_into().unwrap()).unwrap()
    }

    /// The point (0, 2) of order 3.
    fn order_three() -> G1Affine {
        let mut bytes = [0; 48];
        bytes[0] = 0x80;
        G1Affine::decode_on_curve(&bytes).unwrap()
    }

    #[test]
    fn sum_of_any_number_of_terms_is_the_naive_sum() {
        let mut random = Hedge::new(&OsRandom, "test", &[]).unwrap();
        for count in [0, 1, 2, 3, 31, 33, 120, 300, 700] {
            let (mut terms, mut expected) = (Terms::default(), G1::default());
            for index in 0..count {
                let point = G1::generator() * &random.scalar();
                let scalar = random.scalar();
                terms.push(point.to_affine(), &scalar);
                expected = expected + point * &scalar;
                if index % 2 == 0 {
                    let short = u128::MAX - index;
                    terms.push_short(point.to_affine(), short);
                    expected = expected + point * &Scalar::from_u128(short);
                }
            }
            assert!(terms.sum_vartime() == expected, "{count} terms");
        }
    }

    #[test]
    fn endomorphism_multiplies_by_the_squared_parameter() {
        let point = G1::generator() * &Scalar::from_u128(5);
        let expected = point * &Scalar::from_u128(PARAMETER_SQUARED);
        assert!(G1::from_affine(&point.to_affine().times_parameter_squared()) == expected);
    }

    #[test]
    fn division_by_the_squared_parameter_is_exact() {
        let square = Scalar::from_u128(PARAMETER_SQUARED);
        let minus_one = -&Scalar::from_u128(1);
        for scalar in [Scalar::default(), &square + &minus_one, square.clone(), minus_one, &square * &square]
        {
            let (quotient, remainder) = divide_by_parameter_squared(&scalar.to_le_bytes());
            assert!(remainder < PARAMETER_SQUARED);
            assert!(&(&Scalar::from_u128(quotient) * &square) + &Scalar::from_u128(remainder) == scalar);
        }
    }

    #[test]
    fn windows_hold_consecutive_digits_whatever_is_below_them() {
        let windows = |scalar: u128| {
            let mut terms = Terms::default();
            terms.push_short(G1::generator().to_affine(), scalar);
            terms.windows_vartime()
        };
        let width = windows(0).width;
        let values = 1_u128 << width;
        for (below, carry) in [(0, 0), (values / 2 - 1, 0), (values / 2, 1), (values - 1, 1)] {
            for value in 0..values {
                let sums = windows(below << width | value << (2 * width)).sums;
                let digit = Scalar::from_u128(value + carry);
                let wrap = Scalar::from_u128(if value < values / 2 { 0 } else { values });
                assert!(sums[2] == G1::generator() * &(&digit - &wrap), "{value} above {below}");
            }
        }
    }

    #[test]
    fn windows_with_torsion_are_not_in_the_subgroup() {
        let mut terms = Terms::default();
        terms.push_short(G1::generator().to_affine(), 7);
        assert!(terms.windows_vartime().are_in_subgroup());
        let mut terms = Terms::default();
        terms.push_short(order_three(), 4);
        terms.push_short(G1::generator().to_affine(), 9);
        assert!(!terms.windows_vartime().are_in_subgroup());
    }

    #[test]
    fn sum_of_repeated_opposite_and_infinite_points_is_right() {
        let point = G1::generator().to_affine();
        let negative = (-G1::generator()).to_affine();
        let five = Scalar::from_u128(5);
        let mut terms = Terms::default();
        for _ in 0..40 {
            terms.push(point, &five);
            terms.push(G1Affine::default(), &five);
            terms.push_short(negative, 5);
        }
        assert!(terms.sum_vartime().is_identity());
        let mut terms = Terms::default();
        terms.push(point, &-&five);
        terms.push(point, &Scalar::from_u128(6));
        assert!(terms.sum_vartime() == G1::generator());
    }

    #[test]
    fn sum_with_points_of_order_three_leaves_the_other_points_right() {
        // The library's own function for fewer than 32 points inverts a zero here and returns nonsense.
        let torsion = order_three();
        assert!(!torsion.in_subgroup());
        let mut terms = Terms::default();
        terms.push(torsion, &Scalar::from_u128(3));
        terms.push(G1::generator().to_affine(), &Scalar::from_u128(9));
        terms.push_short(torsion, 4);
        let sum = terms.sum_vartime();
        assert!(sum == G1::generator() * &Scalar::from_u128(9) + G1::from_affine(&torsion));
        assert!(
            sum.clear_cofactor_vartime()
                == (G1::generator() * &Scalar::from_u128(9)).clear_cofactor_vartime()
        );
    }

    #[test]
    fn order_constant_is_the_order_of_the_generator() {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(ORDER.iter().rev()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        assert!(Scalar::from_bytes(&bytes).is_none());
        bytes[31] -= 1;
        assert!(Scalar::from_bytes(&bytes).unwrap() == -&Scalar::from_u128(1));
        assert!(G1::generator() * &Scalar::from_bytes(&bytes).unwrap() == -G1::generator());
    }

    #[test]
    fn decoding_names_what_is_wrong() {
        let identity = {
            let mut bytes = [0; 48];
            bytes[0] = 0xc0;
            bytes
        };
        assert_eq!(G1Affine::decode_on_curve(&identity), Err(PointFault::Identity));
        assert_eq!(G1Affine::decode_strict(&order_three().encode()), Err(PointFault::OffSubgroup));
        let mut uncompressed = G1::generator().encode();
        uncompressed[0] &= 0x7f;
        assert_eq!(G1Affine::decode_on_curve(&uncompressed), Err(PointFault::Encoding));
        // p itself, an encoding of 0 that is not reduced.
        let modulus = "9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
        let modulus: [u8; 48] = hex::decode(modulus).unwrap().try_into().unwrap();
        assert_eq!(G1Affine::decode_on_curve(&modulus), Err(PointFault::Encoding));
        let mut off_curve = [0; 48];
        (off_curve[0], off_curve[47]) = (0x80, 1);
        assert_eq!(G1Affine::decode_on_curve(&off_curve), Err(PointFault::OffCurve));
        // x = 4: on the curve, order r times a divisor of the cofactor.
        let mut off_subgroup = [0; 48];
        (off_subgroup[0], off_subgroup[47]) = (0x80, 4);
        assert_eq!(G1Affine::decode_strict(&off_subgroup), Err(PointFault::OffSubgroup));
        assert_eq!(decode(&hex::encode(off_subgroup)).encode(), off_subgroup);
    }

    #[test]
    fn projection_is_the_identity_map_on_g1_and_removes_everything_else() {
        let point = G1::generator() * &Scalar::from_u128(77);
        assert!(point.project() == point);
        let marked = point + G1::from_affine(&order_three());
        assert!(marked.project() == point);
        assert!(G1::from_affine(&order_three()).project().is_identity());
        assert!(G1::from_affine(&order_three()).clear_cofactor_vartime().is_identity());
        let mut off_subgroup = [0; 48];
        (off_subgroup[0], off_subgroup[47]) = (0x80, 4);
        let off_subgroup = G1::from_affine(&G1Affine::decode_on_curve(&off_subgroup).unwrap());
        assert!(off_subgroup.project().to_affine().in_subgroup());
        assert!(off_subgroup.clear_cofactor_vartime().to_affine().in_subgroup());
        // What projection removes is torsion: clearing it gives nothing.
        assert!((off_subgroup - off_subgroup.project()).clear_cofactor_vartime().is_identity());
    }
}
