//! Python classes of the verifiable OPRF.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline_crypto::oprf;
use trunkline_crypto::random::OsRandom;

use crate::convert::{detached, slices, to_bytes, ByteStrings};
use crate::errors::CoreResult;

/// An answer to blinded elements: the evaluated elements and the proof.
type Evaluation<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// The label authority's secret k.
#[pyclass(frozen, eq, module = "trunkline._core")]
#[derive(PartialEq)]
struct LabelKey(oprf::LabelKey);

#[pymethods]
impl LabelKey {
    /// Makes a new key from the operating system's randomness.
    #[staticmethod]
    fn generate() -> CoreResult<Self> {
        Ok(Self(oprf::LabelKey::generate(&OsRandom)?))
    }

    /// Reads a key from 32 little-endian bytes; refuses 0 and numbers not less than the group order.
    #[staticmethod]
    fn from_bytes(secret: &[u8]) -> CoreResult<Self> {
        Ok(Self(oprf::LabelKey::from_bytes(secret)?))
    }

    /// Derives a key from a seed as RFC 9497 does, for test vectors.
    #[staticmethod]
    fn danger_derive(seed: &[u8], info: &[u8]) -> CoreResult<Self> {
        Ok(Self(oprf::LabelKey::danger_derive(seed, info)?))
    }

    /// Returns the secret itself, 32 bytes, for key files only.
    fn secret_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        to_bytes(py, *self.0.secret_bytes())
    }

    /// pk_OPRF = k·G, 32 bytes.
    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        to_bytes(py, self.0.public_key())
    }

    /// Evaluates packed blinded elements and proves it; returns the packed answers and a proof of 64 bytes.
    fn evaluate_batch<'py>(&self, py: Python<'py>, blinded: &[u8]) -> CoreResult<Evaluation<'py>> {
        let (evaluated, proof) = py.detach(|| self.0.evaluate_batch(&OsRandom, blinded))?;
        Ok((to_bytes(py, evaluated), to_bytes(py, proof)))
    }

    /// Evaluates with a given proof nonce, for test vectors: two proofs with one nonce give the key away.
    fn danger_evaluate_batch_with_nonce<'py>(
        &self,
        py: Python<'py>,
        blinded: &[u8],
        nonce: &[u8],
    ) -> CoreResult<Evaluation<'py>> {
        let (evaluated, proof) = py.detach(|| self.0.danger_evaluate_batch_with_nonce(blinded, nonce))?;
        Ok((to_bytes(py, evaluated), to_bytes(py, proof)))
    }

    fn __repr__(&self) -> &'static str {
        "<LabelKey (redacted)>"
    }
}

/// The label authority's public key, decoded once.
#[pyclass(frozen, module = "trunkline._core")]
struct LabelClient(oprf::LabelClient);

#[pymethods]
impl LabelClient {
    #[new]
    fn new(public_key: &[u8]) -> CoreResult<Self> {
        Ok(Self(oprf::LabelClient::new(public_key)?))
    }

    /// Blinds inputs, each with a fresh blind.
    fn blind_batch(&self, py: Python<'_>, inputs: ByteStrings<'_>) -> CoreResult<Blinding> {
        let inputs = slices(&inputs);
        Ok(Blinding(py.detach(|| self.0.blind_batch(&OsRandom, &inputs))?))
    }

    /// Blinds inputs with given blinds, packed, for test vectors.
    fn danger_blind_batch_with(
        &self,
        py: Python<'_>,
        inputs: ByteStrings<'_>,
        blinds: &[u8],
    ) -> CoreResult<Blinding> {
        let inputs = slices(&inputs);
        Ok(Blinding(py.detach(|| self.0.danger_blind_batch_with(&inputs, blinds))?))
    }
}

/// A batch of blinded inputs, and what turns the answer into labels.
#[pyclass(frozen, module = "trunkline._core")]
struct Blinding(oprf::Blinding);

#[pymethods]
impl Blinding {
    /// The packed blinded elements, 32 bytes each.
    #[getter]
    fn elements<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        to_bytes(py, self.0.elements())
    }

    /// Checks the answer's proof and returns the packed labels, 64 bytes each.
    #[pyo3(signature = (evaluated, proof, padding = b"".as_slice()))]
    fn finalize<'py>(
        &self,
        py: Python<'py>,
        evaluated: &[u8],
        proof: &[u8],
        padding: &[u8],
    ) -> CoreResult<Bound<'py, PyBytes>> {
        detached(py, || self.0.finalize(padding, evaluated, proof))
    }

    /// Gives away the blind of one input, 32 bytes.
    fn reveal_blind<'py>(&self, py: Python<'py>, index: usize) -> CoreResult<Bound<'py, PyBytes>> {
        Ok(to_bytes(py, self.0.reveal_blind(index)?))
    }

    fn __len__(&self) -> usize {
        self.0.count()
    }

    fn __repr__(&self) -> String {
        format!("<Blinding of {} inputs (redacted)>", self.0.count())
    }
}

/// Packed random elements that nobody can tell from blinded inputs.
#[pyfunction]
fn random_elements(py: Python<'_>, count: usize) -> CoreResult<Bound<'_, PyBytes>> {
    detached(py, || oprf::random_elements(&OsRandom, count))
}

/// Repeats one evaluation offline and returns the label.
#[pyfunction]
fn verify_transcript<'py>(
    py: Python<'py>,
    public_key: &[u8],
    input: &[u8],
    blind: &[u8],
    evaluated: &[u8],
    proof: &[u8],
) -> CoreResult<Bound<'py, PyBytes>> {
    detached(py, || oprf::verify_transcript(public_key, input, blind, evaluated, proof))
}

/// idx of packed labels under a key id, 32 bytes each.
#[pyfunction]
fn label_index<'py>(py: Python<'py>, kid: &[u8], labels: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
    detached(py, || oprf::label_index(kid, labels))
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LabelKey>()?;
    module.add_class::<LabelClient>()?;
    module.add_class::<Blinding>()?;
    module.add_function(wrap_pyfunction!(random_elements, module)?)?;
    module.add_function(wrap_pyfunction!(verify_transcript, module)?)?;
    module.add_function(wrap_pyfunction!(label_index, module)?)
}
