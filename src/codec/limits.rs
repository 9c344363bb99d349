//! standin
use super::Value;
use std::collections::HashMap;
#[derive(Debug)]
pub(crate) struct LimitError {
    pub(crate) what: &'static str,
    pub(crate) actual: usize,
    pub(crate) limit: usize,
    pub(crate) heaviest: Option<(String, usize)>,
    pub(crate) path: String,
}
pub(crate) const MAX_KEY_BYTES: usize = 2048;
pub(crate) fn check(_item: &HashMap<String, Value>) -> Result<(), LimitError> {
    Ok(())
}
pub(crate) fn check_key(text: &str) -> Result<(), LimitError> {
    if text.is_empty() || text.len() > 2048 {
        Err(LimitError {
            what: "key",
            actual: text.len(),
            limit: 2048,
            heaviest: None,
            path: String::new(),
        })
    } else {
        Ok(())
    }
}
