//! Whether two encoded values are one and the same once DynamoDB has stored them.

use super::Value;
use super::number::canonical;

/// Equal as stored: numbers by their value (DynamoDB normalises `1.50` to `1.5`), sets in any order.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::N(a), Value::N(b)) => same_number(a, b),
        (Value::L(a), Value::L(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::M(a), Value::M(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Ss(a), Value::Ss(b)) => same_members(a, b, Clone::clone),
        (Value::Ns(a), Value::Ns(b)) => {
            same_members(a, b, |n| canonical(n).unwrap_or_else(|| n.clone()))
        }
        (Value::Bs(a), Value::Bs(b)) => same_members(a, b, Clone::clone),
        _ => a == b,
    }
}

/// Sorted, because a set of thousands of members is compared member by member.
fn same_members<K: Ord, T>(a: &[T], b: &[T], key: impl Fn(&T) -> K) -> bool {
    let sorted = |set: &[T]| {
        let mut keys: Vec<K> = set.iter().map(&key).collect();
        keys.sort_unstable();
        keys
    };
    a.len() == b.len() && sorted(a) == sorted(b)
}

fn same_number(a: &str, b: &str) -> bool {
    a == b || canonical(a).is_some_and(|a| canonical(b).is_some_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_dynamodb_stores_them() {
        for (a, b) in [
            ("1.50", "1.5"),
            ("1e22", "10000000000000000000000"),
            ("-0.0", "0"),
            ("0.001", "1E-3"),
            ("+7", "7"),
            ("100", "1e2"),
            ("-12.5", "-1250e-2"),
        ] {
            assert!(same_number(a, b) && same_number(b, a), "{a} {b}");
        }
        for (a, b) in
            [("1", "-1"), ("1", "10"), ("1.5", "1.05"), ("x", "1"), ("", "0"), ("1e", "1")]
        {
            assert!(!same_number(a, b) && !same_number(b, a), "{a} {b}");
        }
    }

    #[test]
    fn sets_in_any_order_lists_in_one() {
        let list = |a: &str, b: &str| Value::L(vec![Value::S(a.into()), Value::S(b.into())]);
        assert!(!same(&list("a", "b"), &list("b", "a")));
        let set = |a: &str, b: &str| Value::Ns(vec![a.into(), b.into()]);
        assert!(same(&set("1.0", "2"), &set("2", "1")));
        assert!(!same(&set("1", "2"), &set("1", "3")));
    }
}
