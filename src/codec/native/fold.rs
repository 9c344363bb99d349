//! Nesting beyond what DynamoDB allows, folded into readable text.

use super::escape;
use crate::codec::{Value, json};

/// Replaces by text what nests too deep, so that at most `room` containers are nested.
///
/// The text stands at the last level that may be a container, for an escape is one.
pub(super) fn fold(value: &mut Value, room: usize) {
    if !is_container(value) || fits(value, room) {
        return;
    }
    match escaped_map(value) {
        // An escaped map and the escape around it stay together: an escape that took the place
        // of the map alone would be taken for the map.
        Some(map) => {
            if room > 2 {
                return children(map).for_each(|child| fold(child, room - 2));
            }
        }
        None => {
            if room > 1 {
                return children(value).for_each(|child| fold(child, room - 1));
            }
        }
    }
    let text = json::to_text(value);
    *value = escape::wrap(escape::DEEP, Value::S(text));
}

/// Are there at most `room` containers, one inside the other?
fn fits(value: &Value, room: usize) -> bool {
    match value {
        Value::L(items) => room > 0 && items.iter().all(|item| fits(item, room - 1)),
        Value::M(members) => room > 0 && members.values().all(|member| fits(member, room - 1)),
        _ => true,
    }
}

fn escaped_map(value: &mut Value) -> Option<&mut Value> {
    match value {
        // More members, and the name is just a name.
        Value::M(members) if members.len() == 1 => members.get_mut(escape::MAP),
        _ => None,
    }
}

fn children(value: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match value {
        Value::L(items) => Box::new(items.iter_mut()),
        Value::M(members) => Box::new(members.values_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::L(_) | Value::M(_))
}
