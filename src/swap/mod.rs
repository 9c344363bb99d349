//! The swap: from a closure and a key to one conditional put whose outcome is known.

pub(crate) mod engine;
mod flight;
mod options;
mod protocol;
mod receipt;

pub use options::{SwapOptions, Validity};
pub use receipt::Receipt;
