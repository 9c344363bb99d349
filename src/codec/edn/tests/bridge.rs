//! Rust types as EDN and back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::value::Edn;
use super::super::{from_edn, to_edn};
use super::strategy::{edn, float, same, text};

fn edn_of(text: &str) -> Edn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The value is written as this EDN, and comes back from it and from its text.
#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, expected: &str) {
    let written = to_edn(&value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(written.to_string(), expected);
    assert_eq!(from_edn::<T>(written).expect(expected), value, "{expected}");
    assert_eq!(from_edn::<T>(edn_of(expected)).expect(expected), value, "{expected}");
}

#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(text: &str, expected: T) {
    assert_eq!(
        from_edn::<T>(edn_of(text)).unwrap_or_else(|error| panic!("{text}: {error}")),
        expected,
        "{text}"
    );
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(text: &str, message: &str) {
    let error = from_edn::<T>(edn_of(text)).expect_err(text);
    assert_eq!(error.to_string().trim_start_matches("at "), message, "{text}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Job {
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum State {
    Queued,
    #[serde(rename = "on hold")]
    OnHold,
    Failed(String),
    Moved(i32, i32),
    Done {
        at: u64,
        by: Option<String>,
    },
    Empty(),
    Nothing {},
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    A { x: i32, state: State },
    B(BTreeMap<String, i32>),
    C,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(i32),
    B { x: Option<i32> },
    C,
    D(i32, String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Int(i64),
    Float(f64),
    Text(String),
    Pair(i32, bool),
    Job(Job),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    job: Job,
    #[serde(flatten)]
    rest: BTreeMap<String, i32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Renamed {
    #[serde(rename = "job/count")]
    count: u32,
    #[serde(rename = "first name")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[test]
fn scalars() {
    both_ways((), "nil");
    both_ways(true, "true");
    both_ways(-5i8, "-5");
    both_ways(i64::MIN, "-9223372036854775808");
    both_ways(u64::MAX, "18446744073709551615N");
    both_ways(5i128, "5N");
    both_ways(i128::MIN, "-170141183460469231731687303715884105728N");
    both_ways(u128::MAX, "340282366920938463463374607431768211455N");
    both_ways(1.0f64, "1.0");
    both_ways(-0.0f64, "-0.0");
    both_ways(f64::INFINITY, "##Inf");
    both_ways(0.1f32, "0.1");
    both_ways(f32::MAX, "3.4028235E38");
    both_ways(f32::MIN_POSITIVE, "1.1754944E-38");
    both_ways('c', "\\c");
    both_ways('\n', "\\newline");
    both_ways('😀', "\"😀\"");
    both_ways("a \"b\"".to_owned(), r#""a \"b\"""#);
    both_ways(serde_bytes::ByteBuf::from(vec![1, 255]), "#bytes [1 255]");
    both_ways(Unit, "nil");
    both_ways(Meters(1.5), "1.5");
    both_ways(Pair(1, "x".to_owned()), "[1 \"x\"]");
    assert!(from_edn::<f64>(to_edn(&f64::NAN).expect("NaN")).expect("NaN").is_nan());
    assert!(from_edn::<f64>(Edn::Float(-0.0)).expect("-0.0").is_sign_negative());
}

#[test]
fn a_struct_and_the_map_of_clojure_are_one_value() {
    both_ways(Job { count: 3 }, "{:count 3}");
    reads("{\"count\" 3N, :other [1 2]}", Job { count: 3 });
    reads("{count 3}", Job { count: 3 });
    reads("[3]", Job { count: 3 });
    // A number as key is not the number of a field.
    refuses::<Job>("{0 3}", "missing field `count`");
    both_ways(
        Renamed { count: 1, name: "x".to_owned(), note: None },
        r#"{:job/count 1, "first name" "x"}"#,
    );
}

#[test]
fn variants() {
    both_ways(State::Queued, ":Queued");
    both_ways(State::OnHold, "\"on hold\"");
    both_ways(State::Failed("x".to_owned()), "{:Failed \"x\"}");
    both_ways(State::Moved(1, 2), "{:Moved [1 2]}");
    both_ways(State::Done { at: 1, by: None }, "{:Done {:at 1, :by nil}}");
    both_ways(State::Empty(), "{:Empty []}");
    both_ways(State::Nothing {}, "{:Nothing {}}");
    reads("Queued", State::Queued);
    reads("\"Queued\"", State::Queued);
    reads("{:Queued nil}", State::Queued);
    reads("{\"Moved\" (1 2)}", State::Moved(1, 2));
    reads("{Done [1 \"me\"]}", State::Done { at: 1, by: Some("me".to_owned()) });
    both_ways(
        Internal::A { x: 1, state: State::Moved(1, 2) },
        r#"{:type "A", :x 1, :state {:Moved [1 2]}}"#,
    );
    both_ways(Internal::A { x: 1, state: State::Queued }, r#"{:type "A", :x 1, :state :Queued}"#);
    both_ways(Internal::B(BTreeMap::from([("x".to_owned(), 1)])), r#"{:type "B", "x" 1}"#);
    both_ways(Internal::C, r#"{:type "C"}"#);
    reads("{:x 1, :state Queued, :type :A}", Internal::A { x: 1, state: State::Queued });
    both_ways(Adjacent::A(1), "{:t :A, :c 1}");
    both_ways(Adjacent::B { x: Some(1) }, "{:t :B, :c {:x 1}}");
    both_ways(Adjacent::C, "{:t :C}");
    both_ways(Adjacent::D(1, "x".to_owned()), "{:t :D, :c [1 \"x\"]}");
    both_ways(Untagged::Int(5), "5");
    both_ways(Untagged::Float(5.0), "5.0");
    both_ways(Untagged::Text("x".to_owned()), "\"x\"");
    both_ways(Untagged::Pair(1, true), "[1 true]");
    both_ways(Untagged::Job(Job { count: 1 }), "{:count 1}");
}

#[test]
fn flattened_structs_are_like_others() {
    let flat = Flat { id: 1, job: Job { count: 2 }, rest: BTreeMap::from([("a".to_owned(), 3)]) };
    both_ways(flat, r#"{:id 1, :count 2, "a" 3}"#);
}

#[test]
fn options_of_options() {
    type Three = Option<Option<Option<u8>>>;
    both_ways::<Option<u8>>(None, "nil");
    both_ways(Some(1u8), "1");
    both_ways::<Three>(None, "nil");
    both_ways::<Three>(Some(None), "#atom/some nil");
    both_ways::<Three>(Some(Some(None)), "#atom/some #atom/some nil");
    both_ways::<Three>(Some(Some(Some(1))), "1");
    both_ways::<Option<()>>(Some(()), "#atom/some nil");
    both_ways::<Option<Edn>>(Some(Edn::Nil), "#atom/some nil");
    both_ways::<Option<Edn>>(Some(edn_of("#atom/some nil")), "#atom/some #atom/some nil");
    both_ways::<Vec<Option<Option<u8>>>>(
        vec![None, Some(None), Some(Some(1))],
        "[nil #atom/some nil 1]",
    );
}

#[test]
fn keys_of_every_kind() {
    both_ways(BTreeMap::from([("a".to_owned(), 1)]), "{\"a\" 1}");
    both_ways(BTreeMap::from([(1u64, 1)]), "{1 1}");
    both_ways(BTreeMap::from([(true, 1)]), "{true 1}");
    both_ways(BTreeMap::from([('a', 1)]), "{\\a 1}");
    both_ways(BTreeMap::from([((), 1)]), "{nil 1}");
    both_ways(BTreeMap::from([((1, "x".to_owned()), 1)]), "{[1 \"x\"] 1}");
    both_ways(BTreeMap::from([(None, 1), (Some(1u8), 2)]), "{nil 1, 1 2}");
    both_ways(
        BTreeMap::from([(State::Queued, 1), (State::Moved(1, 2), 2)]),
        "{:Queued 1, {:Moved [1 2]} 2}",
    );
    both_ways(BTreeMap::from([(vec![1u8], 1)]), "{[1] 1}");
    both_ways(BTreeMap::from([(BTreeMap::from([(1, 2)]), 1)]), "{{1 2} 1}");
    both_ways(BTreeMap::from([(serde_bytes::ByteBuf::from(vec![1]), 1)]), "{#bytes [1] 1}");
    both_ways(HashMap::from([(Edn::keyword("a"), edn_of("#{1 2}"))]), "{:a #{1 2}}");
    both_ways(BTreeSet::from([1, 2]), "[1 2]");
}

#[test]
fn reading_is_lenient() {
    reads(":a/b", "a/b".to_owned());
    reads("sym", "sym".to_owned());
    reads("\\a", "a".to_owned());
    reads("\"a\"", 'a');
    reads(
        "#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned(),
    );
    reads("#inst \"2015\"", "2015-01-01T00:00:00.000Z".to_owned());
    reads("1.50M", "1.50".to_owned());
    for text in ["[1 2]", "(1 2)", "#{1 2}", "#bytes [1 2]"] {
        reads(text, vec![1u8, 2]);
        reads(text, (1u8, 2u8));
        reads(text, serde_bytes::ByteBuf::from(vec![1, 2]));
    }
    reads("3", 3.0f64);
    reads("3N", 3.0f32);
    reads("1/4", 0.25f64);
    reads("1/3", 1.0 / 3.0);
    reads("1.5M", 1.5f64);
    reads("123456789012345678901234567890N", 123_456_789_012_345_678_901_234_567_890.0f64);
    reads("5N", 5u8);
    reads(
        "{:a 1, b 2, \"c\" 3}",
        BTreeMap::from([("a", 1), ("b", 2), ("c", 3)].map(|(k, v)| (k.to_owned(), v))),
    );
}

#[test]
fn errors_tell_where_and_what() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only its errors matter")]
    struct Shop {
        orders: Vec<Order>,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only its errors matter")]
    struct Order {
        price: f64,
    }
    refuses::<Shop>(
        "{:orders [{:price 1} {:price 2.5} {:price 1M} {:price \"high\"}]}",
        "orders[3].price: invalid type: string \"high\", expected f64",
    );
    refuses::<Shop>("{:orders [{}]}", "orders[0]: missing field `price`");
    refuses::<HashMap<Edn, u8>>(
        "{[1 2] {:a 1}}",
        "[[1 2]]: invalid type: map `{:a 1}`, expected u8",
    );
    refuses::<BTreeMap<String, State>>(
        "{:a {:Moved [1 x]}}",
        "a.Moved[1]: invalid type: symbol `x`, expected i32",
    );
    refuses::<State>(
        ":Gone",
        "unknown variant `Gone`, expected one of `Queued`, `on hold`, `Failed`, `Moved`, `Done`, `Empty`, `Nothing`",
    );
    refuses::<State>("{:Queued 5}", "Queued: content `5` for a variant that has none");
    refuses::<State>(":Failed", "Failed: a variant without its content");
    refuses::<u8>("256", "invalid value: integer `256`, expected u8");
    refuses::<u8>("1.0", "invalid type: floating point `1.0`, expected u8");
    refuses::<u8>("22/7", "invalid type: ratio `22/7`, expected u8");
    refuses::<bool>(":true", "invalid type: keyword `:true`, expected a boolean");
    refuses::<()>("false", "invalid type: boolean `false`, expected unit");
    refuses::<(u8, u8)>("[1 2 3]", "a sequence of 3 elements, 1 more than expected");
    refuses::<(u8, u8)>("[1]", "invalid length 1, expected a tuple of size 2");
    refuses::<Vec<u8>>(
        "#my/tag [1]",
        "invalid type: tagged literal `#my/tag [1]`, expected a sequence",
    );
    refuses::<u64>(
        "1000000000000000000000N",
        "invalid type: integer `1000000000000000000000` as i128, expected u64",
    );
}

/// Two keys that would become one are an error, not one of them.
#[test]
fn keys_are_not_merged() {
    let message = "[a]: another key of this map is read as the same text as `a`";
    assert!(from_edn::<BTreeMap<String, u8>>(edn_of("{:a 1, \"a\" 2}")).is_err());
    assert!(from_edn::<Job>(edn_of("{:count 1, count 2}")).is_err());
    refuses::<BTreeMap<String, u8>>("{a 1, \\a 2}", &message.replace("[a]", "a"));
    reads("{:a 1, \"a\" 2}", HashMap::from([(Edn::from("a"), 2), (Edn::keyword("a"), 1)]));

    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(0.0, 1), (-0.0, 2)])
        }
    }
    assert_eq!(
        to_edn(&Twice).expect_err("one key").to_string().trim_start_matches("at "),
        "[0.0]: the key occurs twice in a map"
    );
}

#[test]
fn values_nested_too_deep_are_refused() {
    #[derive(Serialize)]
    struct Deep(Option<Box<(Deep,)>>);
    let deep = |depth| (0..depth).fold(Deep(None), |deep, _| Deep(Some(Box::new((deep,)))));
    assert!(to_edn(&deep(120)).is_ok());
    assert!(
        to_edn(&deep(300))
            .expect_err("too deep")
            .to_string()
            .trim_start_matches("at ")
            .ends_with("values are nested more than 256 deep")
    );
}

/// A value of EDN inside a Rust type stays what it is.
#[test]
fn edn_inside_other_types() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        value: Edn,
        list: Vec<Edn>,
        map: HashMap<Edn, Edn>,
    }
    let holder = Holder {
        value: edn_of("#{:a 1/2}"),
        list: vec![edn_of("(1 2)"), Edn::Nil, edn_of("#my/tag :x")],
        map: HashMap::from([(edn_of(":k"), edn_of("\\c"))]),
    };
    both_ways(holder, "{:value #{:a 1/2}, :list [(1 2) nil #my/tag :x], :map {:k \\c}}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Everything {
    unit: (),
    flag: bool,
    small: i8,
    large: u64,
    huge: i128,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    option: Option<Option<Option<i32>>>,
    state: State,
    list: Vec<State>,
    map: HashMap<String, Option<u8>>,
    keys: BTreeMap<(i32, Option<String>), State>,
    states: BTreeMap<State, char>,
    edn: Edn,
    #[serde(flatten)]
    rest: BTreeMap<String, Vec<Option<i64>>>,
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Queued),
        Just(State::OnHold),
        text().prop_map(State::Failed),
        any::<(i32, i32)>().prop_map(|(x, y)| State::Moved(x, y)),
        (any::<u64>(), proptest::option::of(text())).prop_map(|(at, by)| State::Done { at, by }),
        Just(State::Empty()),
        Just(State::Nothing {}),
    ]
}

pub(super) fn everything() -> impl Strategy<Value = Everything> {
    use proptest::collection::{btree_map, hash_map, vec};
    use proptest::option::of;
    let finite = float().prop_map(|value| if value.is_nan() { 0.5 } else { value });
    let single = any::<u32>()
        .prop_map(f32::from_bits)
        .prop_map(|value| if value.is_nan() { 0.1 } else { value });
    (
        any::<(bool, i8, u64, i128, char)>(),
        (single, finite, text(), vec(any::<u8>(), 0..9), of(of(of(any::<i32>())))),
        (state(), vec(state(), 0..4), hash_map(text(), of(any::<u8>()), 0..4)),
        (
            btree_map((any::<i32>(), of(text())), state(), 0..4),
            btree_map(state(), any::<char>(), 0..4),
            edn(),
            btree_map("[A-Z]{1,5}", vec(of(any::<i64>()), 0..3), 0..3),
        ),
    )
        .prop_map(|(a, b, c, d)| Everything {
            unit: (),
            flag: a.0,
            small: a.1,
            large: a.2,
            huge: a.3,
            letter: a.4,
            single: b.0,
            double: b.1,
            text: b.2,
            bytes: b.3,
            option: b.4,
            state: c.0,
            list: c.1,
            map: c.2,
            keys: d.0,
            states: d.1,
            edn: d.2,
            rest: d.3,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn edn_passes_through_untouched(value in edn()) {
        prop_assert!(same(&to_edn(&value).expect("written"), &value));
        prop_assert!(same(&from_edn::<Edn>(value.clone()).expect("read"), &value));
        let holder = (Some(value.clone()), vec![value]);
        let back: (Option<Edn>, Vec<Edn>) = from_edn(to_edn(&holder).expect("written")).expect("read");
        prop_assert_eq!(back, holder);
    }

    #[test]
    fn every_shape_comes_back(value in everything()) {
        let written = to_edn(&value).expect("written");
        let back: Everything = from_edn(written.clone()).expect("read");
        prop_assert_eq!(format!("{back:?}").len(), format!("{value:?}").len());
        prop_assert_eq!(&back, &value);
        // By way of text, and by way of an item.
        let text: Edn = written.to_string().parse().expect("printed by us");
        prop_assert_eq!(&from_edn::<Everything>(text).expect("read"), &value);
        let item = super::super::layout::write("atom/id", &written).expect("written");
        let item = super::super::layout::read("atom/id", item).expect("read");
        prop_assert_eq!(&from_edn::<Everything>(item).expect("read"), &value);
    }

    #[test]
    fn every_float_comes_back(double in float(), bits in any::<u32>()) {
        let single = f32::from_bits(bits);
        let back: f64 = from_edn(to_edn(&double).expect("written")).expect("read");
        prop_assert!(back.to_bits() == double.to_bits() || (back.is_nan() && double.is_nan()));
        let back: f32 = from_edn(to_edn(&single).expect("written")).expect("read");
        prop_assert!(back.to_bits() == single.to_bits() || (back.is_nan() && single.is_nan()));
    }

    /// Any EDN read as any type: a value or an error.
    #[test]
    fn any_edn_is_read_or_refused(value in edn()) {
        let _ = from_edn::<Everything>(value.clone());
        let _ = from_edn::<State>(value.clone());
        let _ = from_edn::<Internal>(value.clone());
        let _ = from_edn::<Adjacent>(value.clone());
        let _ = from_edn::<Untagged>(value.clone());
        let _ = from_edn::<Flat>(value.clone());
        let _ = from_edn::<Vec<String>>(value.clone());
        let _ = from_edn::<BTreeMap<String, f64>>(value.clone());
        let _ = from_edn::<Option<u64>>(value.clone());
        let _ = from_edn::<serde_json::Value>(value);
    }
}
