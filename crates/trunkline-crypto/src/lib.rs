//! The cryptographic core of Trunkline: no Python, no clock, no input or output.
//!
//! `docs/protocol.md` is the normative text; each module names the section it implements. Only [`curve`] calls the
//! curve library of BLS12-381. Unsafe code is there, and for one number that [`pool`] gives to the operating system.

mod bisection;
pub mod contribution;
pub mod curve;
pub mod error;
pub mod fixed_base;
pub mod group;
pub mod input;
pub mod label_signature;
pub mod msm;
pub mod oprf;
pub mod pool;
pub mod random;
pub mod record;
pub mod schnorr;
pub mod secret;
pub mod transcript;
pub mod witness;
