//! DynamoDB's limits, checked before anything is sent.
//!
//! The rules are DynamoDB's own way to count, measured at the byte on DynamoDB Local 1.25.1: a
//! name or string is its UTF-8 bytes, bytes their number, a boolean or null 1; a list or map is 3,
//! and 1 for each element, and what they hold; a set is what it holds; a number is 1, and 1 for
//! each pair of digits from the decimal point outwards that is not all zeros at an end, and 1 for
//! a minus sign, and never more than 21.

use super::Value;
use super::error::CodecError;
use super::native::MAX_CONTAINERS;
use super::number::Decimal;
use std::collections::HashMap;
use std::fmt;

/// The most bytes that an item may have, names included.
pub(crate) const MAX_ITEM: usize = 409_600;
/// The most bytes that a number weighs: 38 digits across 20 pairs and a minus sign would be 22.
const MAX_NUMBER: usize = 21;
/// The most bytes that the text of a key may have.
pub(crate) const MAX_KEY: usize = 2048;
/// The most bytes that the name of an attribute or map member may have.
pub(crate) const MAX_NAME: usize = 65_535;

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The bytes of the whole item.
    ItemSize,
    /// The bytes of the key's text.
    KeySize,
    /// The bytes of one attribute's or member's name.
    NameSize,
    /// How many lists and maps nest in one attribute.
    Nesting,
}

/// A limit of DynamoDB's that a write would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitError {
    pub what: Limit,
    pub actual: usize,
    /// The most that is allowed; the least, for a key that is too short.
    pub limit: usize,
    /// Of an item that is too large: the field that weighs most, and its bytes.
    pub heaviest: Option<(String, usize)>,
    /// Where inside the item; empty if it is about the whole.
    pub path: String,
}

impl LimitError {
    fn new(what: Limit, actual: usize, limit: usize) -> Self {
        Self { what, actual, limit, heaviest: None, path: String::new() }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actual, limit, .. } = self;
        let over = actual.saturating_sub(*limit);
        if !self.path.is_empty() {
            write!(f, "at {}: ", self.path)?;
        }
        match self.what {
            Limit::ItemSize => write!(
                f,
                "the item has {actual} bytes, {over} more than the {limit} that DynamoDB allows"
            )?,
            Limit::KeySize if *actual == 0 => {
                write!(f, "the key is empty, and DynamoDB needs at least {limit} byte")?;
            }
            Limit::KeySize => write!(
                f,
                "the text of the key has {actual} bytes, {over} more than the {limit} that DynamoDB allows"
            )?,
            Limit::NameSize => write!(
                f,
                "the name has {actual} bytes, {over} more than the {limit} that DynamoDB allows"
            )?,
            Limit::Nesting => write!(
                f,
                "{actual} lists and maps nest in one attribute, {over} more than the {limit} that DynamoDB allows"
            )?,
        }
        if let Some((field, bytes)) = &self.heaviest {
            write!(f, "; `{field}` weighs most, with {bytes} bytes")?;
        }
        Ok(())
    }
}

impl std::error::Error for LimitError {}

/// The bytes of an item, as DynamoDB counts them.
pub(crate) fn item_size(item: &HashMap<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::S(text) => text.len(),
        Value::N(number) => number_size(number),
        Value::B(bytes) => bytes.len(),
        Value::Bool(_) | Value::Null(_) => 1,
        Value::L(items) => 3 + items.iter().map(|item| 1 + value_size(item)).sum::<usize>(),
        Value::M(members) => 3 + members.len() + item_size(members),
        Value::Ss(items) => items.iter().map(String::len).sum(),
        Value::Ns(items) => items.iter().map(|item| number_size(item)).sum(),
        Value::Bs(items) => items.iter().map(Vec::len).sum(),
    }
}

fn number_size(text: &str) -> usize {
    match Decimal::parse(text) {
        Some(number) if !number.is_zero() => {
            let last = number.point - i64::try_from(number.significant).unwrap_or(i64::MAX);
            let pairs = (number.point - 1).div_euclid(2) - last.div_euclid(2) + 1;
            let size = 1 + usize::try_from(pairs).unwrap_or(0) + usize::from(number.negative);
            size.min(MAX_NUMBER)
        }
        Some(_) => 1,
        // No number at all; DynamoDB will refuse it whatever it weighs.
        None => text.len(),
    }
}

/// Is the item one that DynamoDB takes?
pub(crate) fn check(item: &HashMap<String, Value>) -> Result<(), LimitError> {
    for (name, value) in item {
        check_name(name)?;
        check_inside(value, MAX_CONTAINERS).map_err(|mut error| {
            error.path = joined(name, error.path);
            if error.what == Limit::Nesting {
                error.actual = containers(value);
            }
            error
        })?;
    }
    let size = item_size(item);
    if size > MAX_ITEM {
        let mut error = LimitError::new(Limit::ItemSize, size, MAX_ITEM);
        error.heaviest = heaviest(item);
        return Err(error);
    }
    Ok(())
}

