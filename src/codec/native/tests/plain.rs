//! Plain data looks plain, and what `serde_dynamo` does well stays well.

use super::{Line, Order, State, assert_encodes, escape, m, n, order, s};
use crate::codec::Value;
use crate::codec::native::store::{assert_back, back};
use crate::codec::native::{decode, encode, flat};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn plain_data_looks_as_anyone_would_write_it() {
    let expected = m([
        ("id", n("7")),
        ("price", n("5")),
        ("weight", n("0.1")),
        ("note", Value::Null(true)),
        ("lines", Value::L(vec![m([("article", s("x")), ("count", n("-2"))])])),
        ("scan", Value::B(vec![1, 2, 3])),
        ("paid", Value::Bool(true)),
        ("size", Value::L(vec![n("1"), n("-1")])),
        ("state", m([("Moved", Value::L(vec![n("1"), n("2.5")]))])),
    ]);
    assert_encodes(&order(), &expected);
    assert_eq!(back(&order()), order());
}

#[test]
fn plain_data_is_what_serde_dynamo_makes_of_it() {
    let states = [State::New, State::Sent(1), State::Lost { on: "sea".to_owned() }];
    for state in states {
        let order = Order { state, ..order() };
        let theirs: Value = serde_dynamo::to_attribute_value(&order).unwrap();
        assert_encodes(&order, &theirs);
        assert_eq!(back(&order), order);
    }
}

#[test]
fn sets_are_sets_where_dynamodb_takes_them() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sets {
        #[serde(with = "serde_dynamo::string_set")]
        strings: Vec<String>,
        #[serde(with = "serde_dynamo::number_set")]
        numbers: Vec<f64>,
        #[serde(with = "serde_dynamo::binary_set")]
        binaries: BTreeSet<serde_bytes::ByteBuf>,
    }
    let sets = |strings: &[&str], numbers: &[f64], binaries: &[&[u8]]| Sets {
        strings: strings.iter().map(|&text| text.to_owned()).collect(),
        numbers: numbers.to_vec(),
        binaries: binaries.iter().map(|&bytes| bytes.to_vec().into()).collect(),
    };
    let plain = sets(&["a", "b"], &[1.0, 2.5], &[&[1], &[]]);
    assert_encodes(
        &plain,
        &m([
            ("strings", Value::Ss(vec!["a".to_owned(), "b".to_owned()])),
            ("numbers", Value::Ns(vec!["1".to_owned(), "2.5".to_owned()])),
            ("binaries", Value::Bs(vec![vec![], vec![1]])),
        ]),
    );
    assert_back(&plain);
    let empty = sets(&[], &[], &[]);
    assert_encodes(
        &empty,
        &m([
            ("strings", Value::L(vec![])),
            ("numbers", Value::L(vec![])),
            ("binaries", Value::L(vec![])),
        ]),
    );
    assert_back(&empty);
    assert_back(&sets(&["b", "a", "b"], &[f64::NAN, 1.0], &[]));
    assert_back(&sets(&["b"], &[1.0, 0.5, 1.0], &[]));
    let error = encode(&serde_dynamo::string_set::StringSet([1, 2])).unwrap_err();
    assert!(error.message.contains("the number 1"), "{error}");
}

#[test]
fn flat_is_what_needs_no_reserved_name() {
    let fields = flat(encode(&order()).unwrap(), "atom/id").unwrap();
    assert_eq!(fields["price"], n("5"));
    assert!(flat(encode(&json!({})).unwrap(), "atom/id").unwrap().is_empty());
    for reserved in [json!({"id": 1}), json!({"atom/x": 1, "b": 2}), json!({"atom/map": 1})] {
        let encoded = encode(&reserved).unwrap();
        assert_eq!(flat(encoded.clone(), "id"), Err(encoded));
    }
    assert!(flat(encode(&json!({"id": 1})).unwrap(), "atom/id").is_ok());
    for other in [json!(5), json!([1]), json!(null)] {
        assert!(flat(encode(&other).unwrap(), "atom/id").is_err());
    }
}

#[test]
fn what_serde_dynamo_does_well_stays_well() {
    #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    enum Unit {
        A,
        B,
    }
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Id(u8);
    assert_back(&BTreeMap::from([(Unit::A, 1), (Unit::B, 2)]));
    assert_back(&BTreeMap::from([(Id(1), 1)]));
    assert_back(&(String::new(), Vec::<u8>::new(), BTreeMap::<String, u8>::new()));
    assert_back(&vec![1_u8, 2]);
    assert!(matches!(encode(&vec![1_u8]).unwrap(), Value::L(_)));
    assert_back(&std::time::Duration::new(1, 5));
    assert_back(&std::time::SystemTime::UNIX_EPOCH);
    assert_back(&uuid::Uuid::from_u128(u128::MAX));
    let time = chrono::DateTime::from_timestamp(1, 5).unwrap();
    assert_back(&time);
    // What others wrote: bytes for a list of numbers, and the reverse.
    assert_eq!(decode::<Vec<u8>>(Value::B(vec![1, 2])).unwrap(), [1, 2]);
    let list = Value::L(vec![n("1")]);
    assert_eq!(decode::<serde_bytes::ByteBuf>(list).unwrap().as_slice(), [1]);
    // Unknown fields are ignored, whatever is in them.
    let line = m([("article", s("x")), ("count", n("1")), ("new", escape("atom/deep", "["))]);
    assert_eq!(decode::<Line>(line).unwrap().count, 1);
}
