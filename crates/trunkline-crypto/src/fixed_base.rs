//! Multiplication of a fixed point by secret scalars, from a table.
//!
//! The scalar is made odd (by adding r, if need be) and written with digits that are odd and not zero:
//! k = Σ dᵢ·2^(w·i), |dᵢ| < 2^w. So every window adds one entry, none is skipped, and the sum before window i, being
//! smaller in absolute value than any multiple that window i adds, never equals what is added to it, nor its opposite;
//! and it is odd, so never zero. Modulo r this holds for all but the top window, whose addition is therefore a complete
//! one.
//! Each look-up reads the whole row.
//!
//! Many multiplications go through their windows side by side, so that the additions of one window share an inversion.

use core::hint::black_box;

use zeroize::{DefaultIsZeroes, Zeroize, Zeroizing};

use crate::curve::{Group, Scalar, ORDER};

/// Bits of a window, w.
const WINDOW: usize = 6;
/// Entries of a row: the odd multiples 1, 3, …, 2^w − 1.
const ENTRIES: usize = 1 << (WINDOW - 1);
/// Rows, enough for k + r < 2²⁵⁶.
const ROWS: usize = 256_usize.div_ceil(WINDOW);

/// From so many multiplications on, sharing inversions costs less than doing without.
const WORTH_SHARING: usize = 24;

/// The table of one point. About 130 kB in G1, 260 kB in G2.
pub struct FixedBase<G: Group> {
    entries: Vec<G::Words>,
}

impl<G: Group> FixedBase<G> {
    /// Makes the table; `base` is in the subgroup and not the identity.
    #[must_use]
    pub fn new(base: &G) -> Self {
        let mut multiples = Vec::with_capacity(ROWS * ENTRIES);
        let mut unit = *base;
        for _ in 0..ROWS {
            let twice = G::batch_affine(&[unit.double()]);
            let mut multiple = unit;
            for _ in 0..ENTRIES {
                multiples.push(multiple);
                for twice in &twice {
                    multiple = multiple.add_unequal(twice);
                }
            }
            unit = (0..WINDOW).fold(unit, |unit, _| unit.double());
        }
        Self { entries: G::batch_affine(&multiples).iter().map(G::words).collect() }
    }

    /// `base · scalar`, in constant time.
    #[must_use]
    pub fn multiply(&self, scalar: &Scalar) -> G {
        let mut digits = Digits::new(scalar);
        let mut rows = self.entries.chunks_exact(ENTRIES).zip(digits.0.iter().copied());
        let first = rows.next().map(|(row, digit)| G::from_affine(&look_up::<G>(row, digit)));
        let last = rows.next_back().map(|(row, digit)| G::from_affine(&look_up::<G>(row, digit)));
        let (first, last) = first.zip(last).expect("a table has rows");
        let product = rows.fold(first, |sum, (row, digit)| sum.add_unequal(&look_up::<G>(row, digit))) + last;
        digits.0.zeroize();
        product
    }

    /// Multiplies each table's base by its scalar, in constant time.
    #[must_use]
    pub fn multiply_each(terms: &[(&Self, &Scalar)]) -> Vec<G> {
        if terms.len() < WORTH_SHARING {
            return terms.iter().map(|(table, scalar)| table.multiply(scalar)).collect();
        }
        let mut digits: Vec<Digits> = terms.iter().map(|(_, scalar)| Digits::new(scalar)).collect();
        let entries = |row: usize| -> Vec<G::Affine> {
            let look_up = |((table, _), digits): (&(&Self, &Scalar), &Digits)| {
                let rows = table.entries.chunks_exact(ENTRIES).zip(&digits.0);
                rows.skip(row).map(|(row, digit)| look_up::<G>(row, *digit)).next().unwrap_or_default()
            };
            terms.iter().zip(&digits).map(look_up).collect()
        };
        let mut sums = Zeroizing::new(entries(0));
        for row in 1..ROWS - 1 {
            G::add_each(&mut sums, &Zeroizing::new(entries(row)));
        }
        let last = Zeroizing::new(entries(ROWS - 1));
        let products =
            sums.iter().zip(&*last).map(|(sum, last)| G::from_affine(sum) + G::from_affine(last)).collect();
        digits.iter_mut().for_each(|digits| digits.0.zeroize());
        products
    }
}

impl<G: Group> Drop for FixedBase<G> {
    fn drop(&mut self) {
        // Some bases are a member's own credential.
        self.entries.zeroize();
    }
}

/// A signed odd digit: the index of |d| in its row, and whether d is negative (1) or not (0).
#[derive(Clone, Copy, Default)]
struct Digit {
    index: u64,
    negative: u64,
}

impl DefaultIsZeroes for Digit {}

