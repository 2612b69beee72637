//! The Python module `trunkline._core`: conversion, error mapping, releasing the interpreter lock.
//! No protocol decision is made here.

use pyo3::prelude::*;

mod oprf;

/// Compiled core of `trunkline.crypto`; import that package instead.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    oprf::register(module)
}
