//! The texts of numbers as Rust's numbers.

use super::de;
use crate::codec::Value;
use crate::codec::error::CodecError;
use crate::codec::number::{Decimal, as_integer, looks_integral, shortest};
use serde::de::Visitor;
use std::str::FromStr;

/// The integer that a number's text denotes, also in a dress like `1E+2`, which other tools write.
#[inline]
pub(super) fn integer<T: FromStr>(text: &str) -> Option<T> {
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => as_integer(text)?.parse().ok(),
    }
}

/// The float that a number's text denotes.
#[inline]
pub(super) fn float<T: FromStr>(text: &str) -> Option<T> {
    // Rust also reads words: "inf", "infinity", "nan" in any case.
    let is_digits = text.ends_with(|last: char| last.is_ascii_digit() || last == '.');
    if is_digits { text.parse().ok() } else { None }
}

/// The float that an escape's text denotes: those words too, as the escape writes them.
pub(super) fn escaped_float<T: FromStr>(text: &str) -> Option<T> {
    match text {
        "NaN" | "Infinity" | "-Infinity" => text.parse().ok(),
        number => float(number),
    }
}

/// Hands a number to a visitor that takes what it finds.
pub(super) fn visit_any<'de, V: Visitor<'de>>(
    text: String,
    visitor: V,
) -> Result<V::Value, CodecError> {
    if let Ok(number) = text.parse::<i64>() {
        return visitor.visit_i64(number);
    }
    if let Ok(number) = text.parse::<u64>() {
        return visitor.visit_u64(number);
    }
    let Some(number) = float::<f64>(&text).filter(|_| Decimal::parse(&text).is_some()) else {
        return Err(de::unexpected(&Value::N(text), &visitor));
    };
    // Beyond 64 bits serde's own buffers know only floats; an integer goes as one unless it
    // would lose digits by that.
    if looks_integral(&text) && as_integer(&shortest!(number)).as_deref() != Some(&*text) {
        if let Ok(number) = text.parse::<i128>() {
            return visitor.visit_i128(number);
        }
        if let Ok(number) = text.parse::<u128>() {
            return visitor.visit_u128(number);
        }
    }
    visitor.visit_f64(number)
}
