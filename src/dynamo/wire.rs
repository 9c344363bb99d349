//! Between the crate's values and rusoto's, whose ten options may contradict one another.

use std::collections::HashMap;

use rusoto_dynamodb::AttributeValue;

use crate::codec::Value;
use crate::codec::envelope::Item;

pub(super) fn to_rusoto(value: Value) -> AttributeValue {
    let mut wire = AttributeValue::default();
    match value {
        Value::N(n) => wire.n = Some(n),
        Value::S(s) => wire.s = Some(s),
        Value::Bool(b) => wire.bool = Some(b),
        Value::B(bytes) => wire.b = Some(bytes.into()),
        Value::Null(null) => wire.null = Some(null),
        Value::M(map) => wire.m = Some(item_to_rusoto(map)),
        Value::L(list) => wire.l = Some(list.into_iter().map(to_rusoto).collect()),
        Value::Ss(set) => wire.ss = Some(set),
        Value::Ns(set) => wire.ns = Some(set),
        Value::Bs(set) => wire.bs = Some(set.into_iter().map(Into::into).collect()),
    }
    wire
}

pub(super) fn item_to_rusoto(item: Item) -> HashMap<String, AttributeValue> {
    item.into_iter().map(|(name, value)| (name, to_rusoto(value))).collect()
}

/// An item that is kept, to be sent again: a copy made on the way, and no other.
pub(super) fn copied_to_rusoto(item: &Item) -> HashMap<String, AttributeValue> {
    item.iter().map(|(name, value)| (name.clone(), copied(value))).collect()
}

fn copied(value: &Value) -> AttributeValue {
    match value {
        Value::M(map) => {
            AttributeValue { m: Some(copied_to_rusoto(map)), ..AttributeValue::default() }
        }
        Value::L(list) => AttributeValue {
            l: Some(list.iter().map(copied).collect()),
            ..AttributeValue::default()
        },
        leaf => to_rusoto(leaf.clone()),
    }
}

/// `None` when the value is of no type, or of one that is newer than this crate.
pub(super) fn from_rusoto(wire: AttributeValue) -> Option<Value> {
    let AttributeValue { b, bool, bs, l, m, n, ns, null, s, ss } = wire;
    if let Some(s) = s {
        Some(Value::S(s))
    } else if let Some(n) = n {
        Some(Value::N(n))
    } else if let Some(m) = m {
        item_from_rusoto(m).map(Value::M)
    } else if let Some(l) = l {
        l.into_iter().map(from_rusoto).collect::<Option<_>>().map(Value::L)
    } else if let Some(bool) = bool {
        Some(Value::Bool(bool))
    } else if let Some(null) = null {
        Some(Value::Null(null))
    } else if let Some(b) = b {
        Some(Value::B(b.into()))
    } else if let Some(ss) = ss {
        Some(Value::Ss(ss))
    } else if let Some(ns) = ns {
        Some(Value::Ns(ns))
    } else {
        bs.map(|set| Value::Bs(set.into_iter().map(Into::into).collect()))
    }
}

pub(super) fn item_from_rusoto(item: HashMap<String, AttributeValue>) -> Option<Item> {
    item.into_iter().map(|(name, wire)| Some((name, from_rusoto(wire)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_there_and_back() {
        let all = Value::M(HashMap::from([
            ("n".into(), Value::N("1".into())),
            ("s".into(), Value::S(String::new())),
            ("bool".into(), Value::Bool(false)),
            ("b".into(), Value::B(vec![0, 255])),
            ("null".into(), Value::Null(true)),
            ("m".into(), Value::M(HashMap::new())),
            ("l".into(), Value::L(vec![Value::L(vec![])])),
            ("ss".into(), Value::Ss(vec!["a".into()])),
            ("ns".into(), Value::Ns(vec!["1".into()])),
            ("bs".into(), Value::Bs(vec![vec![1], vec![]])),
        ]));
        let wire = to_rusoto(all.clone());
        let json = serde_json::to_string(&wire).unwrap();
        let back: AttributeValue = serde_json::from_str(&json).unwrap();
        assert_eq!(from_rusoto(back), Some(all.clone()));
        assert_eq!(copied(&all), wire);
        // The neutral type reads and writes the same wire form, which error bodies rely on.
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), all);
    }

    #[test]
    fn a_value_of_an_unknown_type_is_no_panic() {
        let unknown: AttributeValue = serde_json::from_str(r#"{"L":[{"X":"1"}]}"#).unwrap();
        assert_eq!(from_rusoto(unknown), None);
    }
}