/// Whether an item with this value in it, flat or not, and so many bytes beside it is surely one
/// that DynamoDB takes. It copies nothing and may say no in vain: then only [`check`] knows.
pub(crate) fn surely_fits(value: &Value, beside: usize) -> bool {
    value_size(value) + beside <= MAX_ITEM && check_inside(value, MAX_CONTAINERS).is_ok()
}

/// Is the text of a key one that DynamoDB takes?
pub(crate) fn check_key(text: &str) -> Result<(), LimitError> {
    match text.len() {
        0 => Err(LimitError::new(Limit::KeySize, 0, 1)),
        1..=MAX_KEY => Ok(()),
        actual => Err(LimitError::new(Limit::KeySize, actual, MAX_KEY)),
    }
}

fn check_name(name: &str) -> Result<(), LimitError> {
    if name.len() > MAX_NAME {
        return Err(LimitError::new(Limit::NameSize, name.len(), MAX_NAME));
    }
    Ok(())
}

fn check_inside(value: &Value, room: usize) -> Result<(), LimitError> {
    match value {
        Value::L(_) | Value::M(_) if room == 0 => {
            Err(LimitError::new(Limit::Nesting, 0, MAX_CONTAINERS))
        }
        Value::L(items) => {
            for (index, item) in items.iter().enumerate() {
                check_inside(item, room - 1).map_err(|mut error| {
                    error.path = joined_index(index, error.path);
                    error
                })?;
            }
            Ok(())
        }
        Value::M(members) => {
            for (name, member) in members {
                check_name(name)?;
                check_inside(member, room - 1).map_err(|mut error| {
                    error.path = joined(name, error.path);
                    error
                })?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn containers(value: &Value) -> usize {
    match value {
        Value::L(items) => 1 + items.iter().map(containers).max().unwrap_or(0),
        Value::M(members) => 1 + members.values().map(containers).max().unwrap_or(0),
        _ => 0,
    }
}

/// The attribute that weighs most; and inside it, as long as one part makes up more than half.
fn heaviest(item: &HashMap<String, Value>) -> Option<(String, usize)> {
    let (name, mut value) =
        item.iter().max_by_key(|(name, value)| name.len() + value_size(value))?;
    let mut size = name.len() + value_size(value);
    let mut steps = vec![Step::Member(name)];
    while let Some((step, inner, inner_size)) = heaviest_part(value) {
        if inner_size * 2 <= size {
            break;
        }
        steps.push(step);
        (value, size) = (inner, inner_size);
    }
    let path = steps.iter().rfold(String::new(), |path, step| match step {
        Step::Member(name) => joined(name, path),
        Step::Element(index) => joined_index(*index, path),
    });
    Some((path, size))
}

enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

fn heaviest_part(value: &Value) -> Option<(Step<'_>, &Value, usize)> {
    match value {
        Value::L(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (Step::Element(index), item, value_size(item)))
            .max_by_key(|(.., size)| *size),
        Value::M(members) => members
            .iter()
            .map(|(name, member)| (Step::Member(name), member, name.len() + value_size(member)))
            .max_by_key(|(.., size)| *size),
        _ => None,
    }
}

fn joined(name: &str, path: String) -> String {
    let error = CodecError { path, message: String::new() };
    error.in_member(name).path
}

fn joined_index(index: usize, path: String) -> String {
    let error = CodecError { path, message: String::new() };
    error.in_element(index).path
}

#[cfg(test)]
mod tests {
    use super::{Limit, MAX_ITEM, check, check_key, item_size, number_size};
    use crate::codec::Value;
    use std::collections::HashMap;

    fn item<const N: usize>(members: [(&str, Value); N]) -> HashMap<String, Value> {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn text(length: usize) -> Value {
        Value::S("a".repeat(length))
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::N("1".to_owned()), |inner, _| Value::L(vec![inner]))
    }

    /// What DynamoDB Local takes, found by bisecting the padding that still fits.
    #[test]
    fn numbers_weigh_what_dynamodb_local_says() {
        for (number, size) in [
            ("0", 1),
            ("1", 2),
            ("-1", 3),
            ("10", 2),
            ("12", 2),
            ("100", 2),
            ("123", 3),
            ("1000", 2),
            ("1234", 3),
            ("12345", 4),
            ("-12345", 5),
            ("0.1", 2),
            ("0.01", 2),
            ("0.12", 2),
            ("0.012", 3),
            ("0.001", 2),
            ("1.5", 3),
            ("15.5", 3),
            ("1.55", 3),
            ("100.5", 4),
            ("1e20", 2),
            ("1e21", 2),
            ("1e-130", 2),
            ("9.9e125", 2),
            ("12345678901234567890123456789012345678", 20),
            ("-12345678901234567890123456789012345678", 21),
            ("1.2345678901234567890123456789012345678", 21),
            ("-1.2345678901234567890123456789012345678", 21),
            ("1111111111111111111111111111111111111e-100", 20),
            ("123e-99", 3),
            ("-9.99e125", 4),
            ("5.5e-130", 3),
            ("0.5", 2),
            ("-0.5", 3),
            ("-0.05", 3),
            ("120", 3),
            ("1200", 2),
            ("102", 3),
            ("-100", 3),
            ("0.0012", 2),
            ("0.00123", 3),
            ("99.99", 3),
            ("999.99", 4),
        ] {
            assert_eq!(number_size(number), size, "{number}");
        }
    }

    #[test]
    fn everything_weighs_what_dynamodb_local_says() {
        let n = |text: &str| text.to_owned();
        for (value, size) in [
            (Value::S(String::new()), 0),
            (Value::S("é".to_owned()), 2),
            (Value::Null(true), 1),
            (Value::Bool(true), 1),
            (Value::B(vec![1, 2, 3]), 3),
            (Value::L(vec![]), 3),
            (Value::M(HashMap::new()), 3),
            (Value::L(vec![Value::Null(true)]), 5),
            (Value::M(item([("ab", Value::Null(true))])), 7),
            (Value::Ss(vec![n("ab"), n("c")]), 3),
            (Value::Ns(vec![n("1"), n("22")]), 4),
            (Value::Bs(vec![vec![1, 2], vec![3]]), 3),
            (Value::L(vec![Value::L(vec![]), Value::S(n("a"))]), 9),
        ] {
            assert_eq!(item_size(&item([("v", value)])), 1 + size);
        }
    }

    #[test]
    fn an_item_one_byte_under_at_and_one_byte_over_the_limit() {
        // Two names of one byte each.
        let padded = |pad| item([("k", text(1)), ("p", text(pad))]);
        assert_eq!(item_size(&padded(MAX_ITEM - 3)), MAX_ITEM);
        assert_eq!(check(&padded(MAX_ITEM - 4)), Ok(()));
        assert_eq!(check(&padded(MAX_ITEM - 3)), Ok(()));
        let error = check(&padded(MAX_ITEM - 2)).unwrap_err();
        assert_eq!((error.what, error.actual), (Limit::ItemSize, MAX_ITEM + 1));
        assert_eq!(error.heaviest, Some(("p".to_owned(), MAX_ITEM - 1)));
        assert_eq!(
            error.to_string(),
            "the item has 409601 bytes, 1 more than the 409600 that DynamoDB allows; \
             `p` weighs most, with 409599 bytes"
        );
    }

    #[test]
    fn the_field_that_weighs_most_is_found_inside_others() {
        let orders = Value::L(vec![
            text(10),
            Value::M(item([("note", text(20)), ("scan", text(MAX_ITEM))])),
        ]);
        let error = check(&item([("k", text(1)), ("orders", orders)])).unwrap_err();
        assert_eq!(error.heaviest, Some(("orders[1].scan".to_owned(), MAX_ITEM + 4)));
        // Where nothing stands out, the list itself is named.
        let many = Value::L((0..500).map(|_| text(1000)).collect());
        let error = check(&item([("k", text(1)), ("many", many)])).unwrap_err();
        assert_eq!(error.heaviest.unwrap().0, "many");
    }

    #[test]
    fn thirty_one_containers_and_not_one_more() {
        assert_eq!(check(&item([("v", nested(30))])), Ok(()));
        assert_eq!(check(&item([("v", nested(31))])), Ok(()));
        let error = check(&item([("v", nested(32))])).unwrap_err();
        assert_eq!((error.what, error.actual, error.limit), (Limit::Nesting, 32, 31));
        assert!(error.path.starts_with("v[0][0]"), "{}", error.path);
    }

    #[test]
    fn a_key_has_one_to_2048_bytes() {
        assert_eq!(
            check_key("").unwrap_err().to_string(),
            "the key is empty, and DynamoDB needs at least 1 byte"
        );
        assert_eq!(check_key("a"), Ok(()));
        assert_eq!(check_key(&"a".repeat(2047)), Ok(()));
        assert_eq!(check_key(&"a".repeat(2048)), Ok(()));
        let error = check_key(&"é".repeat(1025)).unwrap_err();
        assert_eq!((error.what, error.actual, error.limit), (Limit::KeySize, 2050, 2048));
        assert_eq!(check_key(&"a".repeat(2049)).unwrap_err().actual, 2049);
    }

    #[test]
    fn names_have_at_most_65535_bytes_on_every_level() {
        let name = |length: usize| "n".repeat(length);
        assert_eq!(check(&item([(&name(65_535), text(1))])), Ok(()));
        assert_eq!(check(&item([(&name(65_536), text(1))])).unwrap_err().what, Limit::NameSize);
        let inner = |length| item([("m", Value::M(item([(&name(length), text(1))])))]);
        assert_eq!(check(&inner(65_535)), Ok(()));
        let error = check(&inner(65_536)).unwrap_err();
        assert_eq!((error.what, error.path.as_str()), (Limit::NameSize, "m"));
    }
}
