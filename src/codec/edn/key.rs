//! Keys of items as text, byte for byte as the Clojure library wrote them.
//!
//! A key is written as it prints, with three rules on top:
//!
//! - Maps and sets inside it are written in one order, so that equal keys are
//!   one item: sets, and maps of more than eight entries, in the order in which
//!   Clojure prints them; smaller maps, which Clojure prints in the order in
//!   which they were built, sorted by the text of their keys. `0.0` stands for
//!   `-0.0`.
//! - An empty collection `x` is written `[:atom/key x]`, as the original does.
//! - So that nothing is lost by that, a key that itself is written like a
//!   wrapped one is wrapped once more.
//!
//! What Clojure calls equal and yet writes differently stays apart, because
//! items of both spellings exist: `1` and `1N`, `1.0M` and `1.00M`, `(1 2)` and
//! `[1 2]`.

use super::path::error;
use super::print::canonical;
use super::read::MAX_DEPTH;
use super::value::Edn;
use crate::codec::CodecError;

const WRAPPER: &str = "atom/key";

/// The attribute that holds the key: `:atom/id` for the key name `atom/id`.
pub(crate) fn key_attribute(key_name: &str) -> String {
    format!(":{key_name}")
}

/// The text that the key attribute holds.
pub(crate) fn key_text(key: &Edn) -> String {
    let text = canonical(key);
    if is_like_wrapped(key) { format!("[:{WRAPPER} {text}]") } else { text }
}

/// The key that a key attribute holds.
///
/// # Errors
/// If the text is not exactly one EDN form.
pub(crate) fn parse_key(text: &str) -> Result<Edn, CodecError> {
    let key = text
        .parse::<Edn>()
        .map_err(|reason| error(format!("the key `{text}` is not EDN: {reason}")))?;
    Ok(match unwrapped(&key) {
        Some(inner) if is_like_wrapped(inner) => inner.clone(),
        _ => key,
    })
}

/// `x` for `[:atom/key x]`.
fn unwrapped(key: &Edn) -> Option<&Edn> {
    match key {
        Edn::Vector(parts) => match parts.as_slice() {
            [Edn::Keyword(name), inner] if name.is(WRAPPER) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// Whether this is an empty collection, wrapped any number of times.
fn is_like_wrapped(key: &Edn) -> bool {
    let mut key = key;
    // Deeper ones cannot be read back anyhow.
    for _ in 0..=MAX_DEPTH {
        match unwrapped(key) {
            Some(inner) => key = inner,
            None => break,
        }
    }
    match key {
        Edn::List(elements) | Edn::Vector(elements) => elements.is_empty(),
        Edn::Map(map) => map.is_empty(),
        Edn::Set(set) => set.is_empty(),
        _ => false,
    }
}
