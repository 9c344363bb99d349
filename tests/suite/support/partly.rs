//! Batches of which a part is left unprocessed, which real servers do seldom and on their own terms.

use serde_json::{Map, Value, json};

use super::seed::draw;

/// Of a hundred items of a batch, how many are left.
pub(crate) const LEFT: u64 = 30;

/// Takes a part of a batch out of its request: the request that remains, if anything does, and
/// what is to be added to its answer.
pub(crate) fn split(
    operation: &str,
    body: &[u8],
    bits: u64,
    left: u64,
) -> (Option<Vec<u8>>, Value) {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    let (answer, within) = match operation {
        "BatchGetItem" => ("UnprocessedKeys", Some("Keys")),
        "BatchWriteItem" => ("UnprocessedItems", None),
        other => panic!("{other} has no parts"),
    };
    let (mut out, mut drawn) = (Map::new(), 0);
    let tables = request["RequestItems"].as_object_mut().unwrap();
    tables.retain(|table, asked| {
        let mut taken = asked.clone();
        let (kept, taken_list) = match within {
            Some(name) => (&mut asked[name], &mut taken[name]),
            None => (&mut *asked, &mut taken),
        };
        let (mut kept_items, mut left_items) = (vec![], vec![]);
        for item in kept.as_array_mut().unwrap().drain(..) {
            drawn += 1;
            let is_left = draw(bits, drawn) % 100 < left;
            if is_left { &mut left_items } else { &mut kept_items }.push(item);
        }
        let some_kept = !kept_items.is_empty();
        *kept = Value::Array(kept_items);
        if !left_items.is_empty() {
            *taken_list = Value::Array(left_items);
            out.insert(table.clone(), taken);
        }
        some_kept
    });
    let rest = (!tables.is_empty()).then(|| request.to_string().into_bytes());
    (rest, json!({ answer: out }))
}

/// The answer to what was carried out, and what was not beside it.
pub(crate) fn joined(answer: Option<Vec<u8>>, left: Value) -> Vec<u8> {
    let mut answer: Value =
        answer.map_or_else(|| json!({}), |body| serde_json::from_slice(&body).unwrap());
    for (name, tables) in left.as_object().unwrap() {
        let there = answer.as_object_mut().unwrap().entry(name).or_insert_with(|| json!({}));
        for (table, rest) in tables.as_object().unwrap() {
            match there.get_mut(table) {
                // The engine left something of its own accord.
                Some(Value::Array(own)) => own.extend(rest.as_array().unwrap().iter().cloned()),
                Some(own) if own["Keys"].is_array() => {
                    let more = rest["Keys"].as_array().unwrap().clone();
                    own["Keys"].as_array_mut().unwrap().extend(more);
                }
                _ => there[table] = rest.clone(),
            }
        }
    }
    answer.to_string().into_bytes()
}
