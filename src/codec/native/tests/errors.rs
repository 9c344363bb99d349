//! Errors name the place and what was found.

use super::{State, escape, m, n, s};
use crate::codec::Value;
use crate::codec::native::{decode, encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[test]
fn errors_name_the_place_and_what_was_found() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Orders {
        orders: Vec<Entry>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Entry {
        price: u32,
        state: Option<State>,
        by: Option<BTreeMap<String, (u8, u8)>>,
    }
    let error = |entry: Value| {
        let good = m([("price", n("1"))]);
        let orders = Value::L(vec![good.clone(), good.clone(), good, entry]);
        decode::<Orders>(m([("orders", orders)])).unwrap_err().to_string()
    };
    let price = |price| m([("price", price)]);
    assert_eq!(
        error(price(s("dear"))),
        "at orders[3].price: found the string \"dear\", expected u32"
    );
    assert_eq!(error(price(n("1.5"))), "at orders[3].price: found the number 1.5, expected u32");
    assert_eq!(error(price(Value::Null(true))), "at orders[3].price: found null, expected u32");
    assert_eq!(error(m([])), "at orders[3]: missing field `price`");
    assert_eq!(error(n("5")), "at orders[3]: found the number 5, expected struct Entry");
    assert_eq!(
        error(price(escape("atom/integer", "many"))),
        "at orders[3].price: malformed escape `atom/integer`: found the string \"many\""
    );
    assert_eq!(
        error(price(m([("atom/later", n("1"))]))),
        "at orders[3].price: found a map with the single member `atom/later`, which is reserved and not known to this version"
    );
    let with = |name, value| m([("price", n("1")), (name, value)]);
    assert_eq!(
        error(with("state", m([("Sent", s("x"))]))),
        "at orders[3].state.Sent: found the string \"x\", expected u32"
    );
    assert_eq!(
        error(with("state", s("Gone"))),
        "at orders[3].state: unknown variant `Gone`, expected one of `New`, `Sent`, `Moved`, `Lost`"
    );
    assert_eq!(
        error(with("by", m([("a b", Value::L(vec![n("1"), n("2"), n("3")]))]))),
        "at orders[3].by[\"a b\"]: found a list of 3, expected 2 elements"
    );
    assert_eq!(
        error(with("state", escape("atom/deep", "[1"))),
        "at orders[3].state: malformed escape `atom/deep`: malformed JSON text: it ends before `,` or `]`"
    );
    let long = "x".repeat(50);
    let path = decode::<BTreeMap<String, u8>>(m([(&long, s(""))])).unwrap_err().path;
    assert_eq!(path, format!("{}…", "x".repeat(40)));
}

#[test]
fn errors_of_encoding_name_the_place_too() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, _to: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    let value = BTreeMap::from([("a", vec![None, Some((1, Fails))])]);
    assert_eq!(encode(&value).unwrap_err().to_string(), "at a[1][1]: not today");
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_map([("a", 1), ("a", 2)])
        }
    }
    let error = encode(&[Twice]).unwrap_err().to_string();
    assert_eq!(error, "at [0]: two members are named \"a\"; rename one of them");
}
