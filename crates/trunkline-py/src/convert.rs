//! Conversions between Python's values and the core's.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline_crypto::error::Error;

use crate::errors::{CoreError, CoreResult};

/// A list of byte strings.
pub type ByteStrings<'py> = Vec<Bound<'py, PyBytes>>;

/// The bytes of a list of byte strings; borrowed, since Python's byte strings never change.
pub fn slices<'a>(strings: &'a ByteStrings<'_>) -> Vec<&'a [u8]> {
    strings.iter().map(|string| string.as_bytes()).collect()
}

/// A Python byte string.
pub fn to_bytes<'py>(py: Python<'py>, bytes: impl AsRef<[u8]>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, bytes.as_ref())
}

/// Runs `work` without the interpreter's lock and returns its bytes.
pub fn detached<'py, T: AsRef<[u8]> + Send>(
    py: Python<'py>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> CoreResult<Bound<'py, PyBytes>> {
    Ok(to_bytes(py, py.detach(work)?))
}

/// An unsigned number of 32 bits.
pub struct Period(pub u32);

impl<'a, 'py> FromPyObject<'a, 'py> for Period {
    type Error = PyErr;

    fn extract(number: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let number = number.cast::<pyo3::types::PyInt>()?;
        let refused = |_| CoreError::from(Error::decoding("a period is a number from 0 to 4,294,967,295"));
        Ok(Self(number.extract::<u32>().map_err(refused)?))
    }
}

/// Defines the Python class of a key with a secret: how it is made and kept, besides its own methods.
macro_rules! secret_class {
    ($(#[$doc:meta])* $name:ident($key:ty) { $($methods:tt)* }) => {
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "trunkline._core")]
        #[derive(PartialEq)]
        pub struct $name(pub $key);

        #[pymethods]
        impl $name {
            /// Makes a new key from the operating system's randomness.
            #[staticmethod]
            fn generate() -> CoreResult<Self> {
                Ok(Self(<$key>::new(SecretScalar::generate(&OsRandom)?)))
            }

            /// Reads a key from 32 big-endian bytes; refuses 0 and numbers not less than the group order.
            #[staticmethod]
            fn from_bytes(secret: &[u8]) -> CoreResult<Self> {
                Ok(Self(<$key>::new(SecretScalar::from_bytes(secret)?)))
            }

            /// Returns the secret itself, 32 bytes, for key files only.
            fn secret_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
                to_bytes(py, *self.0.secret_bytes())
            }

            fn __repr__(&self) -> &'static str {
                concat!("<", stringify!($name), " (redacted)>")
            }

            $($methods)*
        }
    };
}
pub(crate) use secret_class;
