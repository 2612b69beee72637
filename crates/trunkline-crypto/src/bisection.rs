//! Finding the bad elements of a batch whose check as a whole fails.

use core::ops::Range;

use crate::error::Result;

/// The positions in `range` that fail. `batch` checks a part as a whole, `single` one element.
///
/// # Errors
/// Those of `batch`.
pub fn failing(
    range: Range<usize>,
    batch: &impl Fn(Range<usize>) -> Result<bool>,
    single: &impl Fn(usize) -> bool,
) -> Result<Vec<usize>> {
    match range.len() {
        0 => Ok(Vec::new()),
        1 => Ok(range.filter(|position| !single(*position)).collect()),
        _ if batch(range.clone())? => Ok(Vec::new()),
        length => {
            let middle = range.start + length / 2;
            let mut bad = failing(range.start..middle, batch, single)?;
            bad.extend(failing(middle..range.end, batch, single)?);
            Ok(bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_names_exactly_the_bad_elements() {
        for bad in [vec![], vec![0], vec![999], vec![3, 4, 500]] {
            let single = |position: usize| !bad.contains(&position);
            let batch = |range: Range<usize>| Ok(range.clone().all(single));
            assert_eq!(failing(0..1_000, &batch, &single).unwrap(), bad);
        }
    }
}
