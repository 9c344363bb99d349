//! For tests: values of every shape that serde knows, nested in each other at random.

#![allow(
    clippy::option_option,
    clippy::cast_precision_loss,
    reason = "the shapes that are asked for are the point"
)]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every shape, each able to hold the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Any {
    Unit,
    Bool(bool),
    Small(i8, u16),
    Signed(i64),
    Unsigned(u64),
    Wide(i128),
    WideUnsigned(u128),
    Float(f64),
    Single(f32),
    Char(char),
    Text(String),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    Nothing(()),
    Maybe(Option<Box<Any>>),
    Twice(Option<Option<Box<Any>>>),
    Thrice(Option<Option<Option<f64>>>),
    MaybeUnit(Option<()>),
    MaybeUnitStruct(Option<Marker>),
    List(Vec<Any>),
    Floats(Vec<f64>),
    Pairs(Vec<(f32, i64)>),
    Pair(Box<Any>, Box<Any>),
    Struct {
        a: Box<Any>,
        b: f64,
        c: Option<f32>,
    },
    #[serde(rename = "atom/some")]
    LooksLikeEscape(Box<Any>),
    #[serde(rename = "#42")]
    LooksLikeName {
        #[serde(rename = "")]
        empty: u8,
        #[serde(rename = "#")]
        mark: u8,
    },
    Newtype(Meters),
    Transparent(Clear),
    Texts(BTreeMap<String, Any>),
    ByInteger(BTreeMap<i64, Any>),
    ByWide(BTreeMap<u128, u8>),
    ByKey(BTreeMap<Key, Any>),
    Untagged(Untagged),
    Tagged(Tagged),
    Adjacent(Adjacent),
    Flat(Flat),
    FlatIntegers(FlatIntegers),
    Json(serde_json::Value),
    Sets(Sets),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Marker;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Meters(f64);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Clear(f32);

/// Keys of maps, of every kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Key {
    Unit,
    Newtype(String),
    Tuple(i32, String),
    Struct { x: bool },
    Maybe(Option<Option<u8>>),
    Inner(Box<Key>),
    Map(BTreeMap<String, u8>),
    List(Vec<Key>),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// The reader takes the first variant that fits what it finds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Flag(bool),
    Integer(i64),
    Large(u64),
    Float(f64),
    Text(String),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    List(Vec<Untagged>),
    Named { untagged_name: f64 },
    Other(BTreeMap<String, Untagged>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Tagged {
    Nothing,
    Sale { price: f64, note: Option<Option<String>>, by: BTreeMap<u16, f32> },
    Item(Inner),
    Tree { left: Box<Tagged>, right: Option<Box<Tagged>> },
    Holds { value: Untagged },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Unit,
    One(f64),
    Two(f32, Box<Any>),
    Fields { x: Option<()> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inner {
    price: f64,
    weight: f32,
    note: Option<String>,
    by_tuple: BTreeMap<(u8, bool), char>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flat {
    pub id: u64,
    #[serde(flatten)]
    pub inner: Inner,
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FlatIntegers {
    pub name: String,
    #[serde(flatten)]
    pub counts: BTreeMap<i64, f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sets {
    #[serde(with = "serde_dynamo::string_set")]
    strings: std::collections::BTreeSet<String>,
    #[serde(with = "serde_dynamo::number_set")]
    numbers: std::collections::BTreeSet<i128>,
    #[serde(with = "serde_dynamo::binary_set")]
    binaries: std::collections::BTreeSet<serde_bytes::ByteBuf>,
}

pub(crate) fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        (-1000_i32..1000).prop_map(f64::from),
        any::<i64>().prop_map(|whole| whole as f64),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            1e126,
            9.99e125,
            1e125,
            1e-130,
            9.9e-131,
            1e-129,
            1e20,
            1e21,
            1e22,
            1e38,
            1e39,
            9_223_372_036_854_775_808.0,
            18_446_744_073_709_551_616.0,
            -9_223_372_036_854_775_808.0,
            1e-6,
            1e-7,
            0.1,
        ]),
    ]
}

pub(crate) fn single() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        any::<i16>().prop_map(f32::from),
        prop::sample::select(vec![0.0, -0.0, 0.1, f32::NAN, f32::MAX, f32::MIN_POSITIVE, 1e-45]),
    ]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-c]{0,2}",
        prop::sample::select(vec![
            "",
            "#",
            "##",
            "#1",
            "#\"a\"",
            "#null",
            "atom/some",
            "atom/map",
            "atom/deep",
            "atom/float",
            "atom/id",
            "atom/value",
            "atom/x",
            "NaN",
            "1",
            "true",
            "é\u{0}\"\\",
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn map_key() -> impl Strategy<Value = Key> {
    let leaf = prop_oneof![
        Just(Key::Unit),
        text().prop_map(Key::Newtype),
        (any::<i32>(), text()).prop_map(|(a, b)| Key::Tuple(a, b)),
        any::<bool>().prop_map(|x| Key::Struct { x }),
        any::<Option<Option<u8>>>().prop_map(Key::Maybe),
        prop::collection::btree_map(text(), any::<u8>(), 0..3).prop_map(Key::Map),
        any::<Vec<u8>>().prop_map(Key::Bytes),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| Key::Inner(Box::new(key))),
            prop::collection::vec(inner, 0..3).prop_map(Key::List),
        ]
    })
}

pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        float().prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

pub(crate) fn untagged() -> impl Strategy<Value = Untagged> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Untagged::Flag),
        any::<i64>().prop_map(Untagged::Integer),
        (1_u64 << 63..).prop_map(Untagged::Large),
        float().prop_map(Untagged::Float),
        text().prop_map(Untagged::Text),
        prop::collection::vec(any::<i64>(), 0..3).prop_map(Untagged::Integers),
        prop::collection::vec(float(), 1..3).prop_map(Untagged::Floats),
        float().prop_map(|untagged_name| Untagged::Named { untagged_name }),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            // A text first, so that neither list of numbers fits.
            prop::collection::vec(inner.clone(), 0..3).prop_map(|mut list| {
                list.insert(0, Untagged::Text(String::new()));
                Untagged::List(list)
            }),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(Untagged::Other),
        ]
    })
}

pub(crate) fn inner() -> impl Strategy<Value = Inner> {
    let by_tuple = prop::collection::btree_map(any::<(u8, bool)>(), any::<char>(), 0..3);
    (float(), single(), any::<Option<String>>(), by_tuple)
        .prop_map(|(price, weight, note, by_tuple)| Inner { price, weight, note, by_tuple })
}

pub(crate) fn tagged() -> impl Strategy<Value = Tagged> {
    let leaf = prop_oneof![
        Just(Tagged::Nothing),
        (
            float(),
            any::<Option<Option<String>>>(),
            prop::collection::btree_map(any::<u16>(), single(), 0..3)
        )
            .prop_map(|(price, note, by)| Tagged::Sale { price, note, by }),
        inner().prop_map(Tagged::Item),
        untagged().prop_map(|value| Tagged::Holds { value }),
    ];
    leaf.prop_recursive(3, 6, 2, |tree| {
        (tree.clone(), prop::option::of(tree)).prop_map(|(left, right)| Tagged::Tree {
            left: Box::new(left),
            right: right.map(Box::new),
        })
    })
}

fn flattened() -> impl Strategy<Value = Any> {
    let rest = prop::collection::btree_map("x_[a-z]{0,2}", json(), 0..3);
    let counts = prop::collection::btree_map(any::<i64>(), float(), 0..3);
    prop_oneof![
        (any::<u64>(), inner(), rest).prop_map(|(id, inner, rest)| Any::Flat(Flat {
            id,
            inner,
            rest
        })),
        (text(), counts)
            .prop_map(|(name, counts)| Any::FlatIntegers(FlatIntegers { name, counts })),
    ]
}

