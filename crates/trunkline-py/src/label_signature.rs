//! Python classes of label signatures.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline_crypto::label_signature;
use trunkline_crypto::random::OsRandom;
use trunkline_crypto::schnorr::Role;
use trunkline_crypto::secret::SecretScalar;

use crate::convert::{detached, secret_class, to_bytes};
use crate::errors::CoreResult;

secret_class! {
    /// The authorization authority's secret sk_T, which signs labels.
    AuthorizationKey(label_signature::AuthorizationKey) {
        /// vk_T = sk_T·g2, 96 bytes.
        #[getter]
        fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            to_bytes(py, self.0.public_key())
        }

        /// Proves possession of sk_T; 48 bytes.
        fn possession_proof<'py>(&self, py: Python<'py>) -> CoreResult<Bound<'py, PyBytes>> {
            Ok(to_bytes(py, self.0.possession_proof(&OsRandom)?))
        }

        /// Signs packed labels of 64 bytes under a key id; 48 bytes each.
        fn sign_batch<'py>(&self, py: Python<'py>, kid: &[u8], labels: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
            detached(py, || self.0.sign_batch(kid, labels))
        }
    }
}

/// Checks the signatures of packed labels; SignatureError or PointError name the bad ones in `indices`.
#[pyfunction]
fn verify_label_signatures(
    py: Python<'_>,
    public_key: &[u8],
    kid: &[u8],
    labels: &[u8],
    signatures: &[u8],
) -> CoreResult<()> {
    Ok(py.detach(|| label_signature::verify(public_key, kid, labels, signatures, &OsRandom))?)
}

/// Checks a public key of role "w", "vk_T" (G2) or "Y" (G1) strictly, and its proof of possession.
#[pyfunction]
fn verify_possession(py: Python<'_>, role: &str, public_key: &[u8], proof: &[u8]) -> CoreResult<()> {
    let role = Role::from_name(role)?;
    Ok(py.detach(|| role.verify(public_key, proof))?)
}

/// kid, 16 bytes, of a label key and an authorization key.
#[pyfunction]
fn key_id<'py>(py: Python<'py>, oprf_public_key: &[u8], vk_t: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
    Ok(to_bytes(py, label_signature::key_id(oprf_public_key, vk_t)?))
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AuthorizationKey>()?;
    module.add_function(wrap_pyfunction!(verify_label_signatures, module)?)?;
    module.add_function(wrap_pyfunction!(verify_possession, module)?)?;
    module.add_function(wrap_pyfunction!(key_id, module)?)
}
