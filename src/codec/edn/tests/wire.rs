//! Every row of `tests/wire/clojure.jsonl`: items that the Clojure library
//! wrote, read as the values they name, and written again.

use std::collections::HashMap;

use base64::Engine;
use serde_json::Value as Json;

use super::super::layout::{key_attribute, key_text, parse_key, read, write};
use super::super::value::Edn;
use crate::codec::Value;

const ROWS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/clojure.jsonl"));

struct Row {
    label: String,
    key: String,
    /// As text: the values of some rows are no EDN.
    value: String,
    item: Option<HashMap<String, Value>>,
    read_back_equal: bool,
}

fn rows() -> Vec<Row> {
    let text = |row: &Json, name: &str| row[name].as_str().expect(name).to_owned();
    let row = |line: &str| {
        let row: Json = serde_json::from_str(line).expect("a row is JSON");
        Row {
            label: text(&row, "label"),
            key: text(&row, "edn_key"),
            value: text(&row, "edn_value"),
            item: row["item"].as_object().map(attributes),
            read_back_equal: row["read_back_equal"].as_bool().expect("read_back_equal"),
        }
    };
    ROWS.lines().map(row).collect()
}

fn attributes(object: &serde_json::Map<String, Json>) -> HashMap<String, Value> {
    object.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(json: &Json) -> Value {
    let (kind, content) =
        json.as_object().and_then(|object| object.iter().next()).expect("a typed value");
    match kind.as_str() {
        "S" => Value::S(content.as_str().expect("S").to_owned()),
        "B" => {
            let base64 = content.as_str().expect("B");
            Value::B(base64::engine::general_purpose::STANDARD.decode(base64).expect("base64"))
        }
        "NULL" => Value::Null(true),
        "L" => Value::L(content.as_array().expect("L").iter().map(attribute).collect()),
        "M" => Value::M(attributes(content.as_object().expect("M"))),
        other => panic!("the original does not write {other}"),
    }
}

/// The value that a row names. Where its text is no EDN, it is the raw text.
fn named(row: &Row) -> Edn {
    match row.label.as_str() {
        // The text of this row is cut off.
        "byte array 3000 zeros" => Edn::bytes(vec![0; 3000]),
        // By rule 7 the same item as that of `{:atom/id 5, :x 1}`.
        "map containing :atom/key" => "{:atom/id 5, :x 1}".parse().expect("EDN"),
        // The version, as far as any reader can tell.
        "map containing :atom/version" => "{:x 1}".parse().expect("EDN"),
        _ => row.value.parse().unwrap_or_else(|_| Edn::from(row.value.as_str())),
    }
}

#[test]
fn every_row_is_read_as_the_value_it_names() {
    let mut read_rows = 0;
    for row in rows() {
        let Some(item) = row.item.clone() else { continue };
        let value = read("atom/id", item).unwrap_or_else(|error| panic!("{}: {error}", row.label));
        assert_eq!(value, named(&row), "{}", row.label);
        read_rows += 1;
    }
    assert_eq!(read_rows, 103, "all but the one that the original could not write");
}

#[test]
fn every_writable_row_is_written_as_the_original_wrote_it() {
    let mut written = 0;
    for row in rows().into_iter().filter(|row| row.read_back_equal) {
        let mut original = row.item.clone().expect("an item");
        original.remove(":atom/id");
        original.remove(":atom/version");
        let ours =
            write("atom/id", &named(&row)).unwrap_or_else(|error| panic!("{}: {error}", row.label));
        if row.label == "byte array 3000 zeros" {
            // The original compresses; it also reads what is not compressed.
            let plain = [b"NPY\0\x02".as_slice(), &3000u32.to_be_bytes(), &[0; 3000]].concat();
            assert_eq!(ours, HashMap::from([(":atom/value".to_owned(), Value::B(plain))]));
        } else if row.label == "java.util.HashMap" {
            // Text, because the original did not see that this Java object is a
            // map; it reads the attributes of a map as the same value.
            assert_eq!(ours, HashMap::from([(":a".to_owned(), Value::S("1".to_owned()))]));
        } else {
            assert_eq!(ours, original, "{}", row.label);
        }
        written += 1;
    }
    assert_eq!(written, 90);
}

/// What the original could not read back, here comes back.
#[test]
fn every_row_comes_back_when_written_by_us() {
    for row in rows() {
        let value = named(&row);
        let item =
            write("atom/id", &value).unwrap_or_else(|error| panic!("{}: {error}", row.label));
        assert_eq!(read("atom/id", item).expect("readable"), value, "{}", row.label);
    }
}

#[test]
fn every_key_is_written_byte_for_byte() {
    let mut keys = 0;
    for row in rows() {
        let Some(item) = &row.item else { continue };
        let Value::S(stored) = &item[&key_attribute("atom/id")] else {
            panic!("{}: no S", row.label)
        };
        let key: Edn = row.key.parse().expect("a key is EDN");
        assert_eq!(parse_key(stored).expect("a key"), key, "{}", row.label);
        if row.label == "same map, other order" {
            // The one row that cannot be met: it is the same key as the row
            // before it, and equal keys have one text.
            assert_eq!(key_text(&key), "{:a 1, :b 2}");
        } else {
            assert_eq!(key_text(&key), *stored, "{}", row.label);
        }
        keys += 1;
    }
    assert_eq!(keys, 103);
}

/// The order in which Clojure printed a map of twelve entries is the order in
/// which such a map is written as a key.
#[test]
fn a_large_map_is_a_key_in_the_order_of_clojure() {
    let row = rows().into_iter().find(|row| row.label == "map 12 keys").expect("the row");
    let mut entries: Vec<_> = match row.value.parse().expect("EDN") {
        Edn::Map(map) => map.into_iter().collect(),
        other => panic!("no map: {other}"),
    };
    entries.reverse();
    assert_eq!(key_text(&Edn::map(entries)), row.value);
}
