//! `Some` of nothing, maps that look like escapes, and values without end.

use super::{assert_encodes, escape, m, n, s};
use crate::codec::Value;
use crate::codec::native::store::assert_back;
use crate::codec::native::{MAX_CONTAINERS, MAX_DEPTH, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn nothing_and_some_nothing() {
    type Nested = Option<Option<Option<u8>>>;
    assert_encodes(&Nested::None, &Value::Null(true));
    assert_encodes(&Some(None::<u8>), &m([("atom/some", Value::Null(true))]));
    assert_encodes(&Some(()), &m([("atom/some", Value::Null(true))]));
    assert_encodes(&Some(Some(Some(1))), &n("1"));
    let deepest = m([("atom/some", m([("atom/some", Value::Null(true))]))]);
    assert_encodes(&Some(Some(None::<u8>)), &deepest);
    for nested in [None, Some(None), Some(Some(None)), Some(Some(Some(1)))] as [Nested; 4] {
        assert_back(&nested);
    }
    assert_back(&[Some(()), None]);
    assert_back(&json!({"a": null}));
}

#[test]
fn maps_that_look_like_escapes_are_escaped() {
    for name in
        ["atom/some", "atom/map", "atom/float", "atom/deep", "atom/", "atom/new", "atom/bytes"]
    {
        let map = BTreeMap::from([(name.to_owned(), "NaN".to_owned())]);
        assert_encodes(&map, &m([("atom/map", m([(name, s("NaN"))]))]));
        assert_back(&map);
        assert_back(&Some(map.clone()));
        assert_back(&json!({ name: { name: 1 } }));
    }
    // Of two members none can be an escape.
    assert_encodes(&json!({"atom/map": 1, "b": 2}), &m([("atom/map", n("1")), ("b", n("2"))]));
    #[derive(Debug, Serialize, Deserialize)]
    enum Odd {
        #[serde(rename = "atom/some")]
        Some(Option<u8>),
        #[serde(rename = "#")]
        Mark { x: u8 },
        #[serde(rename = "")]
        Empty(u8, u8),
    }
    assert_back(&[Odd::Some(None), Odd::Some(Some(1)), Odd::Mark { x: 1 }, Odd::Empty(1, 2)]);
}

#[test]
fn what_lies_too_deep_is_folded_into_text() {
    fn list(levels: usize) -> serde_json::Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }
    // Under `atom/value` a list has 31 levels; a struct lies flat and is none itself.
    assert!(!format!("{:?}", encode(&list(31)).unwrap()).contains("atom/deep"));
    let deep = encode(&list(33)).unwrap();
    let mut inside = &deep;
    for _ in 0..MAX_CONTAINERS - 1 {
        let Value::L(items) = inside else { panic!("{inside:?}") };
        inside = &items[0];
    }
    assert_eq!(inside, &escape("atom/deep", "[[[1]]]"));
    assert!(!format!("{:?}", encode(&json!({"a": list(31)})).unwrap()).contains("atom/deep"));
    assert!(format!("{:?}", encode(&json!({"a": list(32)})).unwrap()).contains("atom/deep"));
    for levels in [30, 31, 32, 33, 64, 120] {
        assert_back(&list(levels));
        assert_back(&json!({"a": list(levels)}));
        assert_back(&json!({"atom/value": list(levels)}));
        assert_back(&json!({"atom/value": list(levels), "b": 5.0}));
        assert_back(&json!({"atom/map": {"atom/map": list(levels)}}));
    }
}

#[test]
fn what_does_not_end_is_an_error_and_no_overflow() {
    fn list(levels: usize) -> serde_json::Value {
        (0..levels).fold(json!(null), |inner, _| json!([inner]))
    }
    // The stack of an ordinary thread is enough, even in a debug build.
    let run = || {
        assert_back(&list(MAX_DEPTH));
        let error = encode(&list(MAX_DEPTH + 1)).unwrap_err();
        assert!(error.message.contains("128 levels"), "{error}");
        assert!(error.path.starts_with("[0][0]"), "{error}");
        #[derive(Debug, Serialize, Deserialize)]
        struct Chain(Option<Box<Chain>>);
        let chain = |links| (0..links).fold(Chain(None), |inner, _| Chain(Some(Box::new(inner))));
        assert_back(&chain(63));
        assert!(encode(&chain(64)).is_err());
        // A type that never ends on a value that is not nothing.
        assert!(decode::<Chain>(n("1")).is_err());
        let hostile = (0..100_000).fold(String::new(), |text, _| text + "[");
        assert!(decode::<serde_json::Value>(escape("atom/deep", &hostile)).is_err());
        let mut nested = escape("atom/deep", "1");
        for _ in 0..12 {
            let text = crate::codec::json::to_text(&Value::L(vec![nested]));
            nested = escape("atom/deep", &text);
        }
        assert!(decode::<serde_json::Value>(nested).is_ok());
        // `serde_json`'s own drop recurses, so the values above must not grow much.
    };
    let small = std::thread::Builder::new().stack_size(1 << 20);
    small.spawn(run).unwrap().join().unwrap();
}
