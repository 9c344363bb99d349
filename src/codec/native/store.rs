//! For tests: a stand-in for what DynamoDB does to an item that is put, as DynamoDB Local does it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "lengths here are short"
)]

use super::{encode, flat};
use crate::codec::{Value, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

const KEY: &str = "atom/id";

/// Encodes, stores, and reads back what the item then holds.
pub(crate) fn stored<T: Serialize + ?Sized>(value: &T) -> Value {
    let encoded = encode(value).unwrap_or_else(|error| panic!("{error}"));
    let (item, lies_flat) = match flat(encoded, KEY) {
        Ok(members) => (members, true),
        Err(value) => (HashMap::from([("atom/value".to_owned(), value)]), false),
    };
    if let Err(error) = limits::check(&item) {
        assert_eq!(error.what, limits::Limit::ItemSize, "{error}: {item:?}");
    }
    let mut item = put(item).unwrap_or_else(|why| panic!("refused: {why}"));
    if lies_flat { Value::M(item) } else { item.remove("atom/value").unwrap() }
}

/// There and back through the store.
pub(crate) fn back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    super::decode(stored(value)).unwrap_or_else(|error| panic!("{error}: {:?}", encode(value)))
}

/// Asserts that a value comes back as it was. Compared as text, where NaN equals itself and -0.0
/// is not 0.0.
#[track_caller]
pub(crate) fn assert_back<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    assert_eq!(format!("{:?}", back(value)), format!("{value:?}"));
}

fn put(item: HashMap<String, Value>) -> Result<HashMap<String, Value>, String> {
    item.into_iter()
        .map(|(name, value)| {
            if name == KEY || (name.starts_with("atom/") && name != "atom/value") {
                return Err(format!("the attribute {name} is reserved"));
            }
            check_name(&name)?;
            Ok((name, put_value(value, 0)?))
        })
        .collect()
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() { Err("Empty attribute name".to_owned()) } else { Ok(()) }
}

fn put_value(value: Value, containers: usize) -> Result<Value, String> {
    let inside = containers + 1;
    if matches!(value, Value::L(_) | Value::M(_)) && inside > 31 {
        return Err("Nesting Levels have exceeded supported limits".to_owned());
    }
    Ok(match value {
        Value::N(number) => Value::N(normal(&number)?),
        Value::Ns(numbers) => {
            let numbers = numbers.iter().map(|number| normal(number));
            let mut numbers: Vec<_> = numbers.collect::<Result<_, _>>()?;
            set(&mut numbers)?;
            Value::Ns(numbers)
        }
        Value::Ss(mut items) => {
            set(&mut items)?;
            Value::Ss(items)
        }
        Value::Bs(mut items) => {
            set(&mut items)?;
            Value::Bs(items)
        }
        Value::L(items) => Value::L(
            items.into_iter().map(|item| put_value(item, inside)).collect::<Result<_, _>>()?,
        ),
        Value::M(members) => Value::M(
            members
                .into_iter()
                .map(|(name, member)| {
                    check_name(&name)?;
                    Ok((name, put_value(member, inside)?))
                })
                .collect::<Result<_, String>>()?,
        ),
        other => other,
    })
}

fn set<T: Ord + Clone + std::hash::Hash>(items: &mut [T]) -> Result<(), String> {
    if items.is_empty() {
        return Err("An set may not be empty".to_owned());
    }
    if items.iter().collect::<HashSet<_>>().len() < items.len() {
        return Err("Input collection contains duplicates".to_owned());
    }
    items.sort();
    Ok(())
}

/// The number as DynamoDB gives it back: no exponent, no zeros that do not count.
pub(crate) fn normal(number: &str) -> Result<String, String> {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| format!("no number: {number}"))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("no number: {number}"));
    }
    // The value is 0.digits × 10^point.
    let mut point = whole.len() as i32 + exponent;
    let trimmed = digits.trim_start_matches('0');
    point -= (digits.len() - trimmed.len()) as i32;
    let digits = trimmed.trim_end_matches('0');
    if digits.is_empty() {
        return Ok("0".to_owned());
    }
    if digits.len() > 38 {
        return Err(format!("more than 38 digits: {number}"));
    }
    if !(-129..=126).contains(&point) {
        return Err(format!("overflow or underflow: {number}"));
    }
    let length = digits.len() as i32;
    Ok(if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(-point as usize))
    } else if point >= length {
        format!("{sign}{digits}{}", "0".repeat((point - length) as usize))
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    })
}
