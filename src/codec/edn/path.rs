//! Where inside a value an error happened: `orders[3].price`.

use super::value::Edn;
use crate::codec::CodecError;

pub(super) fn error(message: impl Into<String>) -> CodecError {
    CodecError { path: String::new(), message: message.into() }
}

/// Puts `segment` in front of the path of `error`.
fn within(mut error: CodecError, segment: &str) -> CodecError {
    let dot = if error.path.is_empty() || error.path.starts_with('[') { "" } else { "." };
    error.path = format!("{segment}{dot}{}", error.path);
    error
}

/// The error happened in the element at `index`.
pub(super) fn at_index(error: CodecError, index: usize) -> CodecError {
    within(error, &format!("[{index}]"))
}

/// The error happened in the field or variant `name`.
pub(super) fn at_field(error: CodecError, name: &str) -> CodecError {
    within(error, name)
}

/// The error happened under `key`: a name stands for itself, any other key is
/// printed in brackets.
pub(super) fn at_key(error: CodecError, key: &Edn) -> CodecError {
    let name = match key {
        Edn::Keyword(name) | Edn::Symbol(name) => name.to_string(),
        Edn::Str(text) => text.clone(),
        _ => String::new(),
    };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
    if !name.is_empty() && name.chars().all(plain) {
        within(error, &name)
    } else {
        within(error, &format!("[{}]", excerpt(key)))
    }
}

/// The beginning of the printed value, for messages.
pub(super) fn excerpt(value: &Edn) -> String {
    const LENGTH: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
