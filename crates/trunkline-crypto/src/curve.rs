//! BLS12-381: the only module that calls the curve library, and the only one with unsafe code.
//!
//! Every unsafe block calls a function of `blst` with pointers to initialised values of the types that its header
//! names; none keeps a pointer after it returns. All functions are constant-time unless their name says `vartime`.
#![allow(unsafe_code)]

mod pairing;
mod point;
mod scalar;
mod sums;
mod window;

pub use pairing::{pairings_equal, Gt, PreparedG2};
pub use point::{G1Affine, G2Affine, Group, PointFault, G1, G1_SIZE, G2, G2_SIZE};
pub use scalar::{Scalar, ORDER, SCALAR_SIZE};
pub use window::pippenger_window_vartime;

/// |x|, the absolute value of the curve's (negative) parameter.
pub const PARAMETER: u64 = 0xd201_0000_0001_0000;
/// x², the square of the curve's parameter.
pub const PARAMETER_SQUARED: u128 = PARAMETER as u128 * PARAMETER as u128;
