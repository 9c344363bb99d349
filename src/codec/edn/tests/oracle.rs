//! What Clojure itself says. The two files were written by Clojure 1.11.1 on
//! JDK 17: arbitrary values with their `hash`, printed in the order in which
//! Clojure keeps them; doubles with their text, many of them not with the
//! shortest digits.

use super::super::hasheq::hasheq;
use super::super::print::canonical;
use super::super::value::Edn;

#[test]
fn hash_and_order_are_those_of_clojure() {
    let rows = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/clojure-hashes.txt"));
    let mut count = 0;
    // Not `lines`: some of these values contain other ends of lines.
    for row in rows.split_terminator('\n') {
        let (hash, text) = row.split_once(' ').expect("hash and text");
        let value: Edn = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(hasheq(&value).cast_signed().to_string(), hash, "{text}");
        assert_eq!(value.to_string(), text);
        assert_eq!(canonical(&value), text);
        count += 1;
    }
    assert_eq!(count, 400);
}

#[test]
fn doubles_are_printed_as_the_jvm_prints_them() {
    let rows = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/jdk17-doubles.txt"));
    let mut count = 0;
    for row in rows.lines() {
        let (bits, text) = row.split_once(' ').expect("bits and text");
        let double = f64::from_bits(bits.parse::<i64>().expect("bits").cast_unsigned());
        assert_eq!(Edn::Float(double).to_string(), text);
        assert_eq!(text.parse::<f64>().expect("a double").to_bits(), double.to_bits());
        count += 1;
    }
    assert_eq!(count, 1113);
}
