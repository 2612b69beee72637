//! The only place where errors of the core become exceptions of `trunkline.errors`.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use trunkline_crypto::error::{Error, ErrorKind};

/// An error of the core on its way to Python.
pub struct CoreError(Error);

/// Result of a function that Python calls.
pub type CoreResult<T> = Result<T, CoreError>;

impl From<Error> for CoreError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<CoreError> for PyErr {
    fn from(error: CoreError) -> Self {
        Python::attach(|py| exception(py, &error.0).map_or_else(|failure| failure, Self::from_value))
    }
}

/// The exception, with the positions of bad elements in its attribute `indices`.
pub fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let exception =
        py.import("trunkline.errors")?.getattr(class_name(error.kind()))?.call1((error.to_string(),))?;
    exception.setattr("indices", PyTuple::new(py, error.positions())?)?;
    Ok(exception)
}

const fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Decoding => "DecodingError",
        ErrorKind::TooLarge => "TooLargeError",
        ErrorKind::Point => "PointError",
        ErrorKind::Scalar => "ScalarError",
        ErrorKind::Proof => "ProofError",
        ErrorKind::Signature => "SignatureError",
        ErrorKind::Decryption => "DecryptionError",
        ErrorKind::Randomness => "UnavailableError",
    }
}
