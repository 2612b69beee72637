//! The verifiable OPRF of RFC 9497.
