//! Numbers of every width and size, whole floats, and floats that are none of the usual.

use super::{assert_encodes, escape, m, n};
use crate::codec::Value;
use crate::codec::native::store::{assert_back, back, stored};
use crate::codec::native::{decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

#[test]
fn whole_floats_are_numbers_wherever_the_type_says_float() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Clear(f64);
    #[derive(Debug, Serialize, Deserialize)]
    struct Newtype(f32);
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Sale { price: f64 },
        Item(Inner),
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Inner {
        price: f64,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: HashMap<String, f64>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(into = "Inner", from = "Inner")]
    #[derive(Clone)]
    struct Guarded(f64);
    impl From<Inner> for Guarded {
        fn from(inner: Inner) -> Self {
            Self(inner.price)
        }
    }
    impl From<Guarded> for Inner {
        fn from(guarded: Guarded) -> Self {
            Self { price: guarded.0 }
        }
    }
    mod cents {
        pub(super) fn serialize<S: serde::Serializer>(
            value: &f64,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.serialize_f64((value * 100.0).round() / 100.0)
        }
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct All {
        a: f64,
        b: Option<f32>,
        c: Vec<f64>,
        d: [f32; 2],
        e: BTreeMap<u8, (f64, Option<Box<f64>>)>,
        f: Clear,
        g: Newtype,
        h: Tagged,
        i: Tagged,
        j: Flat,
        k: Guarded,
        #[serde(serialize_with = "cents::serialize")]
        l: f64,
        m: Option<Newtype>,
        n: Option<Clear>,
        o: std::cell::Cell<f64>,
    }
    let all = All {
        a: 5.0,
        b: Some(5.0),
        c: vec![5.0, 0.0],
        d: [5.0, -1.0],
        e: BTreeMap::from([(1, (5.0, Some(Box::new(5.0))))]),
        f: Clear(5.0),
        g: Newtype(5.0),
        h: Tagged::Sale { price: 5.0 },
        i: Tagged::Item(Inner { price: 5.0 }),
        j: Flat { inner: Inner { price: 5.0 }, rest: HashMap::from([("x".to_owned(), 1.5)]) },
        k: Guarded(5.0),
        l: 5.0,
        m: Some(Newtype(5.0)),
        n: Some(Clear(5.0)),
        o: std::cell::Cell::new(5.0),
    };
    let encoded = encode(&all).unwrap();
    let text = format!("{encoded:?}");
    assert!(!text.contains("atom/"), "{text}");
    assert!(!text.contains("5.0"), "{text}");
    assert_back(&all);
    let plain = encode(&5.0_f64).unwrap();
    assert_eq!(plain, n("5"));
}

#[test]
fn whole_floats_are_marked_where_only_a_look_can_tell() {
    assert_encodes(
        &json!({"a": [5.0, 5, 1.5]}),
        &m([("a", Value::L(vec![escape("atom/float", "5"), n("5"), n("1.5")]))]),
    );
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        I(i64),
        F(f64),
        Is(Vec<i64>),
        Fs(Vec<f64>),
    }
    assert_encodes(&Number::F(5.0), &escape("atom/float", "5"));
    for number in [
        Number::I(5),
        Number::F(5.0),
        Number::F(0.0),
        Number::F(1e19),
        Number::F(1e20),
        Number::Is(vec![1]),
        Number::Fs(vec![1.0]),
    ] {
        assert_eq!(back(&number), number);
        assert_eq!(back(&vec![Some(Box::new(number))]).len(), 1);
    }
    assert_eq!(back(&vec![Number::F(5.0)]), [Number::F(5.0)]);
}

/// A type may be read in another way than it was written: floats then take every form.
#[test]
fn a_marked_float_reads_as_a_float_of_any_type() {
    let marked = encode(&json!([5.0, -0.0, 1e300])).unwrap();
    assert_eq!(decode::<Vec<f64>>(marked.clone()).unwrap(), [5.0, -0.0, 1e300]);
    assert_eq!(decode::<(f32, f64, f64)>(marked).unwrap().0, 5.0);
}

