//! [`Edn`] as a value in other formats.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::value::Edn;
use super::strategy::{edn, same};

fn edn_of(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn json(value: &Edn) -> String {
    serde_json::to_string(value).expect("JSON")
}

fn by_json(value: &Edn) -> Edn {
    serde_json::from_str(&json(value)).unwrap_or_else(|error| panic!("{}: {error}", json(value)))
}

fn by_dynamo(value: &Edn) -> Edn {
    let attribute: serde_dynamo::AttributeValue =
        serde_dynamo::to_attribute_value(value).expect("an attribute");
    serde_dynamo::from_attribute_value(attribute).expect("EDN")
}

fn by_cbor<T: Serialize + for<'a> Deserialize<'a>>(value: &T) -> T {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("CBOR");
    ciborium::from_reader(bytes.as_slice()).expect("EDN")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn it_comes_back_exactly(value in edn()) {
        prop_assert!(same(&by_json(&value), &value), "{}", json(&value));
        prop_assert!(same(&by_cbor(&value), &value));
        let generic = serde_json::to_value(&value).expect("JSON");
        prop_assert!(same(&serde_json::from_value(generic).expect("EDN"), &value) || has_map(&value));
        // Attributes of a map have no order.
        prop_assert_eq!(by_dynamo(&value), value);
    }

    #[test]
    fn any_json_is_read_or_refused(text in r##"[\[\]{}]|\{"#":("#\{1\}"|\[1,300\]|5|"1 2")(,"a":1)?\}|\[("#=1"|1|2\.5|null)(,"#=\("|,-0.0|,1e999)?\]"##) {
        if let Ok(value) = serde_json::from_str::<Edn>(&text) {
            prop_assert!(same(&by_json(&value), &value));
        }
    }
}

fn has_map(value: &Edn) -> bool {
    match value {
        Edn::Map(_) => true,
        Edn::Vector(elements) => elements.iter().any(has_map),
        _ => false,
    }
}

#[test]
fn plain_data_is_plain() {
    for (text, expected) in [
        ("nil", "null"),
        ("true", "true"),
        ("42", "42"),
        ("1.5", "1.5"),
        ("\"text\"", "\"text\""),
        ("[1 [2] nil]", "[1,[2],null]"),
        ("{\"a\" 1, \"b\" {}}", r#"{"a":1,"b":{}}"#),
        ("{:a 1, :b/c 2}", r#"{":a":1,":b/c":2}"#),
    ] {
        assert_eq!(json(&edn_of(text)), expected);
        assert!(same(&serde_json::from_str(expected).expect("EDN"), &edn_of(text)));
    }
}

#[test]
fn everything_else_is_tagged() {
    for (text, expected) in [
        ("1.0", r##"{"#":"1.0"}"##),
        ("1.0E100", r##"{"#":"1.0E100"}"##),
        ("0.30000000000000004", r##"{"#":"0.30000000000000004"}"##),
        ("##NaN", r###"{"#":"##NaN"}"###),
        ("5N", r##"{"#":"5N"}"##),
        ("22/7", r##"{"#":"22/7"}"##),
        (":a", r##"{"#":":a"}"##),
        ("(1 2)", r##"{"#":"(1 2)"}"##),
        ("#{1 2}", r##"{"#":"#{1 2}"}"##),
        ("#bytes [1 2]", r##"{"#":[1,2]}"##),
        ("#my/tag 1", r##"{"#":"#my/tag 1"}"##),
        ("\"#=1\"", r##"{"#":"\"#=1\""}"##),
        (
            "{1 2, sym 3, \":a\" 4, \"#\" 5, nil 6}",
            r##"{"#1":2,"#sym":3,"#\":a\"":4,"#\"#\"":5,"#nil":6}"##,
        ),
    ] {
        assert_eq!(json(&edn_of(text)), expected);
        assert!(same(&serde_json::from_str(expected).expect("EDN"), &edn_of(text)), "{text}");
    }
}

#[test]
fn malformed_escapes_are_refused() {
    for text in [
        r##"{"#":5}"##,
        r##"{"#":"1 2"}"##,
        r##"{"#":[1,300]}"##,
        r##"{"#":"1","a":2}"##,
        r#"{":a b":1}"#,
        r###"{"##":1}"###,
        r##"{"a":1,"#\"a\"":2}"##,
        r##""#=(""##,
    ] {
        assert!(serde_json::from_str::<Edn>(text).is_err(), "{text}");
    }
}

/// Binary formats get text in one string, also where serde buffers it and
/// forgets what kind of format it came from.
#[test]
fn binary_formats_and_buffers() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Buffered {
        A { value: Edn },
    }
    for text in ["nil", "1.0", "{:a #{1}}", "#bytes [1]", "\"#=x\"", "\"plain\""] {
        let value = Buffered::A { value: edn_of(text) };
        assert_eq!(by_cbor(&value), value);
        let text = serde_json::to_string(&value).expect("JSON");
        assert_eq!(serde_json::from_str::<Buffered>(&text).expect("EDN"), value);
    }
}

#[test]
fn it_is_bytes_in_dynamo_types() {
    let attribute: serde_dynamo::AttributeValue =
        serde_dynamo::to_attribute_value(Edn::bytes([1])).expect("bytes");
    let serde_dynamo::AttributeValue::M(map) = attribute else { panic!("no map: {attribute:?}") };
    assert_eq!(map["#"], serde_dynamo::AttributeValue::B(vec![1]));
    // What others wrote as B is read as bytes.
    let read: Edn =
        serde_dynamo::from_attribute_value(serde_dynamo::AttributeValue::B(vec![1])).expect("EDN");
    assert_eq!(read, Edn::bytes([1]));
}
