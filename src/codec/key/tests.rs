//! The text of keys by example, and what makes two keys the same.

#![allow(clippy::needless_pass_by_value, reason = "a key is made for the call")]

use super::{parse, text};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

fn of<K: Serialize + ?Sized>(key: &K) -> String {
    text(key).unwrap()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    y: i32,
    x: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    One(u8),
    Two(u8, u8),
    Fields { a: Option<u8> },
}

#[test]
fn keys_read_as_a_person_would_write_them() {
    for (found, expected) in [
        (of("counter"), "counter"),
        (of("42"), "42"),
        (of(""), ""),
        (of("atom/id"), "atom/id"),
        (of("#tag"), "#\"#tag\""),
        (of("#"), "#\"#\""),
        (of(&42), "#42"),
        (of(&-1_i8), "#-1"),
        (of(&u128::MAX), "#340282366920938463463374607431768211455"),
        (of(&("user", 7)), "#[\"user\",7]"),
        (of(&[1, 2]), "#[1,2]"),
        (of(&true), "#true"),
        (of(&()), "#null"),
        (of(&None::<u8>), "#null"),
        (of(&Some(None::<u8>)), "#{\"atom/some\":null}"),
        (of(&1.0_f64), "#1.0"),
        (of(&1.5_f32), "#1.5"),
        (of(&1e300_f64), "#1e300"),
        (of(&f64::NAN), "#{\"atom/float\":\"NaN\"}"),
        (of(&f32::NEG_INFINITY), "#{\"atom/float\":\"-Infinity\"}"),
        (of(&Point { y: 2, x: 1 }), "#{\"x\":1,\"y\":2}"),
        (of(&Kind::Unit), "Unit"),
        (of(&Kind::One(1)), "#{\"One\":1}"),
        (of(&Kind::Two(1, 2)), "#{\"Two\":[1,2]}"),
        (of(&Kind::Fields { a: None }), "#{\"Fields\":{\"a\":null}}"),
        (of(&serde_bytes::ByteBuf::from(vec![1, 2, 3])), "#{\"atom/bytes\":\"AQID\"}"),
        (of(&BTreeMap::from([(1, "a")])), "#{\"#1\":\"a\"}"),
        (
            of(&BTreeMap::from([("atom/bytes", "AQID")])),
            "#{\"atom/map\":{\"atom/bytes\":\"AQID\"}}",
        ),
        (of("a\u{0}\"é"), "a\u{0}\"é"),
        (of(&("a\u{0}\"é",)), "#[\"a\\u0000\\\"é\"]"),
        (of(&uuid::Uuid::nil()), "00000000-0000-0000-0000-000000000000"),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn keys_that_are_equal_have_one_text() {
    assert_eq!(of(&1_u64), of(&1_i8));
    assert_eq!(of(&Some(1)), of(&1));
    assert_eq!(of(&-0.0_f64), of(&0.0_f32));
    assert_eq!(of(&(1, [-0.0_f64])), of(&(1, [0.0_f64])));
    assert_eq!(of(&-f64::NAN), of(&f32::NAN));
    assert_eq!(of(&0.1_f32), of(&f64::from(0.1_f32)));
    assert_eq!(of(&'a'), of("a"));
    assert_eq!(of(&(1, 2)), of(&[1, 2]));
    assert_eq!(of(&Point { y: 2, x: 1 }), of(&BTreeMap::from([("x", 1), ("y", 2)])));
    assert_eq!(
        of(&serde_dynamo::string_set::StringSet(["b", "a"])),
        of(&serde_dynamo::string_set::StringSet(["a", "b"]))
    );
}

#[test]
fn keys_that_differ_have_texts_that_differ() {
    let mut seen = HashMap::new();
    for (name, text) in [
        ("1", of(&1)),
        ("1.0", of(&1.0)),
        ("\"1\"", of("1")),
        ("\"#1\"", of("#1")),
        ("\"1.0\"", of("1.0")),
        ("[1]", of(&[1])),
        ("[1.0]", of(&[1.0])),
        ("[\"1\"]", of(&["1"])),
        ("[[1]]", of(&[[1]])),
        ("{1: 1}", of(&BTreeMap::from([(1, 1)]))),
        ("{\"1\": 1}", of(&BTreeMap::from([("1", 1)]))),
        ("{\"#1\": 1}", of(&BTreeMap::from([("#1", 1)]))),
        ("{\"\": 1}", of(&BTreeMap::from([("", 1)]))),
        ("{\"#\\\"\\\"\": 1}", of(&BTreeMap::from([("#\"\"", 1)]))),
        ("None", of(&None::<u8>)),
        ("Some(None)", of(&Some(None::<u8>))),
        ("Some(Some(None))", of(&Some(Some(None::<u8>)))),
        ("\"null\"", of("null")),
        ("\"#null\"", of("#null")),
        ("true", of(&true)),
        ("\"true\"", of("true")),
        ("bytes", of(&serde_bytes::Bytes::new(b"1"))),
        ("their numbers", of(&b"1")),
        ("their text", of("MQ==")),
        ("a map like bytes", of(&BTreeMap::from([("atom/bytes", "MQ==")]))),
        ("NaN", of(&f64::NAN)),
        ("\"NaN\"", of("NaN")),
        ("a map like NaN", of(&BTreeMap::from([("atom/float", "NaN")]))),
        ("2^53", of(&(1_u64 << 53))),
        ("2^53 + 1", of(&((1_u64 << 53) + 1))),
        ("2^53 as a float", of(&(1_u64 << 53).to_string().parse::<f64>().unwrap())),
        ("0.1_f32", of(&0.1_f32)),
        ("0.1_f64", of(&0.1_f64)),
        ("empty", of("")),
        ("[]", of::<[u8]>(&[])),
        ("{}", of(&BTreeMap::<u8, u8>::new())),
    ] {
        if let Some(other) = seen.insert(text.clone(), name) {
            panic!("{name} and {other} are both {text}");
        }
    }
}

#[test]
fn keys_come_back() {
    #[track_caller]
    fn back<K: Serialize + for<'de> Deserialize<'de> + Debug + PartialEq>(key: K) {
        assert_eq!(parse::<K>(&of(&key)).unwrap(), key);
    }
    back("counter".to_owned());
    back("#tag".to_owned());
    back(String::new());
    back(("user".to_owned(), 7_u8, [1.0, 1.5_f32, -1e-300_f32]));
    back((i128::MIN, u128::MAX, f64::INFINITY, 5e-324_f64));
    back(vec![None, Some(None), Some(Some(()))]);
    back(Point { y: 1, x: 2 });
    back(vec![Kind::Unit, Kind::One(1), Kind::Two(1, 2), Kind::Fields { a: Some(1) }]);
    back(BTreeMap::from([(Some((1, true)), 'x'), (None, '#')]));
    back(serde_bytes::ByteBuf::from(vec![0, 255]));
    back(serde_json::json!({"a": [1, 1.0, null, {"#": ""}]}));
}

#[test]
fn texts_that_no_key_has_are_errors() {
    for text in [
        "#",
        "# 1",
        "#1 ",
        "#01",
        "#+1",
        "#1.50",
        "#1e2",
        "#-0",
        "#-0.0",
        "#1.0e0",
        "#[1, 2]",
        "#{\"b\":1,\"a\":2}",
        "#\"plain\"",
        "#\"\\u0061\"",
        "#[1",
        "#nul",
        "#{\"a\":1,\"a\":1}",
        "#NaN",
        "#[01]",
    ] {
        let result = parse::<serde_json::Value>(text);
        assert!(result.is_err(), "{text}: {result:?}");
    }
    // A number is no string and a string no number.
    assert!(parse::<u8>("1").is_err());
    assert!(parse::<String>("#1").is_err());
    assert_eq!(
        parse::<(String, u8)>("#[\"a\",300]").unwrap_err().to_string(),
        "at [1]: found the number 300, expected u8"
    );
}

#[test]
fn what_nests_without_end_is_an_error() {
    let nested = (0..200).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert!(text(&nested).is_err());
    assert!(parse::<serde_json::Value>(&format!("#{}", "[".repeat(100_000))).is_err());
    let deep = format!("#{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(parse::<serde_json::Value>(&deep).is_err());
}

type Entries = Vec<(String, Vec<(i16, Option<f64>)>)>;

fn entries() -> impl Strategy<Value = Entries> {
    let inner = prop::collection::btree_map(any::<i16>(), any::<Option<f64>>(), 0..6);
    let entry = inner.prop_map(|inner| inner.into_iter().collect());
    prop::collection::btree_map("[a-z#\"é]{0,4}", entry, 0..8)
        .prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn maps_and_sets_in_every_order_are_one_key(
        (entries, shuffled) in entries()
            .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
    ) {
        let nested = |entries: &Entries| -> HashMap<String, HashMap<i16, Option<f64>>> {
            entries
                .iter()
                .map(|(name, inner)| (name.clone(), inner.iter().copied().collect()))
                .collect()
        };
        prop_assert_eq!(of(&nested(&entries)), of(&nested(&shuffled)));
        let sorted: BTreeMap<_, BTreeMap<_, _>> = nested(&entries)
            .into_iter()
            .map(|(name, inner)| (name, inner.into_iter().collect()))
            .collect();
        prop_assert_eq!(of(&nested(&shuffled)), of(&sorted));
        let names = |entries: &Entries| -> HashSet<String> {
            entries.iter().map(|(name, _)| name.clone()).collect()
        };
        prop_assert_eq!(of(&(1, names(&entries))), of(&(1, names(&shuffled))));
    }

    #[test]
    fn strings_keep_apart_from_everything(one in any::<String>(), other in any::<(String, i64, f64)>()) {
        for text in [one.clone(), of(&other), format!("#{one}")] {
            prop_assert_eq!(parse::<String>(&of(&text)).unwrap(), text.clone());
            prop_assert_ne!(of(&text), of(&other));
            prop_assert_ne!(of(&text), of(&other.1));
        }
    }
}