fn sets() -> impl Strategy<Value = Any> {
    let number = prop_oneof![any::<i128>(), -3_i128..3];
    (
        prop::collection::btree_set(text(), 0..4),
        prop::collection::btree_set(number, 0..4),
        prop::collection::btree_set(any::<Vec<u8>>().prop_map(serde_bytes::ByteBuf::from), 0..3),
    )
        .prop_map(|(strings, numbers, binaries)| Any::Sets(Sets { strings, numbers, binaries }))
}

/// A key in words, where -0.0 is the same as 0.0.
pub(crate) fn plain(key: &Any) -> String {
    let words = format!("{key:?}");
    let mut parts = words.split("-0.0");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_zero = !part.starts_with(|next: char| next.is_ascii_digit());
        out.push_str(if is_zero { "0.0" } else { "-0.0" });
        out.push_str(part);
    }
    out
}

/// Anything, nested up to `levels`.
pub(crate) fn anything(levels: u32) -> impl Strategy<Value = Any> {
    let scalar = prop_oneof![
        Just(Any::Unit),
        Just(Any::Nothing(())),
        any::<bool>().prop_map(Any::Bool),
        any::<(i8, u16)>().prop_map(|(a, b)| Any::Small(a, b)),
        any::<i64>().prop_map(Any::Signed),
        any::<u64>().prop_map(Any::Unsigned),
        any::<i128>().prop_map(Any::Wide),
        any::<u128>().prop_map(Any::WideUnsigned),
        float().prop_map(Any::Float),
        single().prop_map(Any::Single),
        any::<char>().prop_map(Any::Char),
        text().prop_map(Any::Text),
        any::<Vec<u8>>().prop_map(Any::Bytes),
        any::<Option<()>>().prop_map(Any::MaybeUnit),
        any::<bool>().prop_map(|some| Any::MaybeUnitStruct(some.then_some(Marker))),
        prop::option::of(prop::option::of(prop::option::of(float()))).prop_map(Any::Thrice),
        prop::collection::vec(float(), 0..4).prop_map(Any::Floats),
        prop::collection::vec((single(), any::<i64>()), 0..3).prop_map(Any::Pairs),
        any::<(u8, u8)>().prop_map(|(empty, mark)| Any::LooksLikeName { empty, mark }),
        float().prop_map(|meters| Any::Newtype(Meters(meters))),
        single().prop_map(|clear| Any::Transparent(Clear(clear))),
        prop::collection::btree_map(any::<u128>(), any::<u8>(), 0..3).prop_map(Any::ByWide),
    ];
    let composite = prop_oneof![
        untagged().prop_map(Any::Untagged),
        tagged().prop_map(Any::Tagged),
        flattened(),
        json().prop_map(Any::Json),
        sets(),
        prop_oneof![
            Just(Adjacent::Unit),
            float().prop_map(Adjacent::One),
            any::<Option<()>>().prop_map(|x| Adjacent::Fields { x }),
        ]
        .prop_map(Any::Adjacent),
    ];
    prop_oneof![2 => scalar, 1 => composite].prop_recursive(levels, levels * 3, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new).boxed();
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Any::Maybe),
            prop::option::of(prop::option::of(boxed.clone())).prop_map(Any::Twice),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Any::List),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Any::Pair(a, b)),
            (boxed.clone(), float(), prop::option::of(single()))
                .prop_map(|(a, b, c)| Any::Struct { a, b, c }),
            boxed.clone().prop_map(Any::LooksLikeEscape),
            (single(), boxed).prop_map(|(a, b)| Any::Adjacent(Adjacent::Two(a, b))),
            prop::collection::btree_map(text(), inner.clone(), 0..3).prop_map(Any::Texts),
            prop::collection::btree_map(any::<i64>(), inner.clone(), 0..3).prop_map(Any::ByInteger),
            prop::collection::btree_map(map_key(), inner, 0..3).prop_map(Any::ByKey),
        ]
    })
}
