//! Python classes of the group signature.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline_crypto::group::join::{self, Credential, JoinContext};
use trunkline_crypto::group::open::{self, OpeningContext};
use trunkline_crypto::group::{self, sign, verify, SIGNATURE_SIZE};
use trunkline_crypto::input;
use trunkline_crypto::random::OsRandom;
use trunkline_crypto::record;
use trunkline_crypto::secret::SecretScalar;

use crate::convert::{detached, secret_class, slices, to_bytes, ByteStrings, Period};
use crate::errors::CoreResult;

/// The group public key: the issuer's w (96 bytes) and the opener's Y (48 bytes), both strict.
#[pyclass(frozen, module = "trunkline._core")]
pub struct GroupPublicKey(group::GroupPublicKey);

#[pymethods]
impl GroupPublicKey {
    #[new]
    fn new(w: &[u8], y: &[u8]) -> CoreResult<Self> {
        Ok(Self(group::GroupPublicKey::new(w, y)?))
    }

    /// gpk id = H("gpk", w, Y)[:16].
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        to_bytes(py, self.0.id())
    }

    /// w ‖ Y, 144 bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        to_bytes(py, self.0.to_bytes())
    }
}

secret_class! {
    /// The membership authority's secret γ, which issues credentials.
    IssuerKey(join::IssuerKey) {
        /// w = γ·g2, 96 bytes.
        #[getter]
        fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            to_bytes(py, self.0.public_key())
        }

        /// Proves possession of γ; 48 bytes.
        fn possession_proof<'py>(&self, py: Python<'py>) -> CoreResult<Bound<'py, PyBytes>> {
            Ok(to_bytes(py, self.0.possession_proof(&OsRandom)?))
        }

        /// Issues a credential of 84 bytes on S for one period; the join proof was checked before.
        fn issue<'py>(&self, py: Python<'py>, period: Period, s_point: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
            detached(py, || Ok(*self.0.issue(period.0, s_point, &OsRandom)?))
        }
    }
}

secret_class! {
    /// The accountability authority's secret ξ, which opens signatures.
    OpenerKey(open::OpenerKey) {
        /// Y = ξ·g, 48 bytes.
        #[getter]
        fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            to_bytes(py, self.0.public_key())
        }

        /// Proves possession of ξ; 48 bytes.
        fn possession_proof<'py>(&self, py: Python<'py>) -> CoreResult<Bound<'py, PyBytes>> {
            Ok(to_bytes(py, self.0.possession_proof(&OsRandom)?))
        }

        /// The point S of each packed signature, 48 bytes each; verifies no signature.
        fn open_batch<'py>(&self, py: Python<'py>, signatures: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
            detached(py, || self.0.open_batch(signatures))
        }

        /// Opens one signature with a proof, S ‖ c ‖ z of 96 bytes; verifies no signature.
        #[pyo3(signature = (signature, *, params_hash, gpk_id, case, carrier_id, message))]
        #[allow(clippy::too_many_arguments)] // Python's keyword arguments.
        fn prove<'py>(
            &self,
            py: Python<'py>,
            signature: &[u8],
            params_hash: &[u8],
            gpk_id: &[u8],
            case: &[u8],
            carrier_id: &[u8],
            message: &[u8],
        ) -> CoreResult<Bound<'py, PyBytes>> {
            let context = OpeningContext::new(params_hash, gpk_id, case, carrier_id, message)?;
            detached(py, || self.0.prove(signature, &context, &OsRandom))
        }
    }
}

secret_class! {
    /// A carrier's member secret s, which no authority sees.
    MemberSecret(join::MemberSecret) {
        /// S = s·h, 48 bytes.
        #[getter]
        fn public_point<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            to_bytes(py, self.0.public_point())
        }

        /// Proves knowledge of s to the issuer that gave the nonce; 48 bytes.
        fn join_proof<'py>(
            &self,
            py: Python<'py>,
            params_hash: &[u8],
            nonce: &[u8],
            carrier_id: &[u8],
            identity_key: &[u8],
        ) -> CoreResult<Bound<'py, PyBytes>> {
            let context = JoinContext::new(params_hash, nonce, carrier_id, identity_key)?;
            detached(py, || self.0.join_proof(&context, &OsRandom))
        }
    }
}

/// Checks a join proof, and that S is strict; that S is nobody else's is for the caller to check.
#[pyfunction]
fn verify_join(
    py: Python<'_>,
    params_hash: &[u8],
    nonce: &[u8],
    carrier_id: &[u8],
    identity_key: &[u8],
    s_point: &[u8],
    proof: &[u8],
) -> CoreResult<()> {
    let context = JoinContext::new(params_hash, nonce, carrier_id, identity_key)?;
    Ok(py.detach(|| context.verify(s_point, proof))?)
}

/// Checks a credential on S: A strict, e(A, w + e·g2) = e(C + S, g2).
#[pyfunction]
fn check_credential(
    py: Python<'_>,
    group: &GroupPublicKey,
    s_point: &[u8],
    credential: &[u8],
) -> CoreResult<()> {
    Ok(py.detach(|| Credential::check(&group.0, s_point, credential).map(drop))?)
}

