//! standin
use super::CodecError;
pub(crate) fn text<K: serde::Serialize + ?Sized>(key: &K) -> Result<String, CodecError> {
    match serde_json::to_value(key) {
        Ok(serde_json::Value::String(s)) => Ok(s),
        Ok(v) => Ok(format!("#{v}")),
        Err(e) => Err(CodecError { path: String::new(), message: e.to_string() }),
    }
}
