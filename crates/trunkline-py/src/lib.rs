//! The Python module `trunkline._core`: conversion, error mapping, releasing the interpreter's lock.
//! No protocol decision is made here.

use pyo3::prelude::*;

mod convert;
mod errors;
mod group;
mod label_signature;
mod oprf;
mod runtime;
mod witness;

/// Compiled core of `trunkline.crypto`; import that package instead.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    group::register(module)?;
    label_signature::register(module)?;
    oprf::register(module)?;
    runtime::register(module)?;
    witness::register(module)
}
