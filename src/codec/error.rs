//! What goes wrong between a Rust value and its attributes, and where.

use std::fmt;

/// A value that could not be encoded, or an attribute that could not be decoded.
///
/// The path is put together only while an error travels outwards, so that the
/// way without errors pays nothing for it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CodecError {
    /// Where inside the value: empty at the top, else as in `orders[3].price`.
    pub path: String,
    /// What was found there and why it will not do.
    pub message: String,
}

impl CodecError {
    /// An error at the place that is being looked at.
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    /// The same error, seen from the struct or map that holds the place as `name`.
    #[cold]
    pub(crate) fn in_member(self, name: &str) -> Self {
        // A name that would read as several steps is quoted, so that the path
        // stays unambiguous.
        let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"', ' ']);
        let step = if plain { name.to_owned() } else { format!("[{name:?}]") };
        self.prefixed(step)
    }

    /// The same error, seen from the list that holds the place at `index`.
    #[cold]
    pub(crate) fn in_element(self, index: usize) -> Self {
        self.prefixed(format!("[{index}]"))
    }

    fn prefixed(mut self, mut step: String) -> Self {
        if !self.path.is_empty() && !self.path.starts_with('[') {
            step.push('.');
        }
        step.push_str(&self.path);
        self.path = step;
        self
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "at {}: {}", self.path, self.message)
        }
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecError({self})")
    }
}

impl std::error::Error for CodecError {}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::CodecError;

    #[test]
    fn a_path_reads_like_the_expression_that_leads_there() {
        let error = CodecError::new("odd").in_member("price").in_element(3).in_member("orders");
        assert_eq!(error.path, "orders[3].price");
        assert_eq!(error.to_string(), "at orders[3].price: odd");
        let error = CodecError::new("odd").in_member("a.b").in_member("m");
        assert_eq!(error.path, r#"m["a.b"]"#);
        assert_eq!(CodecError::new("odd").to_string(), "odd");
    }
}