struct Digits([Digit; ROWS]);

impl Digits {
    fn new(scalar: &Scalar) -> Self {
        let mut words = odd_words(scalar);
        let mut digits = [Digit::default(); ROWS];
        for (row, digit) in digits.iter_mut().enumerate() {
            // d = (((k >> w·i) | 1) mod 2^(w+1)) − 2^w, but in the top row d = (k >> w·i) | 1.
            let top = u64::from(row == ROWS - 1) << WINDOW;
            let value = bits(&words, row * WINDOW) | 1 | top;
            digit.negative = ((value >> WINDOW) & 1) ^ 1;
            digit.index = ((value ^ digit.negative.wrapping_neg()) % (1 << WINDOW)) >> 1;
        }
        words.zeroize();
        Self(digits)
    }
}

/// k or k + r, whichever is odd; the least significant word first.
fn odd_words(scalar: &Scalar) -> [u64; 4] {
    let mut bytes = scalar.to_le_bytes();
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    bytes.zeroize();
    let [lowest, ..] = words;
    let even = (lowest & 1).wrapping_sub(1);
    let mut carry = 0;
    for (word, order) in words.iter_mut().zip(ORDER) {
        let sum = u128::from(*word) + u128::from(order & even) + carry;
        *word = sum as u64;
        carry = sum >> 64;
    }
    words
}

/// At least `WINDOW` + 1 bits from the given offset on.
fn bits(words: &[u64; 4], offset: usize) -> u64 {
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    let pair = u128::from(word(offset / 64)) | u128::from(word(offset / 64 + 1)) << 64;
    (pair >> (offset % 64)) as u64
}

/// The entry that a digit stands for. Reads every entry of the row, so that memory access does not tell which.
fn look_up<G: Group>(row: &[G::Words], digit: Digit) -> G::Affine {
    // Keeps the compiler from learning what the index is and branching on it.
    let index = black_box(digit.index);
    let mut words = G::Words::default();
    for (candidate, position) in row.iter().zip(0_u64..) {
        let difference = position ^ index;
        let mask = ((difference | difference.wrapping_neg()) >> 63).wrapping_sub(1);
        for (word, candidate) in words.as_mut().iter_mut().zip(candidate.as_ref()) {
            *word |= candidate & mask;
        }
    }
    let mut entry = G::from_words(&words);
    G::negate_if(&mut entry, digit.negative);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{G1, G2};
    use crate::random::{Hedge, OsRandom};

    #[test]
    fn multiply_agrees_with_the_library_for_random_and_extreme_scalars() {
        let mut random = Hedge::new(&OsRandom, "test", &[]).unwrap();
        let base = G1::generator() * &random.scalar();
        let other = G2::generator() * &random.scalar();
        let (table, other_table) = (FixedBase::new(&base), FixedBase::new(&other));
        let one = Scalar::from_u128(1);
        let mut scalars =
            vec![Scalar::default(), one.clone(), -&one, Scalar::from_u128(2), -&Scalar::from_u128(2)];
        scalars.extend((0..64).map(|bit| Scalar::from_u128(1 << (2 * bit))));
        scalars.extend((0..64).map(|bit| -&Scalar::from_u128(u128::MAX >> bit)));
        scalars.extend((0..64).map(|_| random.scalar()));
        // The one scalar for which the sum before the top window is, modulo r, what that window adds.
        scalars.push(&(&Scalar::from_u128(1 << 126) * &Scalar::from_u128(1 << 126)) * &Scalar::from_u128(14));
        let products =
            FixedBase::multiply_each(&scalars.iter().map(|scalar| (&table, scalar)).collect::<Vec<_>>());
        let others: Vec<_> = scalars.iter().map(|scalar| (&other_table, scalar)).collect();
        let other_products = FixedBase::multiply_each(&others);
        for (scalar, (product, other_product)) in scalars.iter().zip(products.iter().zip(&other_products)) {
            assert!(table.multiply(scalar) == base * scalar);
            assert!(other_table.multiply(scalar) == other * scalar);
            assert!(*product == base * scalar);
            assert!(*other_product == other * scalar);
        }
    }

    #[test]
    fn few_multiplications_are_right_too() {
        let mut random = Hedge::new(&OsRandom, "test", &[]).unwrap();
        let (left, right) = (G1::generator() * &random.scalar(), G1::generator() * &random.scalar());
        let tables = (FixedBase::new(&left), FixedBase::new(&right));
        let scalars = (random.scalar(), random.scalar());
        let products = FixedBase::multiply_each(&[(&tables.0, &scalars.0), (&tables.1, &scalars.1)]);
        assert!(products == [left * &scalars.0, right * &scalars.1]);
    }
}
