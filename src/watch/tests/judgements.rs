//! What is told of each turn that an item can take.

use super::*;
use crate::codec::envelope::{Fence, Item, MEMORY};

/// What is told of an item that is in the first of these states at first: values, versions, and
/// how many were skipped.
fn told(first: &Snapshot, looks: &[(Read, &Snapshot)]) -> Vec<(String, u64, Option<u64>)> {
    let mut script = vec![(Consistent, Ok(first.clone()))];
    script.extend(looks.iter().map(|(read, state)| (*read, Ok((*state).clone()))));
    let mut course = course(&Fake::seeded(1), &WatchOptions::new(), script);
    let beginning = course.next().unwrap().unwrap();
    assert!(beginning.first && beginning.skipped.is_none());
    let mut told = Vec::new();
    loop {
        match course.next().unwrap() {
            Ok(News { value, version, skipped, first }) => {
                assert!(!first);
                told.push((text(value.as_deref()), version, skipped));
            }
            Err(error) => {
                assert!(matches!(error, Error::TableNotFound { .. }), "the script's end: {error}");
                assert!(course.next().is_none());
                assert!(course.source().looks.lock().unwrap().is_empty());
                return told;
            }
        }
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::S(text)) => text.clone(),
        Some(other) => format!("{other:?}"),
        None => "none".to_owned(),
    }
}

fn tells(value: &str, version: u64, skipped: impl Into<Option<u64>>) -> (String, u64, Option<u64>) {
    (value.to_owned(), version, skipped.into())
}

#[test]
fn what_lists_the_last_write_is_newer_and_needs_no_second_look() {
    let first = put(&gone(), "a");
    let next = put(&first, "b");
    assert_eq!(
        told(&first, &[(Eventual, &first), (Eventual, &next), (Eventual, &next)]),
        [tells("b", 2, 0)]
    );
    for count in 1..MEMORY {
        let later = put(&puts(&first, count), "z");
        if count + 1 < MEMORY {
            assert_eq!(
                told(&first, &[(Eventual, &later)]),
                [tells("z", count as u64 + 2, count as u64)]
            );
        }
    }
    // An equal value is a write as well.
    assert_eq!(told(&first, &[(Eventual, &put(&first, "a"))]), [tells("a", 2, 0)]);
}

#[test]
fn beyond_the_memory_of_an_item_versions_count() {
    let first = puts(&gone(), 5);
    for count in [15, 16, 17, 40, 1000] {
        let later = puts(&first, count);
        let value = format!("{}", count - 1);
        let tells = [tells(&value, 5 + count as u64, count as u64 - 1)];
        if count < MEMORY {
            assert_eq!(told(&first, &[(Eventual, &later)]), tells);
        } else {
            assert_eq!(told(&first, &[(Eventual, &later), (Consistent, &later)]), tells);
        }
    }
}

#[test]
fn a_replica_that_lags_is_never_a_change() {
    let states: Vec<Snapshot> = (1..=40).map(|count| puts(&gone(), count)).collect();
    let old = put(&gone(), "a");
    let first = put(&old, "b");
    let next = put(&first, "c");
    // Yesterday's state, an hour's before, and the time before there was an item.
    for past in [&old, &gone()] {
        assert_eq!(told(&first, &[(Eventual, past), (Consistent, &first)]), []);
        assert_eq!(
            told(
                &first,
                &[
                    (Eventual, past),
                    (Consistent, &next),
                    (Eventual, past),
                    (Consistent, &next),
                    (Eventual, &first),
                    (Consistent, &next),
                    (Eventual, &next),
                ]
            ),
            [tells("c", 3, 0)]
        );
    }
    let (early, late) = (&states[2], puts(&states[2], 30));
    assert_eq!(told(&late, &[(Eventual, early), (Consistent, &late)]), []);
    // A version that is higher proves nothing: it may be from before a put that began again.
    let again = put(&gone(), "again");
    assert_eq!(told(&again, &[(Eventual, &late), (Consistent, &again)]), []);
}

#[test]
fn versions_that_begin_again_are_told_without_a_number() {
    let first = puts(&gone(), 5);
    let blind = put(&gone(), "x");
    let seen = |state: &Snapshot| told(&first, &[(Eventual, state), (Consistent, state)]);
    assert_eq!(seen(&blind), [tells("x", 1, None)]);
    assert_eq!(seen(&put(&puts(&gone(), 4), "same version")), [tells("same version", 5, None)]);
    // Higher by fewer than an item remembers, and yet the last write is not listed.
    assert_eq!(seen(&put(&puts(&gone(), 18), "y")), [tells("y", 19, None)]);
    // Hand-made: higher by a hundred, and only two writes listed.
    assert_eq!(seen(&Snapshot { version: 105, ..puts(&gone(), 2) }), [tells("1", 105, None)]);
    // From version 1 to another version 1.
    let other = put(&gone(), "z");
    assert_eq!(told(&blind, &[(Eventual, &other), (Consistent, &other)]), [tells("z", 1, None)]);
}

