//! Items: what is written comes back, `DynamoDB` would take it, and whatever
//! else lies in a table is read without loss or refused.

use std::collections::HashMap;

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;

use super::super::layout::{key_attribute, key_text, parse_key, read, write};
use super::super::value::Edn;
use super::strategy::{edn, same, text};
use crate::codec::Value;

/// What `DynamoDB` would refuse, as far as the layout decides it.
fn refused(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::M(_) | Value::L(_) if depth > 31 => Some(format!("nested {depth} deep")),
        Value::M(attributes) => attributes.iter().find_map(|(name, value)| {
            (name.is_empty() || name.len() > 65_535)
                .then(|| format!("a name of {} bytes", name.len()))
                .or_else(|| refused(value, depth + 1))
        }),
        Value::L(values) => values.iter().find_map(|value| refused(value, depth + 1)),
        Value::S(_) | Value::B(_) | Value::Null(true) => None,
        other => Some(format!("not in this layout: {other:?}")),
    }
}

fn round_trip(value: &Edn) -> Result<(), String> {
    let item = write("atom/id", value).map_err(|error| error.to_string())?;
    if item.contains_key(":atom/id") || item.contains_key(":atom/version") {
        return Err(format!("a reserved attribute in {item:?}"));
    }
    if let Some(reason) = refused(&Value::M(item.clone()), 0) {
        return Err(reason);
    }
    let mut stored = item.clone();
    stored.insert(":atom/id".to_owned(), Value::S(":k".to_owned()));
    stored.insert(":atom/version".to_owned(), Value::S("7".to_owned()));
    for item in [item, stored] {
        let read = read("atom/id", item).map_err(|error| error.to_string())?;
        if read != *value || to_any_order(&read) != to_any_order(value) {
            return Err(format!("{value} comes back as {read}"));
        }
    }
    Ok(())
}

/// The printed value without the order of maps, which attributes do not keep.
fn to_any_order(value: &Edn) -> String {
    super::super::print::canonical(value)
}

fn attribute() -> impl Strategy<Value = Value> {
    let b = prop_oneof![
        vec(any::<u8>(), 0..12),
        vec(any::<u8>(), 0..40).prop_map(|rest| [b"NPY".as_slice(), &rest].concat()),
        (
            prop_oneof![Just(0u8), Just(8)],
            vec(prop_oneof![Just(0u8), Just(2), Just(255), any::<u8>()], 0..40)
        )
            .prop_map(|(kind, rest)| [b"NPY".as_slice(), &[kind], &rest].concat()),
    ];
    let leaf = prop_oneof![
        3 => text().prop_map(Value::S),
        1 => edn().prop_map(|value| Value::S(value.to_string())),
        2 => prop_oneof!["-?[0-9]{1,40}", "-?[0-9]{1,4}\\.[0-9]{1,30}([eE][+-]?[0-9]{1,3})?", any::<String>()].prop_map(Value::N),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<bool>().prop_map(Value::Null),
        2 => b.clone().prop_map(Value::B),
        1 => vec(text(), 0..4).prop_map(Value::Ss),
        1 => vec("-?[0-9]{1,3}(\\.[0-9])?", 0..4).prop_map(Value::Ns),
        1 => vec(b, 0..4).prop_map(Value::Bs),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::L),
            hash_map(attribute_name(), inner, 0..5).prop_map(Value::M),
        ]
    })
}

fn attribute_name() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => text(),
        2 => edn().prop_map(|key| key.to_string()),
        1 => proptest::sample::select(vec![":atom/value", ":atom/version", ":atom/key", ":atom/id", "atom/id"]).prop_map(str::to_owned),
    ]
}

