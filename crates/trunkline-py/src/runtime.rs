//! Python functions for the thread pool, and the yardstick of the benchmarks.

use std::hint::black_box;
use std::time::Instant;

use pyo3::prelude::*;
use trunkline_crypto::curve::{Gt, G1, G2};
use trunkline_crypto::pool;
use trunkline_crypto::random::{Hedge, OsRandom};

use crate::errors::CoreResult;

/// The number of threads that batch calls use.
#[pyfunction]
fn threads(py: Python<'_>) -> usize {
    py.detach(pool::threads)
}

/// Makes batch calls that start from now on use this many threads, at least 1.
#[pyfunction]
fn set_threads(py: Python<'_>, count: usize) {
    py.detach(|| pool::set_threads(count));
}

/// Microseconds of one plain pairing (Miller loop and final exponentiation), over `count` distinct random pairs.
#[pyfunction]
fn bench_pairing(py: Python<'_>, count: u32) -> CoreResult<f64> {
    Ok(py.detach(|| {
        let mut random = Hedge::new(&OsRandom, "bench", &[])?;
        let pairs: Vec<_> = (0..count)
            .map(|_| {
                let (left, right) = (G1::generator() * &random.scalar(), G2::generator() * &random.scalar());
                (left.to_affine(), right.to_affine())
            })
            .collect();
        let start = Instant::now();
        for (left, right) in &pairs {
            black_box(Gt::pair(left, right));
        }
        Ok::<_, trunkline_crypto::error::Error>(start.elapsed().as_secs_f64() * 1e6 / f64::from(count.max(1)))
    })?)
}

/// Adds the functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(bench_pairing, module)?)
}
