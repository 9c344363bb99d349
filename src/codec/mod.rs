//! Between Rust values and DynamoDB's: values, keys, sizes, and what surrounds them in an item.
//!
//! Nothing here does I/O: a value goes in, attributes come out, and back.

#[cfg(feature = "edn")]
pub(crate) mod edn;
pub(crate) mod envelope;
pub(crate) mod error;
mod json;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod native;
mod number;
mod same;

pub(crate) use error::CodecError;
pub(crate) use same::same;

/// The crate's neutral form of one DynamoDB attribute. `serde_dynamo`'s type has one variant for
/// each of DynamoDB's, where rusoto's has ten options that can contradict one another.
pub(crate) type Value = serde_dynamo::AttributeValue;
