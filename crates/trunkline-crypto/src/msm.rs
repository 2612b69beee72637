//! Multi-scalar multiplication over public points, with full and with short scalars in one pass.

use rayon::prelude::*;

use crate::curve::{pippenger_window_vartime, G1Affine, Group, Scalar, G1, SCALAR_BITS};

const SHORT_BITS: usize = 128;

/// A sum of points times public scalars. The points may be any of the curve; what the sum says about their parts
/// outside of G1 holds only after its cofactor is cleared, since full scalars are reduced modulo r.
#[derive(Default)]
pub struct Terms {
    points: Vec<G1Affine>,
    scalars: Vec<[u8; 32]>,
    short_points: Vec<G1Affine>,
    short_scalars: Vec<[u8; 16]>,
}

impl Terms {
    /// Adds `point · scalar`.
    pub fn push(&mut self, point: G1Affine, scalar: &Scalar) {
        self.points.push(point);
        self.scalars.push(scalar.to_le_bytes());
    }

    /// Adds `point · scalar`, at about half the cost.
    pub fn push_short(&mut self, point: G1Affine, scalar: u128) {
        self.short_points.push(point);
        self.short_scalars.push(scalar.to_le_bytes());
    }

    /// Adds the terms of another sum.
    pub fn append(&mut self, mut other: Self) {
        self.points.append(&mut other.points);
        self.scalars.append(&mut other.scalars);
        self.short_points.append(&mut other.short_points);
        self.short_scalars.append(&mut other.short_scalars);
    }

    /// The sum. Takes time that depends on the scalars.
    #[must_use]
    pub fn sum_vartime(mut self) -> G1 {
        let window = window_bits(self.points.len() + self.short_points.len());
        // The library's windows need two points; the identity adds nothing.
        while self.points.len() < 2 {
            self.push(G1Affine::default(), &Scalar::default());
        }
        while self.short_points.len() < 2 {
            self.push_short(G1Affine::default(), 0);
        }
        let windows: Vec<G1> = (0..=SCALAR_BITS / window)
            .into_par_iter()
            .map(|index| {
                let bit0 = index * window;
                let long = pippenger_window_vartime(&self.points, &self.scalars, SCALAR_BITS, bit0, window);
                if bit0 > SHORT_BITS {
                    return long;
                }
                long + pippenger_window_vartime(&self.short_points, &self.short_scalars, SHORT_BITS, bit0, window)
            })
            .collect();
        windows.iter().rev().fold(G1::default(), |sum, value| {
            (0..window).fold(sum, |sum, _| sum.double()) + *value
        })
    }
}

/// Bits of a window, by the number of points: a bucket costs about as much as two points.
const fn window_bits(points: usize) -> usize {
    match points {
        0..32 => 4,
        32..96 => 5,
        96..256 => 6,
        256..640 => 7,
        640..1_536 => 8,
        1_536..4_096 => 9,
        4_096..12_288 => 10,
        _ => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{PointFault, ORDER};
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
        assert_eq!(torsion.in_subgroup(), false);
        let mut terms = Terms::default();
        terms.push(torsion, &Scalar::from_u128(3));
        terms.push(G1::generator().to_affine(), &Scalar::from_u128(9));
        terms.push_short(torsion, 4);
        let sum = terms.sum_vartime();
        assert!(sum == G1::generator() * &Scalar::from_u128(9) + G1::from_affine(&torsion));
        assert!(sum.clear_cofactor_vartime() == (G1::generator() * &Scalar::from_u128(9)).clear_cofactor_vartime());
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
