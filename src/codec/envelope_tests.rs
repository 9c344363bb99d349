//! What is written opens as what was meant, and whatever else is there opens too.

use super::*;
use crate::codec::limits;

fn layout(key_name: &str) -> Layout {
    Layout::new(Encoding::Native, key_name)
}

fn value(text: &str) -> Content {
    Content::permanent(Value::S(text.to_owned()))
}

#[test]
fn what_is_sealed_opens_as_the_state_after_it() {
    let mut state = Snapshot::missing();
    for n in 0..20_u64 {
        let content = match n % 5 {
            4 => Content::Removed { at: 9 },
            3 => Content::Value { value: Arc::new(Value::Null(true)), expires: Some(n) },
            _ => value(&n.to_string()),
        };
        let sealed = layout("atom/id").seal("k", &state, &content, n);
        let opened = layout("atom/id").open(sealed.item.unwrap());
        assert_eq!(opened, sealed.after);
        assert_eq!(opened.version, n + 1);
        assert_eq!(opened.writes.len() as u64, (n + 1).min(MEMORY as u64));
        assert_eq!(opened.writes[0], Id::from_bits(n));
        state = opened;
    }
}

#[test]
fn a_map_lies_flat_and_a_collision_does_not() {
    let map = |name: &str| {
        let map = HashMap::from([(name.to_owned(), Value::Bool(true))]);
        Content::permanent(Value::M(map))
    };
    let base = Snapshot::missing();
    let seal = |name| layout("id").seal("k", &base, &map(name), 1);
    assert!(seal("done").item.unwrap().contains_key("done"));
    for name in ["id", "atom/version", "atom/anything", "#1"] {
        let Sealed { item, after } = seal(name);
        let item = item.unwrap();
        assert!(matches!(item.get(VALUE), Some(Value::M(_))), "{name}");
        assert_eq!(layout("id").open(item), after, "{name}");
    }
}

#[test]
fn unsound_bookkeeping_makes_an_item_foreign_and_never_panics() {
    for writes in [
        Value::B(vec![]),
        Value::B(vec![1; 7]),
        Value::B(vec![1; 9]),
        Value::B(vec![1; 17 * 8]),
        Value::S("no".into()),
    ] {
        for version in [Value::S("1".into()), Value::N("-1".into()), Value::N("1e9".into())] {
            let item = Item::from([
                ("id".to_owned(), Value::S("k".into())),
                ("n".to_owned(), Value::N("1".into())),
                (WRITES.to_owned(), writes.clone()),
                (VERSION.to_owned(), version),
            ]);
            let opened = layout("id").open(item.clone());
            let mut rest = item;
            rest.remove("id");
            assert_eq!(opened.fence, Fence::Foreign(rest));
            assert_eq!(opened.version, 0);
            let fields = HashMap::from([("n".to_owned(), Value::N("1".into()))]);
            assert_eq!(opened.value, Some(Arc::new(Value::M(fields))));
        }
    }
}

#[test]
fn a_value_is_hidden_from_the_second_in_which_it_expires() {
    let value = Arc::new(Value::Bool(true));
    let content = Content::Value { value: value.clone(), expires: Some(100) };
    let sealed = layout("id").seal("k", &Snapshot::missing(), &content, 1);
    assert_eq!(sealed.item.as_ref().unwrap()[EXPIRES], Value::N("100".into()));
    let state = layout("id").open(sealed.item.unwrap());
    for (now, there) in [(0, true), (99, true), (100, false), (u64::MAX, false)] {
        let held = if there {
            Held { value: Some(value.clone()), expires: Some(100) }
        } else {
            Held::default()
        };
        assert_eq!(content.held(now), held, "{now}");
        assert_eq!(state.held(now), held, "{now}");
        let hidden = state.clone().hiding_expired(now);
        assert_eq!(Held { value: hidden.value, expires: hidden.expires }, held, "{now}");
        // Whatever takes its place is written on top of what is there.
        assert_eq!((hidden.fence, hidden.version), (state.fence.clone(), 1), "{now}");
    }
}

#[test]
fn only_whole_seconds_expire() {
    let number = |text: &str| Value::N(text.to_owned());
    for (stored, meant) in [
        (number("0"), Some(0)),
        (number("1800000000"), Some(1_800_000_000)),
        (number("18446744073709551615"), Some(u64::MAX)),
        (number("18446744073709551616"), None),
        (number("99999999999999999999999999999999999999"), None),
        (number("1800000000.5"), None),
        (number("-1"), None),
        (Value::S("1800000000".into()), None),
        (Value::Null(true), None),
        (Value::L(vec![number("1")]), None),
    ] {
        let mut item = Item::from([(EXPIRES.to_owned(), stored.clone())]);
        let foreign = layout("id").open(item.clone());
        assert_eq!(foreign.expires, meant, "{stored:?}");
        assert_eq!(foreign.value, Some(Arc::new(Value::M(HashMap::new()))), "{stored:?}");
        item.insert(WRITES.to_owned(), Value::B(vec![7; 8]));
        assert_eq!(layout("id").open(item.clone()).expires, meant, "{stored:?}");
        item.insert(REMOVED.to_owned(), Value::Bool(true));
        assert_eq!(layout("id").open(item).expires, None, "{stored:?}");
    }
}

#[test]
fn bookkeeping_weighs_less_than_is_reckoned_with() {
    #[cfg(feature = "edn")]
    let encodings = [Encoding::Native, Encoding::Edn];
    #[cfg(not(feature = "edn"))]
    let encodings = [Encoding::Native];
    let writes: Vec<Id> = (0..MEMORY as u64).map(Id::from_bits).collect();
    let base = Snapshot { version: u64::MAX, writes, ..Snapshot::missing() };
    let empty = Value::M(HashMap::new());
    for (encoding, value) in encodings.into_iter().flat_map(|encoding| {
        [(encoding, empty.clone()), (encoding, Value::M([("atom/x".into(), empty.clone())].into()))]
    }) {
        let layout = Layout::new(encoding, "k");
        let content = Content::Value { value: Arc::new(value.clone()), expires: Some(u64::MAX) };
        let item = layout.seal("", &base, &content, u64::MAX).item.unwrap();
        let value = limits::item_size(&HashMap::from([(String::new(), value)]));
        assert!(limits::item_size(&item) - value < BOOKKEEPING / 2, "{encoding:?}");
    }
}