#[test]
fn floats_that_dynamodb_refuses_or_changes() {
    for (float, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (-0.0, "-0"),
        (1e126, "1e126"),
        (-1.5e300, "-1.5e300"),
        (9.9e-131, "9.9e-131"),
        (5e-324, "5e-324"),
    ] {
        assert_encodes(&float, &escape("atom/float", text));
        assert_back(&float);
        assert_back(&[Some(float)]);
    }
    for float in [9.99e125, 1e-130, f64::from(f32::MAX), 1e-6, 1e21, 0.1, 123_456_789.125] {
        assert!(matches!(encode(&float).unwrap(), Value::N(_)), "{float}");
        assert_back(&float);
    }
    for single in [0.1_f32, f32::MAX, f32::MIN_POSITIVE, 1e-45, 16_777_216.0] {
        assert!(matches!(encode(&single).unwrap(), Value::N(_)), "{single}");
        assert_back(&single);
    }
}

#[test]
fn integers_of_every_width() {
    assert_encodes(&i64::MIN, &n("-9223372036854775808"));
    assert_encodes(&u64::MAX, &n("18446744073709551615"));
    assert_encodes(&(10_i128.pow(38) - 1), &n(&"9".repeat(38)));
    // One significant digit, however many zeros.
    assert_encodes(&(3 * 10_u128.pow(38)), &n("300000000000000000000000000000000000000"));
    assert_encodes(&u128::MAX, &escape("atom/integer", "340282366920938463463374607431768211455"));
    assert_encodes(&i128::MIN, &escape("atom/integer", "-170141183460469231731687303715884105728"));
    for wide in [i128::MIN, i128::MAX, 10_i128.pow(38), 10_i128.pow(38) + 1, 0] {
        assert_back(&wide);
    }
    assert_back(&(i64::MIN, i64::MAX, u64::MAX, u128::MAX, i8::MIN));
    assert!(decode::<u8>(n("256")).is_err());
    assert!(decode::<u64>(n("-1")).is_err());
}

#[test]
fn numbers_that_others_wrote_in_any_form() {
    assert_eq!(decode::<u8>(n("1E+2")).unwrap(), 100);
    assert_eq!(decode::<i64>(n("-5.0")).unwrap(), -5);
    assert_eq!(decode::<f64>(n("+.5")).unwrap(), 0.5);
    assert_eq!(
        decode::<f64>(n("12345678901234567890123456789012345678")).unwrap(),
        1.234_567_890_123_456_8e37
    );
    for no_number in ["inf", "NaN", "nan", "infinity", "", "x", "1_0", "0x1"] {
        assert!(decode::<f64>(n(no_number)).is_err(), "{no_number}");
        assert!(decode::<f32>(n(no_number)).is_err(), "{no_number}");
        assert!(decode::<serde_json::Value>(n(no_number)).is_err(), "{no_number}");
    }
    // Whole numbers past 64 bits are floats to serde's buffers, if none of their digits is lost.
    assert_eq!(decode::<serde_json::Value>(n("100000000000000000000")).unwrap(), json!(1e20));
    assert!(decode::<serde_json::Value>(n("100000000000000000001")).is_err());
}

#[test]
fn stored_numbers_are_normal_and_read_the_same() {
    assert_eq!(stored(&1.5e21), n("1500000000000000000000"));
    assert_eq!(stored(&vec![100.0_f32, 0.5]), Value::L(vec![n("100"), n("0.5")]));
}

/// The one ambiguity that types cannot settle; the chapter on the encoding says so.
#[test]
fn untagged_variants_that_differ_only_in_the_type_of_a_number_are_read_as_the_first() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Shape {
        Count { n: i64 },
        Weight { n: f64 },
    }
    assert_eq!(back(&Shape::Weight { n: 5.0 }), Shape::Count { n: 5 });
    assert_eq!(back(&Shape::Weight { n: 5.5 }), Shape::Weight { n: 5.5 });
}
