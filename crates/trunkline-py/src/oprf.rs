//! Python classes of the verifiable OPRF.

use pyo3::prelude::*;

/// Adds the classes and functions of this file to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
