//! Equality and hash: Clojure's `=`, with the two amendments that Rust's `Eq`
//! asks for (see [`Edn`]).

use std::hash::{DefaultHasher, Hash, Hasher};

use super::value::Edn;

impl PartialEq for Edn {
    fn eq(&self, other: &Edn) -> bool {
        match (self, other) {
            (Edn::Nil, Edn::Nil) => true,
            (Edn::Bool(a), Edn::Bool(b)) => a == b,
            (Edn::Int(a), Edn::Int(b)) => a == b,
            (Edn::BigInt(a), Edn::BigInt(b)) => a == b,
            (Edn::Int(a), Edn::BigInt(b)) | (Edn::BigInt(b), Edn::Int(a)) => b.to_i64() == Some(*a),
            (Edn::Ratio(a), Edn::Ratio(b)) => a == b,
            (Edn::Float(a), Edn::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Edn::BigDec(a), Edn::BigDec(b)) => a == b,
            (Edn::Char(a), Edn::Char(b)) => a == b,
            (Edn::Str(a), Edn::Str(b)) => a == b,
            (Edn::Keyword(a), Edn::Keyword(b)) | (Edn::Symbol(a), Edn::Symbol(b)) => a == b,
            (Edn::List(a) | Edn::Vector(a), Edn::List(b) | Edn::Vector(b)) => a == b,
            (Edn::Map(a), Edn::Map(b)) => a == b,
            (Edn::Set(a), Edn::Set(b)) => a == b,
            (Edn::Tagged(a, x), Edn::Tagged(b, y)) => a == b && x == y,
            (Edn::Inst(a), Edn::Inst(b)) => a == b,
            (Edn::Uuid(a), Edn::Uuid(b)) => a == b,
            (Edn::Bytes(a), Edn::Bytes(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Edn {}

impl Hash for Edn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Edn::Nil => state.write_u8(0),
            Edn::Bool(value) => (1u8, value).hash(state),
            Edn::Int(n) => (2u8, n).hash(state),
            Edn::BigInt(n) => match n.to_i64() {
                Some(n) => (2u8, n).hash(state),
                None => (3u8, n).hash(state),
            },
            Edn::Ratio(ratio) => (4u8, ratio).hash(state),
            Edn::Float(value) => {
                let one_of_each = if value.is_nan() {
                    f64::NAN
                } else if *value == 0.0 {
                    0.0
                } else {
                    *value
                };
                (5u8, one_of_each.to_bits()).hash(state);
            }
            Edn::BigDec(value) => (6u8, value).hash(state),
            Edn::Char(value) => (7u8, value).hash(state),
            Edn::Str(value) => (8u8, value).hash(state),
            Edn::Keyword(name) => (9u8, name).hash(state),
            Edn::Symbol(name) => (10u8, name).hash(state),
            Edn::List(elements) | Edn::Vector(elements) => (11u8, elements).hash(state),
            Edn::Map(map) => (12u8, map.len(), in_any_order(map.iter())).hash(state),
            Edn::Set(set) => (13u8, set.len(), in_any_order(set.iter())).hash(state),
            Edn::Tagged(tag, form) => (14u8, tag, form).hash(state),
            Edn::Inst(inst) => (15u8, inst).hash(state),
            Edn::Uuid(uuid) => (16u8, uuid).hash(state),
            Edn::Bytes(bytes) => (17u8, bytes).hash(state),
        }
    }
}

/// A number that the order of the elements does not change.
fn in_any_order<T: Hash>(elements: impl Iterator<Item = T>) -> u64 {
    elements.fold(0, |sum, element| {
        let mut hasher = DefaultHasher::new();
        element.hash(&mut hasher);
        sum.wrapping_add(hasher.finish())
    })
}