#[test]
fn removal_deletion_and_return() {
    let first = puts(&gone(), 5);
    let removed = write(&first, &Content::Removed { at: 9 });
    let back = put(&removed, "back");
    assert_eq!(
        told(&first, &[(Eventual, &removed), (Eventual, &removed), (Eventual, &back)]),
        [tells("none", 6, 0), tells("back", 7, 0)]
    );
    assert_eq!(told(&first, &[(Eventual, &back)]), [tells("back", 7, 1)]);
    // Removed again, unseen in between: two writes.
    let again = write(&back, &Content::Removed { at: 9 });
    assert_eq!(told(&removed, &[(Eventual, &again)]), [tells("none", 8, 1)]);

    let deleted = gone();
    let fresh = puts(&deleted, 3);
    assert_eq!(
        told(
            &first,
            &[
                (Eventual, &deleted),
                (Consistent, &deleted),
                (Eventual, &deleted),
                (Eventual, &fresh),
                (Consistent, &fresh),
            ]
        ),
        [tells("none", 0, None), tells("2", 3, 2)]
    );
    let many = puts(&deleted, 20);
    assert_eq!(told(&deleted, &[(Eventual, &many), (Consistent, &many)]), [tells("19", 20, 19)]);
    // Hand-made: a version that its writes do not bear out.
    let odd = Snapshot { version: 9, ..puts(&deleted, 2) };
    assert_eq!(told(&deleted, &[(Eventual, &odd), (Consistent, &odd)]), [tells("1", 9, None)]);
    // The tombstone goes, and nobody is told; but who knows what was written meanwhile.
    assert_eq!(
        told(
            &removed,
            &[
                (Eventual, &deleted),
                (Consistent, &deleted),
                (Eventual, &fresh),
                (Consistent, &fresh)
            ]
        ),
        [tells("2", 3, None)]
    );
}

#[test]
fn expiry_is_a_change_once() {
    let lasting = |base: &Snapshot, text: &str| {
        let value = Arc::new(Value::S(text.to_owned()));
        write(base, &Content::Value { value, expires: Some(100) })
    };
    let alive = lasting(&gone(), "a");
    let expired = alive.clone().hiding_expired(100);
    let renewed = lasting(&alive, "renewed");
    let next = put(&alive, "next");
    assert_eq!(
        told(
            &alive,
            &[
                (Eventual, &expired),
                (Consistent, &expired),
                (Eventual, &expired),
                // A clock that goes back brings nothing back.
                (Eventual, &alive),
                (Eventual, &next),
            ]
        ),
        [tells("none", 1, 0), tells("next", 2, 0)]
    );
    // Not if it was given more time, which the replica did not know yet.
    assert_eq!(
        told(&alive, &[(Eventual, &expired), (Consistent, &renewed)]),
        [tells("renewed", 2, 0)]
    );
    // DynamoDB has deleted it at once, or later.
    assert_eq!(
        told(&alive, &[(Eventual, &gone()), (Consistent, &gone())]),
        [tells("none", 0, None)]
    );
    assert_eq!(told(&expired, &[(Eventual, &gone()), (Consistent, &gone())]), []);
    // Written and expired between two looks.
    let past = lasting(&alive, "b").hiding_expired(100);
    assert_eq!(told(&alive, &[(Eventual, &past)]), [tells("none", 2, 0)]);
}

#[test]
fn items_of_other_tools_are_compared_whole() {
    let foreign = |n: &str| {
        let item = Item::from([("n".to_owned(), Value::N(n.to_owned()))]);
        layout().open(item)
    };
    let (first, second) = (foreign("1"), foreign("2"));
    let shown = text(second.value.as_deref());
    assert!(matches!(first.fence, Fence::Foreign(_)));
    assert_eq!(
        told(&first, &[(Eventual, &first), (Eventual, &second), (Consistent, &second)]),
        [tells(&shown, 0, None)]
    );
    let adopted = put(&first, "ours");
    assert_eq!(
        told(&first, &[(Eventual, &adopted), (Consistent, &adopted)]),
        [tells("ours", 1, None)]
    );
    assert_eq!(
        told(&adopted, &[(Eventual, &second), (Consistent, &second)]),
        [tells(&shown, 0, None)]
    );
}

#[cfg(feature = "edn")]
#[test]
fn a_clojure_item_remembers_one_write() {
    let layout = Layout::new(Encoding::Edn, "id");
    let state = |n: u64| {
        let content = Content::permanent(layout.encode(&n).unwrap());
        // Random versions, and one that Clojure has just begun.
        let bits = if n == 0 { 1 << 2 } else { n.wrapping_mul(0x9E37_79B9_7F4A_7C15) };
        layout.seal("k", &gone(), &content, bits).after
    };
    let (a, b, c) = (state(1), state(2), state(3));
    let told = |first: &Snapshot, looks: &[(Read, &Snapshot)]| {
        let told = told(first, looks).into_iter();
        told.map(|(_, version, skipped)| (version, skipped)).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&a, &[(Eventual, &a), (Eventual, &b), (Consistent, &b), (Eventual, &b)]),
        [(b.version, None)]
    );
    // A replica that lags, and then shows what was skipped.
    assert_eq!(told(&b, &[(Eventual, &a), (Consistent, &b)]), []);
    assert_eq!(told(&a, &[(Eventual, &b), (Consistent, &c)]), [(c.version, None)]);
    assert_eq!(told(&a, &[(Eventual, &gone()), (Consistent, &gone())]), [(0, None)]);
    for next in [&a, &state(0)] {
        assert_eq!(told(&gone(), &[(Eventual, next), (Consistent, next)]), [(next.version, None)]);
    }
}