/// A member that signs in the period of its credential, which it checks; keeps tables of its fixed bases.
#[pyclass(frozen, module = "trunkline._core")]
pub struct Signer(pub sign::Signer);

#[pymethods]
impl Signer {
    #[new]
    fn new(
        py: Python<'_>,
        group: &GroupPublicKey,
        params_hash: &[u8],
        secret: &MemberSecret,
        credential: &[u8],
    ) -> CoreResult<Self> {
        Ok(Self(py.detach(|| sign::Signer::new(&group.0, params_hash, &secret.0, credential))?))
    }

    /// The period of the credential.
    #[getter]
    const fn period(&self) -> u32 {
        self.0.period()
    }

    /// Signs messages; 464 bytes each.
    fn sign_batch<'py>(
        &self,
        py: Python<'py>,
        messages: ByteStrings<'py>,
    ) -> CoreResult<Bound<'py, PyBytes>> {
        let messages = slices(&messages);
        detached(py, || self.0.sign_batch(&messages, &OsRandom))
    }

    /// Signs packed bodies of 236 bytes and makes records of 714 bytes of them.
    fn seal_batch<'py>(&self, py: Python<'py>, bodies: &[u8]) -> CoreResult<Bound<'py, PyBytes>> {
        detached(py, || record::seal_batch(&self.0, bodies, &OsRandom))
    }
}

/// Verifies the signatures of one group under one set of public parameters.
#[pyclass(frozen, module = "trunkline._core")]
pub struct Verifier(verify::Verifier);

#[pymethods]
impl Verifier {
    #[new]
    fn new(group: &GroupPublicKey, params_hash: &[u8]) -> CoreResult<Self> {
        Ok(Self(verify::Verifier::new(group.0, params_hash)?))
    }

    /// Verifies one signature.
    fn verify(&self, py: Python<'_>, period: Period, message: &[u8], signature: &[u8]) -> CoreResult<()> {
        Ok(py.detach(|| self.0.verify(period.0, message, signature))?)
    }

    /// Verifies packed signatures; returns the positions of the bad ones.
    fn verify_batch<'py>(
        &self,
        py: Python<'py>,
        period: Period,
        messages: ByteStrings<'py>,
        signatures: &[u8],
    ) -> CoreResult<Vec<usize>> {
        let messages = slices(&messages);
        let signatures: &[[u8; SIGNATURE_SIZE]] =
            input::elements(signatures, "packed group signatures have 464 bytes each")?;
        let signatures: Vec<_> = signatures.iter().collect();
        let bad = py.detach(|| self.0.verify_batch(period.0, &messages, &signatures, &OsRandom))?;
        Ok(bad.into_iter().map(|(position, _)| position).collect())
    }

    /// Checks packed records; returns the position and the reason code of each bad one.
    fn verify_records(
        &self,
        py: Python<'_>,
        records: &[u8],
        period: Period,
    ) -> CoreResult<Vec<(usize, &'static str)>> {
        let bad = py.detach(|| record::verify_records(&self.0, records, period.0, &OsRandom))?;
        Ok(bad.into_iter().map(|(position, fault)| (position, fault.code())).collect())
    }
}

/// Verifies a signature and its opening, and returns S; that S is the carrier's is for the caller to check.
#[pyfunction]
#[pyo3(signature = (group, params_hash, *, period, message, signature, opening, case, carrier_id))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments.
fn judge_opening<'py>(
    py: Python<'py>,
    group: &GroupPublicKey,
    params_hash: &[u8],
    period: Period,
    message: &[u8],
    signature: &[u8],
    opening: &[u8],
    case: &[u8],
    carrier_id: &[u8],
) -> CoreResult<Bound<'py, PyBytes>> {
    let verifier = verify::Verifier::new(group.0, params_hash)?;
    detached(py, || open::judge(&verifier, period.0, message, signature, opening, case, carrier_id))
}

/// The message, 289 bytes, that the signature of a record with this body signs.
#[pyfunction]
fn record_message<'py>(
    py: Python<'py>,
    params_hash: &[u8],
    period: Period,
    gpk_id: &[u8],
    body: &[u8],
) -> CoreResult<Bound<'py, PyBytes>> {
    Ok(to_bytes(py, record::message(params_hash, period.0, gpk_id, body)?))
}

/// The ids of packed records, 16 bytes each; checks nothing of the records.
#[pyfunction]
fn record_ids<'py>(
    py: Python<'py>,
    params_hash: &[u8],
    gpk_id: &[u8],
    records: &[u8],
) -> CoreResult<Bound<'py, PyBytes>> {
    detached(py, || record::record_ids(params_hash, gpk_id, records))
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<GroupPublicKey>()?;
    module.add_class::<IssuerKey>()?;
    module.add_class::<OpenerKey>()?;
    module.add_class::<MemberSecret>()?;
    module.add_class::<Signer>()?;
    module.add_class::<Verifier>()?;
    module.add_function(wrap_pyfunction!(verify_join, module)?)?;
    module.add_function(wrap_pyfunction!(check_credential, module)?)?;
    module.add_function(wrap_pyfunction!(judge_opening, module)?)?;
    module.add_function(wrap_pyfunction!(record_message, module)?)?;
    module.add_function(wrap_pyfunction!(record_ids, module)?)
}
