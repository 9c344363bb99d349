//! What a read of many items found before it had to end.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::codec::envelope::Layout;
use crate::codec::{CodecError, Value};
use crate::error::{Error, Result};

/// What was found before a read of many items had to end: in
/// [`Error::Unprocessed`](crate::Error::Unprocessed).
#[derive(Default)]
pub struct Found {
    pub(super) table: String,
    pub(super) layout: Option<Layout>,
    pub(super) items: Vec<(String, Arc<Value>)>,
    pub(super) missing: Vec<String>,
}

impl Found {
    /// How many items were found.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The keys, as they are stored, under which there certainly is nothing.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What was found: each key, as it is stored, and its value.
    ///
    /// # Errors
    /// [`Decode`](Error::Decode) when an item does not fit `T`.
    pub fn values<T: DeserializeOwned>(&self) -> Result<Vec<(String, T)>> {
        let Some(layout) = &self.layout else { return Ok(Vec::new()) };
        self.items
            .iter()
            .map(|(key, value)| match layout.decode(Value::clone(value)) {
                Ok(value) => Ok((key.clone(), value)),
                Err(CodecError { path, message }) => Err(Error::Decode {
                    table: self.table.clone(),
                    key: Some(key.clone()),
                    path,
                    message,
                }),
            })
            .collect()
    }
}

/// Without the values, which nobody wants in a log.
impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("items", &self.items.len())
            .field("missing", &self.missing.len())
            .finish_non_exhaustive()
    }
}
