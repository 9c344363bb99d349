//! `=` and `hash`.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;

use super::super::hasheq::hasheq;
use super::super::value::Edn;
use super::strategy::{edn, name, scalar};

fn edn_of(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Another value of which Clojure says that it is equal.
fn equal(value: &Edn) -> Edn {
    match value {
        Edn::Int(n) => Edn::BigInt((*n).into()),
        Edn::BigInt(n) => n.to_i64().map_or_else(|| value.clone(), Edn::Int),
        Edn::Float(float) if *float == 0.0 => Edn::Float(-float),
        Edn::Float(float) if float.is_nan() => Edn::Float(-f64::NAN),
        Edn::BigDec(number) if !number.to_string().contains('E') => {
            let point = if number.to_string().contains('.') { "" } else { "." };
            Edn::BigDec(format!("{number}{point}00").parse().expect("a decimal"))
        }
        Edn::List(elements) => Edn::Vector(elements.iter().map(equal).collect()),
        Edn::Vector(elements) => Edn::List(elements.iter().map(equal).collect()),
        Edn::Map(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| (equal(key), equal(value))).collect();
            Edn::map(entries.into_iter().rev())
        }
        Edn::Set(set) => Edn::set(set.iter().map(equal).collect::<Vec<_>>().into_iter().rev()),
        Edn::Tagged(tag, form) => Edn::Tagged(tag.clone(), Box::new(equal(form))),
        other => other.clone(),
    }
}

fn hash(state: &RandomState, value: &Edn) -> u64 {
    state.hash_one(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn equal_values_are_equal_and_have_one_hash(value in edn()) {
        let state = RandomState::new();
        let other = equal(&value);
        prop_assert_eq!(&value, &value);
        prop_assert_eq!(&value, &other);
        prop_assert_eq!(&other, &value);
        prop_assert_eq!(hash(&state, &value), hash(&state, &other));
        prop_assert_eq!(hasheq(&value), hasheq(&other));
        prop_assert!(HashSet::from([value]).contains(&other));
    }

    #[test]
    fn equality_is_symmetric_and_goes_with_the_hash(a in scalar(), b in scalar()) {
        let state = RandomState::new();
        prop_assert_eq!(a == b, b == a);
        if a == b {
            prop_assert_eq!(hash(&state, &a), hash(&state, &b));
        }
    }

    #[test]
    fn keywords_symbols_and_strings_are_three(name in name()) {
        let all = [Edn::Keyword(name.clone()), Edn::Symbol(name.clone()), Edn::from(name.to_string())];
        prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3);
    }
}

#[test]
fn equality_is_that_of_clojure() {
    let all_equal = [
        ["1", "1N"],
        ["(1 2)", "[1 2N]"],
        ["{:a 1 :b 2}", "{:b 2, :a 1N}"],
        ["#{1 2}", "#{2 1}"],
        ["0.0", "-0.0"],
        ["##NaN", "##NaN"],
        ["1.0M", "1.00M"],
        ["0M", "0.000M"],
        ["100M", "1E+2M"],
        ["{[1] 2}", "{(1) 2}"],
        ["2/4", "1/2"],
        ["#inst \"2015\"", "#inst \"2015-01-01T00:00:00Z\""],
        ["()", "[]"],
        ["#bytes [1]", "#bytes [1]"],
        ["#a [1]", "#a (1)"],
    ];
    for [a, b] in all_equal {
        assert_eq!(edn_of(a), edn_of(b));
    }
    let all_different = [
        ["1", "1.0"],
        ["1", "1M"],
        ["1.5", "1.5M"],
        ["1.5M", "3/2"],
        ["[]", "{}"],
        ["[]", "#{}"],
        ["[]", "nil"],
        ["{}", "#{}"],
        ["\"a\"", ":a"],
        [":a", "a"],
        ["\\a", "\"a\""],
        [":a/b", ":b"],
        ["[1 2]", "[2 1]"],
        ["{:a nil}", "{}"],
        ["{:a nil}", "{:b nil}"],
        ["#a 1", "#b 1"],
        ["false", "nil"],
        ["##Inf", "##-Inf"],
        ["1M", "-1M"],
        ["#bytes [1]", "[1]"],
    ];
    for [a, b] in all_different {
        assert_ne!(edn_of(a), edn_of(b));
    }
}
