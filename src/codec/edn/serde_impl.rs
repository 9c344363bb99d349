//! [`Edn`] as a value in any serde format.
//!
//! In formats for people (JSON, `DynamoDB`'s own types, …):
//!
//! | EDN | there |
//! |---|---|
//! | nil, booleans, 64-bit integers, strings, vectors | the same |
//! | floats that every format keeps apart from integers and keeps exactly: a fraction and at most 15 digits | the same |
//! | maps | maps; a key is a string as it is, a keyword with its colon, anything else `#` and its text, and so is a string that begins with `:` or `#` |
//! | byte arrays | `{"#": bytes}` |
//! | everything else | `{"#": "its text"}` |
//!
//! In binary formats, and for strings that begin with `#=`: `#=` and the text,
//! as one string. No EDN form begins like that.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};

use super::collection::Map;
use super::handoff;
use super::number::BigInt;
use super::print::readable_text;
use super::value::Edn;

/// Before a text in a format where only strings can be trusted.
const TEXT: &str = "#=";

/// The only key of a map that stands for something else.
const ESCAPE: &str = "#";

impl Serialize for Edn {
    /// Comes back exactly from every format that keeps strings, integers and
    /// lists. Plain data is plain:
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// let value: Edn = r#"{:name "x", "n" [1 2.5 nil], :state :done}"#.parse()?;
    /// let json = serde_json::to_string(&value)?;
    /// assert_eq!(json, r##"{":name":"x","n":[1,2.5,null],":state":{"#":":done"}}"##);
    /// assert_eq!(serde_json::from_str::<Edn>(&json)?, value);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handoff::NAME, &Plain(self))
    }
}

impl<'de> Deserialize<'de> for Edn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Edn, D::Error> {
        let human = deserializer.is_human_readable();
        deserializer.deserialize_newtype_struct(handoff::NAME, Reader { human })
    }
}

/// What stands behind the newtype struct.
struct Plain<'a>(&'a Edn);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if handoff::answer(self.0) {
            return serializer.serialize_unit();
        }
        if !serializer.is_human_readable() {
            let text = readable_text(self.0).map_err(S::Error::custom)?;
            return serializer.serialize_str(&format!("{TEXT}{text}"));
        }
        match self.0 {
            Edn::Nil => serializer.serialize_unit(),
            Edn::Bool(value) => serializer.serialize_bool(*value),
            Edn::Int(n) => serializer.serialize_i64(*n),
            Edn::Float(value) if is_plain(*value) => serializer.serialize_f64(*value),
            Edn::Str(text) if !text.starts_with(TEXT) => serializer.serialize_str(text),
            Edn::Vector(elements) => serializer.collect_seq(elements),
            Edn::Map(map) => {
                let mut entries = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map.iter() {
                    entries.serialize_entry(&key_to_text(key).map_err(S::Error::custom)?, value)?;
                }
                entries.end()
            }
            Edn::Bytes(bytes) => {
                let mut entry = serializer.serialize_map(Some(1))?;
                entry.serialize_entry(ESCAPE, &Bytes(bytes))?;
                entry.end()
            }
            other => {
                let mut entry = serializer.serialize_map(Some(1))?;
                entry.serialize_entry(ESCAPE, &readable_text(other).map_err(S::Error::custom)?)?;
                entry.end()
            }
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Whether formats keep this float: some write 1.0 as 1, some read the last of
/// 17 digits wrongly, and none in JSON writes NaN.
fn is_plain(value: f64) -> bool {
    let digits =
        format!("{value:e}").bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    value.is_finite() && value.fract() != 0.0 && digits <= 15 && (1e-5..1e15).contains(&value.abs())
}

fn key_to_text(key: &Edn) -> Result<String, crate::codec::CodecError> {
    Ok(match key {
        Edn::Str(text) if !text.starts_with([':', '#']) => text.clone(),
        _ => {
            let text = readable_text(key)?;
            if text.starts_with(':') { text } else { format!("{ESCAPE}{text}") }
        }
    })
}

fn text_to_key<E: de::Error>(text: String) -> Result<Edn, E> {
    let printed = match text.strip_prefix(ESCAPE) {
        Some(printed) => printed,
        None if text.starts_with(':') => &text,
        None => return Ok(Edn::Str(text)),
    };
    printed
        .parse()
        .map_err(|reason| E::custom(format_args!("the key `{text}` is not EDN: {reason}")))
}

#[derive(Clone, Copy)]
struct Reader {
    human: bool,
}

impl<'de> Visitor<'de> for Reader {
    type Value = Edn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an EDN value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Edn, D::Error> {
        match handoff::take() {
            Some(value) => Ok(value),
            None if self.human => deserializer.deserialize_any(self),
            None => deserializer.deserialize_str(self),
        }
    }

    fn visit_unit<E>(self) -> Result<Edn, E> {
        Ok(Edn::Nil)
    }

    fn visit_none<E>(self) -> Result<Edn, E> {
        Ok(Edn::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Edn, D::Error> {
        Edn::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Edn, E> {
        Ok(Edn::Bool(value))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Edn, E> {
        Ok(Edn::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Edn, E> {
        Ok(Edn::from(n))
    }

    fn visit_i128<E>(self, n: i128) -> Result<Edn, E> {
        Ok(i64::try_from(n).map_or_else(|_| Edn::BigInt(n.into()), Edn::Int))
    }

    fn visit_u128<E>(self, n: u128) -> Result<Edn, E> {
        Ok(i64::try_from(n).map_or_else(|_| Edn::BigInt(BigInt::from(n)), Edn::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Edn, E> {
        Ok(Edn::Float(value))
    }

    fn visit_char<E>(self, c: char) -> Result<Edn, E> {
        Ok(Edn::Char(c))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Edn, E> {
        match text.strip_prefix(TEXT) {
            Some(printed) => printed.parse().map_err(E::custom),
            None => Ok(Edn::Str(text.to_owned())),
        }
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Edn, E> {
        Ok(Edn::bytes(bytes))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Edn, E> {
        Ok(Edn::Bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Edn, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Edn::Vector(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Edn, A::Error> {
        let mut map = Map::new();
        while let Some(text) = entries.next_key::<String>()? {
            if text == ESCAPE && map.is_empty() {
                let value = unescape(entries.next_value()?)?;
                return match entries.next_key::<String>()? {
                    None => Ok(value),
                    Some(_) => Err(de::Error::custom("`#` must be the only key of its map")),
                };
            }
            let key = text_to_key(text)?;
            let twice =
                |key| de::Error::custom(format_args!("the key `{key}` occurs twice in a map"));
            map.insert_new(key, entries.next_value()?).map_err(twice)?;
        }
        Ok(Edn::Map(map))
    }
}

/// What stands under `#`: text, or bytes, which some formats write as numbers.
fn unescape<E: de::Error>(value: Edn) -> Result<Edn, E> {
    match value {
        Edn::Str(text) => text.parse().map_err(E::custom),
        Edn::Bytes(_) => Ok(value),
        bytes @ Edn::Vector(_) => match Edn::tagged("bytes", bytes) {
            bytes @ Edn::Bytes(_) => Ok(bytes),
            _ => Err(E::custom("under `#` there must be text or bytes")),
        },
        _ => Err(E::custom("under `#` there must be text or bytes")),
    }
}
