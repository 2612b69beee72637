//! Python functions for the thread pool, and the yardsticks of the benchmarks.

use std::hint::black_box;

use pyo3::prelude::*;
use trunkline_crypto::curve::{G1Affine, G2Affine, Gt, G1, G2};
use trunkline_crypto::error::Error;
use trunkline_crypto::oprf;
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

/// The yardstick of the pairing-based operations: plain pairings over distinct random pairs of points.
#[pyclass(frozen, module = "trunkline._core")]
struct BenchPairings(Vec<(G1Affine, G2Affine)>);

#[pymethods]
impl BenchPairings {
    #[new]
    fn new(py: Python<'_>, count: u32) -> CoreResult<Self> {
        Ok(Self(py.detach(|| {
            let mut random = Hedge::new(&OsRandom, "bench", &[])?;
            let mut pair = || {
                let (left, right) = (G1::generator() * &random.scalar(), G2::generator() * &random.scalar());
                (left.to_affine(), right.to_affine())
            };
            Ok::<_, Error>((0..count).map(|_| pair()).collect())
        })?))
    }

    /// Computes each pairing, Miller loop and final exponentiation, one after the other.
    fn run(&self, py: Python<'_>) {
        py.detach(|| {
            for (left, right) in &self.0 {
                black_box(Gt::pair(left, right));
            }
        });
    }
}

/// The yardstick of labels: ristretto multiplications of distinct elements by distinct scalars, bytes to bytes.
#[pyclass(frozen, module = "trunkline._core")]
struct BenchMultiplications(Vec<([u8; oprf::ELEMENT_SIZE], [u8; oprf::SCALAR_SIZE])>);

#[pymethods]
impl BenchMultiplications {
    #[new]
    fn new(py: Python<'_>, count: u32) -> CoreResult<Self> {
        Ok(Self(py.detach(|| {
            let pair = || {
                let (element, scalar) =
                    (oprf::LabelKey::generate(&OsRandom)?, oprf::LabelKey::generate(&OsRandom)?);
                Ok((element.public_key(), *scalar.secret_bytes()))
            };
            (0..count).map(|_| pair()).collect::<Result<_, Error>>()
        })?))
    }

    /// Computes each product, one after the other.
    fn run(&self, py: Python<'_>) -> CoreResult<()> {
        Ok(py.detach(|| {
            self.0.iter().try_for_each(|(element, scalar)| {
                black_box(oprf::multiply(element, scalar)?);
                Ok::<_, Error>(())
            })
        })?)
    }
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_class::<BenchMultiplications>()?;
    module.add_class::<BenchPairings>()
}
