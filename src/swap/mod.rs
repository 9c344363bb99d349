//! The swap: from a closure and a key to one conditional put whose outcome is known.

mod alone;
pub(crate) mod engine;
pub(crate) mod flight;
pub(crate) mod lane;
#[cfg(test)]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod model;
mod options;
mod pace;
pub(crate) mod protocol;
mod receipt;

pub use options::{Lifetime, SwapOptions, Validity};
pub use receipt::Receipt;