/// The same value with its maps and sets filled in another order.
fn shuffled(value: &Edn, seed: u64) -> Edn {
    let turned = |count: usize| usize::try_from(seed).unwrap_or(0) % count.max(1);
    match value {
        Edn::List(elements) => {
            Edn::List(elements.iter().map(|element| shuffled(element, seed / 3)).collect())
        }
        Edn::Vector(elements) => {
            Edn::Vector(elements.iter().map(|element| shuffled(element, seed / 3)).collect())
        }
        Edn::Set(set) => {
            let mut elements: Vec<_> =
                set.iter().map(|element| shuffled(element, seed / 3)).collect();
            elements.rotate_left(turned(set.len()));
            if seed.is_multiple_of(2) {
                elements.reverse();
            }
            Edn::set(elements)
        }
        Edn::Map(map) => {
            let mut entries: Vec<_> = map
                .iter()
                .map(|(key, value)| (shuffled(key, seed / 3), shuffled(value, seed / 3)))
                .collect();
            entries.rotate_left(turned(map.len()));
            if seed.is_multiple_of(2) {
                entries.reverse();
            }
            Edn::map(entries)
        }
        Edn::Tagged(tag, form) => Edn::Tagged(tag.clone(), Box::new(shuffled(form, seed / 3))),
        // Equal, and of one kind.
        Edn::Float(value) if *value == 0.0 => Edn::Float(-value),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_written_is_read_back(value in edn()) {
        round_trip(&value).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn maps_with_reserved_names_are_read_back(
        entries in vec((prop_oneof![
            proptest::sample::select(vec!["atom/value", "atom/version", "atom/key", "atom/id", "x"]).prop_map(Edn::keyword),
            edn(),
        ], edn()), 0..5),
    ) {
        round_trip(&Edn::map(entries)).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn nested_values_are_read_back(value in edn(), depth in 20usize..60, maps in any::<u64>()) {
        let mut value = value;
        for level in 0..depth {
            value = match (maps >> (level % 32)) & 3 {
                0 => Edn::map([("k", value)]),
                1 => Edn::List(vec![value]),
                _ => Edn::Vector(vec![value]),
            };
        }
        round_trip(&value).map_err(TestCaseError::fail)?;
    }

    /// What is read can be written, and is then read as the same.
    #[test]
    fn any_item_is_read_or_refused(item in hash_map(attribute_name(), attribute(), 0..6)) {
        if let Ok(value) = read("atom/id", item) {
            round_trip(&value).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn any_key_comes_back(key in edn()) {
        let text = key_text(&key);
        let back = parse_key(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&back, &key);
        prop_assert_eq!(key_text(&back), text);
    }

    #[test]
    fn equal_keys_have_one_text(key in edn(), seed in any::<u64>()) {
        let other = shuffled(&key, seed);
        prop_assert_eq!(&key, &other);
        prop_assert_eq!(key_text(&key), key_text(&other));
    }

    #[test]
    fn different_keys_have_different_texts(a in edn(), b in edn(), wraps in 0usize..3) {
        let mut wrapped = a.clone();
        for _ in 0..wraps {
            wrapped = Edn::Vector(vec![Edn::keyword("atom/key"), wrapped]);
        }
        for (a, b) in [(&a, &b), (&a, &wrapped)] {
            if a != b {
                prop_assert_ne!(key_text(a), key_text(b));
            }
        }
    }

    #[test]
    fn any_text_is_a_key_or_refused(text in text()) {
        if let Ok(key) = parse_key(&text) {
            prop_assert_eq!(parse_key(&key_text(&key)).expect("written by us"), key);
        }
    }
}

fn edn_of(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn s(text: &str) -> Value {
    Value::S(text.to_owned())
}

fn item<const N: usize>(attributes: [(&str, Value); N]) -> HashMap<String, Value> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn reads(item: HashMap<String, Value>, expected: &str) {
    let value = read("atom/id", item).expect(expected);
    assert!(same(&value, &edn_of(expected)), "{value} instead of {expected}");
}

#[test]
fn keys_of_the_special_forms() {
    for (key, text) in [
        ("[]", "[:atom/key []]"),
        ("()", "[:atom/key ()]"),
        ("{}", "[:atom/key {}]"),
        ("#{}", "[:atom/key #{}]"),
        ("[:atom/key []]", "[:atom/key [:atom/key []]]"),
        ("[:atom/key [:atom/key {}]]", "[:atom/key [:atom/key [:atom/key {}]]]"),
        ("[:atom/key 5]", "[:atom/key 5]"),
        ("(:atom/key [])", "(:atom/key [])"),
        ("{:b 2, :a 1}", "{:a 1, :b 2}"),
        ("#{3 2 1}", "#{1 3 2}"),
        ("#{nil 1 2}", "#{nil 1 2}"),
        ("[{:b #{3 2 1} :a {2 1 1 2}}]", "[{:a {1 2, 2 1}, :b #{1 3 2}}]"),
        ("-0.0", "0.0"),
        ("1N", "1N"),
        ("1.50M", "1.50M"),
        ("(1 2)", "(1 2)"),
    ] {
        assert_eq!(key_text(&edn_of(key)), text);
        assert_eq!(parse_key(text).expect("a key"), edn_of(key));
    }
    assert_eq!(key_attribute("atom/id"), ":atom/id");
    assert_eq!(key_attribute("id"), ":id");
    assert!(parse_key("hello world").is_err());
    assert!(parse_key("").is_err());
}

/// A canonical text is made in one pass, not in two for every level.
#[test]
fn a_key_nested_deeply_is_written_in_time() {
    let deep = (0..250).fold(Edn::Int(1), |key, _| Edn::map([(Edn::set([key]), 1)]));
    assert!(key_text(&deep).len() > 1000);
    let deep = (0..120).fold(Edn::Int(1), |key, _| Edn::map([(Edn::set([key]), 1)]));
    assert_eq!(parse_key(&key_text(&deep)).expect("a key"), deep);
}

#[test]
fn a_map_with_the_key_attribute_lies_as_the_original_lays_it() {
    let value = edn_of("{:atom/id 5, :x 1}");
    let written = write("atom/id", &value).expect("writable");
    assert_eq!(written, item([(":atom/key", s("5")), (":x", s("1"))]));
    // With another key name it is a field like others.
    let written = write("id", &value).expect("writable");
    assert_eq!(written, item([(":atom/id", s("5")), (":x", s("1"))]));
}

#[test]
fn maps_that_the_original_loses_lie_under_the_value_attribute() {
    for text in [
        "{:atom/value 5, :x 1}",
        "{:atom/version 5}",
        "{:atom/key 5, :atom/id 6}",
        "{:atom/value nil}",
    ] {
        let value = edn_of(text);
        let written = write("atom/id", &value).expect("writable");
        assert_eq!(written.keys().collect::<Vec<_>>(), [":atom/value"], "{text}");
        assert_eq!(read("atom/id", written).expect("readable"), value);
    }
}

#[test]
fn empty_things() {
    assert_eq!(write("atom/id", &edn_of("{}")).expect("writable"), HashMap::new());
    reads(HashMap::new(), "{}");
    reads(item([(":atom/id", s(":k")), (":atom/version", s("3"))]), "{}");
    assert_eq!(
        write("atom/id", &Edn::Nil).expect("writable"),
        item([(":atom/value", Value::Null(true))])
    );
    reads(item([(":atom/value", Value::Null(true))]), "nil");
    assert_eq!(
        write("atom/id", &edn_of("#{}")).expect("writable"),
        item([(":atom/value", s("#{}"))])
    );
}

#[test]
fn text_of_others_is_never_read_by_half() {
    reads(item([(":atom/value", s("hello world"))]), "\"hello world\"");
    reads(
        item([(":a", s("5 apples")), (":b", s("")), (":c", s("{:a")), (":d", s("\"x\" y"))]),
        r#"{:a "5 apples", :b "", :c "{:a", :d "\"x\" y"}"#,
    );
    reads(item([("first name", s("hello")), ("", s("1"))]), r#"{"" 1, "first name" hello}"#);
    // A comment is no form.
    reads(item([(":atom/value", s("5 ; five"))]), "5");
}

#[test]
fn types_of_others() {
    let n = |text: &str| Value::N(text.to_owned());
    reads(
        item([
            ("a", n("3")),
            ("b", n("-1.5")),
            ("c", n("123456789012345678901234567890")),
            ("d", n("0.1234567890123456789012345")),
            ("e", n("010")),
            ("f", n("1E-130")),
            ("g", Value::Bool(true)),
            ("h", Value::Ss(vec!["x y".to_owned(), ":k".to_owned()])),
            ("i", Value::Ns(vec!["1".to_owned(), "2.5".to_owned()])),
            ("j", Value::Bs(vec![vec![1], b"NPY\0\x02\0\0\0\x01\x09".to_vec()])),
            ("k", Value::B(vec![1, 2])),
        ]),
        "{a 3, b -1.5, c 123456789012345678901234567890N, d 0.1234567890123456789012345M, e 10, f 1.0E-130, g true, \
         h #{\"x y\" \":k\"}, i #{1 2.5}, j #{#bytes [1] #bytes [9]}, k #bytes [1 2]}",
    );
}

#[test]
fn what_cannot_be_read_without_loss_is_an_error_that_tells_where() {
    let error = |item| {
        read("atom/id", item)
            .expect_err("an error")
            .to_string()
            .trim_start_matches("at ")
            .to_owned()
    };
    let nested = Value::M(item([(":items", Value::L(vec![s("1"), Value::N("x".to_owned())]))]));
    assert_eq!(error(item([(":order", nested)])), "order.items[1]: the N `x` is no number");
    assert_eq!(
        error(item([(":a", s("1")), (" :a", s("2"))])),
        "a: two attributes are named by this key"
    );
    assert_eq!(
        error(item([(":a", Value::Ns(vec!["1".to_owned(), "01".to_owned()]))])),
        "a: `1` occurs twice in a set"
    );
    let deep = s(&"[".repeat(300));
    assert_eq!(
        error(item([(":atom/value", deep)])),
        ":atom/value: at byte 257: forms are nested more than 256 deep"
    );
    for (frame, message) in [
        (b"NPY".as_slice(), "a framed byte array is cut off"),
        (b"NPY\0", "a framed byte array is cut off"),
        (b"NPY\0\x02\0\0", "a framed byte array is cut off"),
        (b"NPY\0\x02\0\0\0\x05abc", "a framed byte array declares 5 bytes and has 3"),
        (b"NPY\0\x02\xff\xff\xff\xffabc", "a framed byte array is cut off"),
        (b"NPY\0\x0aabc", "a nippy frame around type 10, which is no byte array"),
        (b"NPY\x01abc", "a nippy frame of kind 1, which is not read here"),
        (
            b"NPY\x08\x7f\xff\xff\xff\x00",
            "a compressed byte array declares more bytes than it can hold",
        ),
    ] {
        assert_eq!(error(item([(":b", Value::B(frame.to_vec()))])), format!("b: {message}"));
    }
    assert!(
        error(item([(":b", Value::B(b"NPY\x08\0\0\0\x08\xff\xff".to_vec()))]))
            .starts_with("b: a compressed byte array")
    );
}

#[test]
fn depth_at_the_edge() {
    let vector = |depth| (0..depth).fold(Edn::Int(1), |value, _| Edn::Vector(vec![value]));
    fn containers(value: &Value) -> (usize, &Value) {
        match value {
            Value::L(values) => {
                let (depth, leaf) = containers(&values[0]);
                (depth + 1, leaf)
            }
            leaf => (0, leaf),
        }
    }
    for (depth, text) in [(30, "1"), (31, "1"), (32, "[1]"), (40, "[[[[[[[[[1]]]]]]]]]")] {
        let written = write("atom/id", &vector(depth)).expect("writable");
        assert_eq!(containers(&written[":atom/value"]), (depth.min(31), &s(text)));
    }
    round_trip(&vector(256)).expect("readable");
    round_trip(&vector(31 + 256)).expect("readable");
    let error = write("atom/id", &vector(31 + 257)).expect_err("too deep");
    assert!(error.to_string().ends_with("[0]: forms are nested more than 256 deep"), "{error}");
    // The printed form of bytes is two levels deeper than they are.
    let bytes = |depth| (0..depth).fold(Edn::bytes([1]), |value, _| Edn::List(vec![value]));
    round_trip(&bytes(254)).expect("readable");
    write("atom/id", &bytes(255)).expect_err("too deep");
}

#[test]
fn a_name_too_long_for_an_attribute() {
    let long = "x".repeat(70_000);
    for value in [Edn::map([(long.as_str(), 1)]), Edn::map([("a", Edn::map([(long.as_str(), 1)]))])]
    {
        round_trip(&value).expect("readable");
    }
}
