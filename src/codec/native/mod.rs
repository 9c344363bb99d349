//! standin
use super::{CodecError, Value};
use std::collections::HashMap;
pub(crate) fn encode<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value, CodecError> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|e| CodecError { path: String::new(), message: e.to_string() })
}
pub(crate) fn decode<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    serde_dynamo::from_attribute_value(value)
        .map_err(|e| CodecError { path: String::new(), message: e.to_string() })
}
pub(crate) fn flat(value: Value, key_name: &str) -> Result<HashMap<String, Value>, Value> {
    match value {
        Value::M(m) if !m.keys().any(|k| k == key_name || k.starts_with("atom/")) => Ok(m),
        v => Err(v),
    }
}
