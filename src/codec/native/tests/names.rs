//! Keys of maps that are no strings, and names that others wrote.

use super::{assert_encodes, m, n};
use crate::codec::native::decode;
use crate::codec::native::store::assert_back;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[test]
fn keys_of_maps_that_are_no_strings() {
    assert_encodes(&BTreeMap::from([(42, 1)]), &m([("#42", n("1"))]));
    assert_encodes(&BTreeMap::from([(("user", 7), 1)]), &m([("#[\"user\",7]", n("1"))]));
    assert_encodes(&BTreeMap::from([(true, 1)]), &m([("#true", n("1"))]));
    assert_encodes(&BTreeMap::from([((), 1)]), &m([("#null", n("1"))]));
    assert_encodes(
        &BTreeMap::from([("", 1), ("#a", 2), ("a", 3)]),
        &m([("#\"\"", n("1")), ("#\"#a\"", n("2")), ("a", n("3"))]),
    );
    assert_encodes(
        &BTreeMap::from([(Some("a"), 1), (None, 2)]),
        &m([("a", n("1")), ("#null", n("2"))]),
    );
    assert_back(&BTreeMap::from([(vec![1_u8], 1)]));
    assert_back(&BTreeMap::from([(BTreeMap::from([(1, 2)]), 1)]));
    assert_back(&BTreeMap::from([(serde_bytes::ByteBuf::from(vec![1]), 1)]));
    assert_back(&BTreeMap::from([((1, "a".to_owned()), 1)]));
    assert_back(&BTreeMap::from([(Some(1), 1), (None, 2)]));
    assert_back(&BTreeMap::from([(Some(None), 1), (None, 2), (Some(Some('c')), 3)]));
    assert_back(&BTreeMap::from([((), 1)]));
    assert_back(&BTreeMap::from([(i128::MAX, 1), (i128::MIN, 2)]));
    assert_back(&BTreeMap::from([('#', 1), ('a', 2)]));
    assert_back(&BTreeMap::from([(uuid::Uuid::nil(), 1)]));
}

#[test]
fn keys_of_maps_that_are_floats() {
    #[derive(Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Bits(#[serde(with = "bits")] u64);
    mod bits {
        use serde::{Deserialize, Deserializer, Serializer};
        pub(super) fn serialize<S: Serializer>(bits: &u64, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_f64(f64::from_bits(*bits))
        }
        pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
            f64::deserialize(from).map(f64::to_bits)
        }
    }
    let floats = [1.0, 1.5, -0.0, 0.0, f64::NAN, f64::INFINITY, 1e300, 5e-324];
    let map: BTreeMap<Bits, u8> = floats.iter().map(|float| (Bits(float.to_bits()), 1)).collect();
    assert_eq!(map.len(), floats.len());
    assert_back(&map);
    assert_encodes(&BTreeMap::from([(Bits(1.0_f64.to_bits()), 1)]), &m([("#1.0", n("1"))]));
}

#[test]
fn keys_of_maps_survive_the_buffers_of_serde() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        counts: BTreeMap<u16, u8>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Counts { counts: BTreeMap<i64, BTreeMap<bool, u8>>, pairs: BTreeMap<(u8, u8), u8> },
    }
    assert_back(&Flat { name: "a".to_owned(), counts: BTreeMap::from([(1, 2), (0, 3)]) });
    assert_back(&Tagged::Counts {
        counts: BTreeMap::from([(-1, BTreeMap::from([(true, 1)]))]),
        pairs: BTreeMap::from([((1, 2), 3)]),
    });
}

#[test]
fn names_that_others_wrote_are_read_as_they_stand() {
    let numbers = m([("1", n("1")), ("#2", n("2"))]);
    assert_eq!(decode::<BTreeMap<u8, u8>>(numbers).unwrap(), BTreeMap::from([(1, 1), (2, 2)]));
    let flags = m([("true", n("1"))]);
    assert!(decode::<BTreeMap<bool, u8>>(flags).unwrap().contains_key(&true));
    let colours = m([("#ffffff", n("1")), ("#123456", n("2"))]);
    let colours: BTreeMap<String, u8> = decode(colours).unwrap();
    assert_eq!(colours.into_keys().collect::<Vec<_>>(), ["#123456", "#ffffff"]);
}
