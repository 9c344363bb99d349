//! For tests: items that no codec wrote are read as a dozen types. Errors may come, panics not.

use super::escape;
use super::shapes::{Any, anything, text};
use super::{decode, encode};
use crate::codec::{Value, json, key, limits};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::{BTreeMap, HashMap};

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i128>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u8>().prop_map(|number| number.to_string()),
        "[-+]?[0-9]{0,42}(\\.[0-9]{0,42})?([eE][-+]?[0-9]{0,12})?",
        text(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        prop::sample::select(vec![
            escape::MAP,
            escape::SOME,
            escape::FLOAT,
            escape::INTEGER,
            escape::DEEP,
            escape::BYTES,
            escape::STRINGS,
            escape::NUMBERS,
            escape::BINARIES,
            "List",
            "Pair",
            "Struct",
            "Texts",
            "ByInteger",
            "ByKey",
            "Tagged",
            "Untagged",
            "Flat",
            "FlatIntegers",
            "Adjacent",
            "kind",
            "t",
            "c",
            "id",
            "price",
            "Sets",
            "strings",
            "numbers",
            "Twice",
            "Json",
        ])
        .prop_map(str::to_owned),
        "#[\\[{\"0-9a-z,:\\]}]{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        number().prop_map(Value::N),
        name().prop_map(Value::S),
        "[\\[{\"0-9a-z,:\\]}.-]{0,20}".prop_map(Value::S),
        any::<bool>().prop_map(Value::Bool),
        any::<bool>().prop_map(Value::Null),
        any::<Vec<u8>>().prop_map(Value::B),
        prop::collection::vec(text(), 0..3).prop_map(Value::Ss),
        prop::collection::vec(number(), 0..3).prop_map(Value::Ns),
        prop::collection::vec(any::<Vec<u8>>(), 0..3).prop_map(Value::Bs),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::L),
            2 => prop::collection::hash_map(name(), inner.clone(), 0..4).prop_map(Value::M),
            3 => (name(), inner.clone()).prop_map(|(name, value)| escape::wrap(&name, value)),
            1 => inner.prop_map(|inner| {
                escape::wrap(escape::DEEP, Value::S(json::to_text(&inner)))
            }),
        ]
    })
}

fn try_all(value: &Value) {
    fn attempt<T: DeserializeOwned>(value: &Value) {
        let _ = decode::<T>(value.clone());
    }
    attempt::<Any>(value);
    attempt::<serde_json::Value>(value);
    attempt::<BTreeMap<String, serde_json::Value>>(value);
    attempt::<BTreeMap<i64, Any>>(value);
    attempt::<HashMap<(u8, String), Option<Option<f64>>>>(value);
    attempt::<Vec<Any>>(value);
    attempt::<(u8, f32, Option<()>)>(value);
    attempt::<Option<Option<Option<bool>>>>(value);
    attempt::<f64>(value);
    attempt::<i128>(value);
    attempt::<u8>(value);
    attempt::<char>(value);
    attempt::<()>(value);
    attempt::<serde_bytes::ByteBuf>(value);
    attempt::<Vec<u8>>(value);
    attempt::<String>(value);
    attempt::<uuid::Uuid>(value);
    attempt::<std::time::Duration>(value);
    attempt::<Result<u8, String>>(value);
    attempt::<IgnoredAny>(value);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_attribute_as_any_type_is_a_value_or_an_error(value in value()) {
        try_all(&value);
        let item = HashMap::from([("v".to_owned(), value)]);
        let _ = limits::check(&item);
    }

    #[test]
    fn an_item_that_lost_or_changed_a_part_is_a_value_or_an_error(
        written in anything(3),
        with in value(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut changed = encode(&written).unwrap();
        let mut places = count(&changed);
        let mut index = at.index(places);
        replace(&mut changed, &mut index, &with);
        places += count(&changed);
        prop_assert!(places > 0);
        try_all(&changed);
    }

    #[test]
    fn any_text_as_any_key_is_a_key_or_an_error(text in text(), json in "#[\\[{\"0-9a-z,:\\]}. -]{0,24}") {
        for text in [text, json] {
            let _ = key::parse::<Any>(&text);
            let _ = key::parse::<(String, u8)>(&text);
            let _ = key::parse::<u64>(&text);
            let _ = key::parse::<serde_json::Value>(&text);
            let _ = key::parse::<Option<Option<bool>>>(&text);
            let _ = key::parse::<BTreeMap<u8, f64>>(&text);
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::L(items) => items.iter().map(count).sum(),
        Value::M(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn replace(value: &mut Value, index: &mut usize, with: &Value) {
    if *index == 0 {
        *value = with.clone();
    }
    *index = index.wrapping_sub(1);
    match value {
        Value::L(items) => items.iter_mut().for_each(|item| replace(item, index, with)),
        Value::M(members) => members.values_mut().for_each(|item| replace(item, index, with)),
        _ => {}
    }
}
