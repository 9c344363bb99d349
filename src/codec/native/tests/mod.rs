//! The native encoding by example: what plain data looks like, what each escape looks like, and
//! what `serde_dynamo` alone refuses, loses or panics on.

#![allow(
    clippy::items_after_statements,
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "types stand beside the test that needs them, floats must come back exactly, and serde sets the signatures"
)]

mod errors;
mod names;
mod nesting;
mod numbers;
mod plain;

use super::encode;
use crate::codec::Value;
use serde::{Deserialize, Serialize};

fn n(text: &str) -> Value {
    Value::N(text.to_owned())
}

fn s(text: &str) -> Value {
    Value::S(text.to_owned())
}

fn m<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::M(members.map(|(name, value)| (name.to_owned(), value)).into())
}

fn escape(name: &str, text: &str) -> Value {
    m([(name, s(text))])
}

#[track_caller]
fn assert_encodes<T: Serialize + ?Sized>(value: &T, expected: &Value) {
    assert_eq!(&encode(value).unwrap(), expected);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    price: f64,
    weight: f32,
    note: Option<String>,
    lines: Vec<Line>,
    #[serde(with = "serde_bytes")]
    scan: Vec<u8>,
    paid: bool,
    size: (u8, i16),
    state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    article: char,
    count: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    New,
    Sent(u32),
    Moved(f64, f64),
    Lost { on: String },
}

fn order() -> Order {
    Order {
        id: 7,
        price: 5.0,
        weight: 0.1,
        note: None,
        lines: vec![Line { article: 'x', count: -2 }],
        scan: vec![1, 2, 3],
        paid: true,
        size: (1, -1),
        state: State::Moved(1.0, 2.5),
    }
}
