//! Python classes of witness encryption, and of the pass that encrypts and signs.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use trunkline_crypto::contribution;
use trunkline_crypto::random::OsRandom;
use trunkline_crypto::witness::{self, Plaintext};

use crate::convert::{detached, slices, to_bytes, ByteStrings};
use crate::errors::{exception, CoreResult};
use crate::group::Signer;

/// Encrypts to the labels of one key id; keeps prepared lines of vk_T and a table of g2.
#[pyclass(frozen, module = "trunkline._core")]
pub struct Encryptor(witness::Encryptor);

#[pymethods]
impl Encryptor {
    #[new]
    fn new(py: Python<'_>, vk_t: &[u8], kid: &[u8]) -> CoreResult<Self> {
        Ok(Self(py.detach(|| witness::Encryptor::new(vk_t, kid))?))
    }

    /// Encrypts packed hops of 60 bytes under their labels and call details; bodies of 236 bytes.
    fn encrypt_batch<'py>(
        &self,
        py: Python<'py>,
        labels: &[u8],
        details: ByteStrings<'py>,
        hops: &[u8],
    ) -> CoreResult<Bound<'py, PyBytes>> {
        let plaintexts = Plaintext::batch(labels, &slices(&details), hops)?;
        detached(py, || self.0.encrypt_batch(&plaintexts, &OsRandom))
    }
}

/// Encrypts and signs records in one parallel pass.
#[pyclass(frozen, module = "trunkline._core")]
pub struct Contributor {
    encryptor: Py<Encryptor>,
    signer: Py<Signer>,
}

#[pymethods]
impl Contributor {
    #[new]
    fn new(encryptor: Py<Encryptor>, signer: Py<Signer>) -> Self {
        Self { encryptor, signer }
    }

    /// Encrypts packed hops under their labels and call details, and signs them; records of 714 bytes.
    fn contribute_batch<'py>(
        &self,
        py: Python<'py>,
        labels: &[u8],
        details: ByteStrings<'py>,
        hops: &[u8],
    ) -> CoreResult<Bound<'py, PyBytes>> {
        let plaintexts = Plaintext::batch(labels, &slices(&details), hops)?;
        let (encryptor, signer) = (&self.encryptor.get().0, &self.signer.get().0);
        detached(py, || contribution::contribute_batch(encryptor, signer, &plaintexts, &OsRandom))
    }
}

/// Decrypts packed bodies; each result is the hop, or an exception that is returned, not raised.
#[pyfunction]
fn decrypt_batch<'py>(
    py: Python<'py>,
    vk_t: &[u8],
    kid: &[u8],
    signatures: &[u8],
    labels: &[u8],
    details: ByteStrings<'py>,
    bodies: &[u8],
) -> PyResult<Bound<'py, PyList>> {
    let details = slices(&details);
    let decrypt = || witness::decrypt_batch(vk_t, kid, signatures, labels, &details, bodies);
    let results = py.detach(decrypt).map_err(crate::errors::CoreError::from)?;
    let list = PyList::empty(py);
    for result in results {
        match result {
            Ok(hop) => list.append(to_bytes(py, *hop))?,
            Err(error) => list.append(exception(py, &error)?)?,
        }
    }
    Ok(list)
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Encryptor>()?;
    module.add_class::<Contributor>()?;
    module.add_function(wrap_pyfunction!(decrypt_batch, module)?)
}
