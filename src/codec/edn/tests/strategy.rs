//! Arbitrary EDN.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::value::Edn;
use super::super::{BigDec, Inst, Name, Ratio};

/// Text with the characters that matter to readers and printers.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,6}",
        2 => r#"[a-zA-Z0-9 ":/#\\\\@~`^;,(){}\[\]'.+_-]{0,8}"#,
        1 => any::<String>(),
        1 => proptest::sample::select(vec![
            "", "nil", "true", "#", "#=", "#=1", ":a", "::", "/", "a/b", "a//", "//", "/a", "1", "-1", "+", "\n\r\t\u{8}\u{c}\"\\",
            "\0\u{1}\u{7f}\u{85}\u{a0}\u{2028}\u{feff}", "漢é😀", "atom/key", "inst", "hello world", "\"a\"",
        ])
        .prop_map(str::to_owned),
    ]
}

pub(super) fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        6 => "[a-z*+!?<>=$%&_.-][a-z0-9*+!?#':.-]{0,5}".prop_map(|name| Name::new(&name)),
        2 => "[a-z]{1,4}/[a-z]{1,4}".prop_map(|name| Name::new(&name)),
        1 => text().prop_map(|name| Name::new(&name)),
        1 => (text(), text()).prop_map(|(namespace, name)| Name::with_namespace(&namespace, &name)),
    ]
}

fn tag() -> impl Strategy<Value = Name> {
    prop_oneof![
        2 => "[a-z]{1,4}/[a-z]{1,4}".prop_map(|name| Name::new(&name)),
        1 => name(),
        1 => proptest::sample::select(vec![
            "inst", "uuid", "bytes", "atom/keyword", "atom/symbol", "atom/tagged", "atom/some",
        ])
        .prop_map(Name::new),
    ]
}

pub(super) fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => any::<f64>(),
        2 => any::<u64>().prop_map(f64::from_bits),
        2 => (any::<i32>(), -8i32..8).prop_map(|(n, scale)| f64::from(n) * 10f64.powi(scale)),
        1 => any::<i64>().prop_map(|n| n as f64),
        1 => proptest::sample::select(vec![
            0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, f64::MAX,
            1e23, 2e-44, 0.1, 0.3, 1e-7, 1e7, 9_999_999.0, 0.001, 9.999e-4, 0.1 + 0.2,
        ]),
    ]
}

fn digits() -> impl Strategy<Value = String> {
    prop_oneof!["-?[0-9]{1,4}", "-?[0-9]{15,45}"]
}

pub(super) fn scalar() -> impl Strategy<Value = Edn> {
    let ratio = (digits(), digits()).prop_map(|(n, d)| {
        let parse = |text: String| text.parse().expect("digits");
        Ratio::new(parse(n), parse(d)).map_or(Edn::Nil, Edn::Ratio)
    });
    let decimal = (digits(), -60i32..60).prop_map(|(digits, exponent)| {
        Edn::BigDec(format!("{digits}e{exponent}").parse::<BigDec>().expect("a decimal"))
    });
    let inst =
        (-62_167_219_200i64..253_402_300_800, prop_oneof![Just(0), 0u32..1000, Just(999_999_999)])
            .prop_map(|(seconds, nanos)| {
                Edn::Inst(Inst::from_unix(seconds, nanos).expect("in range"))
            });
    prop_oneof![
        1 => Just(Edn::Nil),
        1 => any::<bool>().prop_map(Edn::Bool),
        3 => prop_oneof![-3i64..20, any::<i64>()].prop_map(Edn::Int),
        2 => digits().prop_map(|digits| Edn::BigInt(digits.parse().expect("digits"))),
        1 => ratio,
        2 => float().prop_map(Edn::Float),
        2 => decimal,
        2 => prop_oneof![any::<char>(), "[ -~\n\t\r\u{8}\u{c}]".prop_map(|s| s.chars().next().unwrap_or('x'))].prop_map(Edn::Char),
        4 => text().prop_map(Edn::Str),
        4 => name().prop_map(Edn::Keyword),
        2 => name().prop_map(Edn::Symbol),
        1 => inst,
        1 => any::<u128>().prop_map(Edn::Uuid),
        1 => vec(any::<u8>(), 0..20).prop_map(Edn::Bytes),
    ]
}

/// Any value, nested some levels deep.
pub(super) fn edn() -> impl Strategy<Value = Edn> {
    scalar().prop_recursive(5, 40, 12, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..6).prop_map(Edn::Vector),
            1 => vec(inner.clone(), 0..6).prop_map(Edn::List),
            1 => vec(inner.clone(), 0..12).prop_map(Edn::set),
            3 => vec((inner.clone(), inner.clone()), 0..12).prop_map(Edn::map),
            1 => (tag(), inner).prop_map(|(tag, form)| Edn::Tagged(tag, Box::new(form))),
        ]
    })
}

/// Two values are the same to the last detail, also where they are equal anyway.
pub(super) fn same(a: &Edn, b: &Edn) -> bool {
    format!("{a:?}") == format!("{b:?}")
}
