//! Between Rust values and DynamoDB's: values, keys, and what surrounds them in an item.

pub(crate) mod envelope;
mod error;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod native;
mod same;

pub(crate) use error::CodecError;
pub(crate) use same::same;

/// A DynamoDB value. `serde_dynamo`'s type has one variant for each of DynamoDB's, where rusoto's
/// has ten options that can contradict one another.
pub(crate) type Value = serde_dynamo::AttributeValue;
