//! For tests: values of every shape go into the store and come back; so do keys and their texts.

use super::shapes::{
    Any, Flat, FlatIntegers, anything, float, inner, json, map_key, plain, tagged, text, untagged,
};
use super::store::assert_back;
use crate::codec::key;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_back_through_the_store(value in anything(4)) {
        assert_back(&value);
    }

    #[test]
    fn a_map_at_the_top_comes_back_through_the_store(
        value in prop::collection::btree_map(text(), anything(2), 0..4),
    ) {
        assert_back(&value);
    }

    #[test]
    fn a_map_of_any_keys_comes_back_through_the_store(
        value in prop::collection::btree_map(map_key(), float(), 0..4),
    ) {
        assert_back(&value);
    }

    #[test]
    fn untyped_values_come_back_through_the_store(json in json(), untagged in untagged()) {
        assert_back(&json);
        assert_back(&untagged);
    }

    #[test]
    fn tagged_and_flattened_values_come_back_through_the_store(
        tagged in tagged(),
        inner in inner(),
        counts in prop::collection::btree_map(any::<i64>(), float(), 0..3),
    ) {
        assert_back(&tagged);
        assert_back(&FlatIntegers { name: String::new(), counts });
        assert_back(&Flat { id: 1, inner, rest: BTreeMap::new() });
    }

    #[test]
    fn every_key_comes_back_from_its_text(key in anything(3)) {
        let text = key::text(&key).unwrap();
        let back: Any = key::parse(&text).unwrap();
        prop_assert_eq!(plain(&back), plain(&key));
        prop_assert_eq!(key::text(&back).unwrap(), text);
    }

    #[test]
    fn different_keys_have_different_texts(one in anything(2), other in anything(2)) {
        prop_assert_eq!(
            plain(&one) == plain(&other),
            key::text(&one).unwrap() == key::text(&other).unwrap()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_nests_deeper_than_dynamodb_allows_comes_back(
        value in anything(2),
        shells in prop::collection::vec(0_u8..6, 20..35),
    ) {
        let deep = shells.iter().fold(value, |inner, shell| match shell {
            0 => Any::List(vec![inner]),
            1 => Any::Maybe(Some(Box::new(inner))),
            2 => Any::Twice(Some(Some(Box::new(inner)))),
            3 => Any::LooksLikeEscape(Box::new(inner)),
            4 => Any::Struct { a: Box::new(inner), b: 5.0, c: None },
            _ => Any::Texts(BTreeMap::from([("atom/map".to_owned(), inner)])),
        });
        assert_back(&deep);
    }
}
