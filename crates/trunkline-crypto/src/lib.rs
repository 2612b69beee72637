//! The cryptographic core of Trunkline: no Python, no I/O, no clock.
//!
//! `docs/protocol.md` is the normative text; each module names the section it implements.

pub mod oprf;
