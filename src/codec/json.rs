//! Values as compact JSON: the text of keys, and of what lies too deep for DynamoDB.
//!
//! Only numbers, strings, booleans, null, arrays and objects exist here; bytes
//! and sets are written as the escapes that [`super::native`] reads back.
//! `serde_json`'s own value type would round numbers, so only its strings are used.

use super::Value;
use super::error::CodecError;
use super::native::escape;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::HashMap;

/// How deep a text may nest. A value of the deepest kind that is encoded has at most this many
/// containers, escapes included.
pub(crate) const MAX_NESTING: usize = 2 * super::native::MAX_DEPTH + 8;

/// The JSON text of a value, members sorted by name: equal values have one text.
pub(crate) fn to_text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::N(number) => out.push_str(number),
        Value::S(text) => write_string(text, out),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null(_) => out.push_str("null"),
        Value::B(bytes) => escaped(escape::BYTES, out, |out| write_bytes(bytes, out)),
        Value::L(items) => array(items, out, write),
        Value::Ss(items) => escaped(escape::STRINGS, out, |out| {
            array(items, out, |item, out| write_string(item, out));
        }),
        Value::Ns(items) => escaped(escape::NUMBERS, out, |out| {
            array(items, out, |item, out| out.push_str(item));
        }),
        Value::Bs(items) => escaped(escape::BINARIES, out, |out| {
            array(items, out, |item, out| write_bytes(item, out));
        }),
        Value::M(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn array<T>(items: &[T], out: &mut String, mut item: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, element) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        item(element, out);
    }
    out.push(']');
}

fn escaped(name: &str, out: &mut String, content: impl FnOnce(&mut String)) {
    out.push('{');
    write_string(name, out);
    out.push(':');
    content(out);
    out.push('}');
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    out.push('"');
    BASE64.encode_string(bytes, out);
    out.push('"');
}

pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Reads a whole text; numbers keep every digit.
pub(crate) fn from_text(text: &str) -> Result<Value, CodecError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(MAX_NESTING)?;
    reader.blank();
    if reader.at < text.len() {
        return Err(reader.error("the end"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    #[cold]
    fn error(&self, expected: &str) -> CodecError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => CodecError::new(format!(
                "malformed JSON text: found {found:?} at byte {}, expected {expected}",
                self.at
            )),
            None => CodecError::new(format!("malformed JSON text: it ends before {expected}")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips blanks and takes `byte` if it stands next.
    fn take(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, CodecError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("a value"))
        }
    }

    fn value(&mut self, nesting: usize) -> Result<Value, CodecError> {
        self.blank();
        let Some(inner) = nesting.checked_sub(1) else {
            return Err(CodecError::new(format!(
                "the text nests deeper than {MAX_NESTING} levels"
            )));
        };
        match self.peek() {
            Some(b'"') => self.string().map(Value::S),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null(true)),
            Some(b'[') => self.list(inner),
            Some(b'{') => self.map(inner),
            _ => Err(self.error("a value")),
        }
    }

    fn list(&mut self, nesting: usize) -> Result<Value, CodecError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::L(items));
        }
        loop {
            items.push(self.value(nesting)?);
            if self.take(b']') {
                return Ok(Value::L(items));
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `]`"));
            }
        }
    }

    fn map(&mut self, nesting: usize) -> Result<Value, CodecError> {
        self.at += 1;
        let mut members = HashMap::new();
        if self.take(b'}') {
            return Ok(Value::M(members));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err(self.error("a member name"));
            }
            let name = self.string()?;
            if !self.take(b':') {
                return Err(self.error("`:`"));
            }
            let value = self.value(nesting)?;
            if members.contains_key(&name) {
                return Err(CodecError::new(format!(
                    "malformed JSON text: two members are named {name:?}"
                )));
            }
            members.insert(name, value);
            if self.take(b'}') {
                return Ok(Value::M(members));
            }
            if !self.take(b',') {
                return Err(self.error("`,` or `}`"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, CodecError> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let number = &rest[..length];
        if super::number::Decimal::parse(number).is_none() {
            return Err(self.error("a number"));
        }
        self.at += length;
        Ok(Value::N(number.to_owned()))
    }

    fn string(&mut self) -> Result<String, CodecError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => {
                    self.at = bytes.len();
                    return Err(self.error("the end of a string"));
                }
            }
        }
        // Quotes are ASCII, so both ends are character boundaries.
        let quoted = &self.text[start..=end];
        self.at = end + 1;
        serde_json::from_str(quoted)
            .map_err(|error| CodecError::new(format!("malformed JSON string {quoted}: {error}")))
    }
}
