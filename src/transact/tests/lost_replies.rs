//! Replies that were lost: what became of the transaction is found out, or named unknown.

use super::*;

/// The reply is lost, and the server has forgotten the token: the items tell.
#[test]
fn a_lost_reply_is_recovered() {
    for fate in [ReplyLost, RequestLost] {
        let stage = stage(fates(vec![fate.clone()]));
        let (left, runs) = stage.run();
        assert_eq!((left.unwrap(), runs), (99, 1), "{fate:?}");
        assert_eq!(stage.values(), [99, 101, 100], "{fate:?}");
        assert_eq!(stage.sent(WRITE).len(), 2);
    }
}

/// The reply or the request is lost, and another writer comes before it is sent again.
#[test]
fn a_lost_reply_and_another_writer() {
    for key in ["a", "b", "c"] {
        for (fate, runs_expected) in [(ReplyLost, 1), (RequestLost, 2)] {
            let lost = fate.clone();
            let stage = stage(move |behind, operation, nth| match (operation, nth) {
                (WRITE, 1) => lost.clone(),
                (WRITE, 2) => {
                    add(behind, key, 10);
                    Served
                }
                _ => Served,
            });
            let (left, runs) = stage.run();
            assert_eq!(runs, runs_expected, "{key} {fate:?}");
            let mut expected = [99, 101, 100];
            expected[["a", "b", "c"].iter().position(|one| *one == key).unwrap()] += 10;
            assert_eq!(stage.values(), expected, "{key} {fate:?}");
            left.unwrap();
        }
    }
}

/// So much was written since that no item tells.
#[test]
fn a_lost_reply_and_forgotten() {
    for fate in [ReplyLost, RequestLost] {
        let lost = fate.clone();
        let stage = stage(move |behind, operation, nth| match (operation, nth) {
            (WRITE, 1) => lost.clone(),
            (WRITE, 2) => {
                for _ in 0..20 {
                    add(behind, "a", 10);
                    add(behind, "b", 10);
                }
                Served
            }
            _ => Served,
        });
        let (result, runs) = stage.run();
        let error = result.unwrap_err();
        let Error::Indeterminate { key, write_id, reason, .. } = &error else { panic!("{error}") };
        assert_eq!((key.as_str(), runs), ("a", 1));
        assert!(reason.contains("a, b"), "{reason}");
        assert_eq!(stage.table.outcome(write_id).unwrap(), Outcome::Unknown);
        // Where only one of them has forgotten, the other tells for both.
        let lost = fate.clone();
        let stage = self::stage(move |behind, operation, nth| match (operation, nth) {
            (WRITE, 1) => lost.clone(),
            (WRITE, 2) => {
                (0..20).for_each(|_| add(behind, "a", 10));
                Served
            }
            _ => Served,
        });
        let (result, runs) = stage.run();
        assert_eq!(result.unwrap(), if fate == ReplyLost { 99 } else { 299 });
        assert_eq!(runs, if fate == ReplyLost { 1 } else { 2 });
        assert_eq!(stage.values(), [299, 101, 100]);
    }
}

/// Once in doubt for more than nine minutes, the request is not sent again: the items are asked.
#[test]
fn a_token_that_is_too_old_is_not_used() {
    // Asked at once and in a hurry, five times; then with waits of five minutes.
    for first in [ReplyLost, RequestLost] {
        let lost = first.clone();
        let stage = stage(move |_, operation, nth| match (operation, nth) {
            (WRITE, 1) => lost.clone(),
            (WRITE, _) => RequestLost,
            _ => Served,
        });
        let (result, runs) = stage.run();
        let waited: Duration = stage.fake.slept().iter().sum();
        assert!(waited > Duration::from_secs(540) && waited < Duration::from_secs(700));
        let sent = stage.sent(WRITE);
        assert_eq!((sent.len(), runs), (7, 1));
        assert!(sent.iter().all(|one| *one == sent[0]));
        if first == ReplyLost {
            assert_eq!(result.unwrap(), 99);
            assert_eq!(stage.values(), [99, 101, 100]);
            assert_eq!(stage.sent("GetItem").len(), 4, "one that tells is enough");
        } else {
            // As it was: it has not arrived, and still may.
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::Indeterminate { .. }), "{error}");
            assert_eq!(stage.values(), [100, 100, 100]);
        }
    }
}

/// Refused for good after a reply was lost: the items tell, or nobody does.
#[test]
fn hopeless_after_doubt() {
    for (first, applied) in [(ReplyLost, true), (RequestLost, false)] {
        let stage = stage(fates(vec![first, plain(400, "AccessDeniedException")]));
        let (result, _) = stage.run();
        if applied {
            assert_eq!(result.unwrap(), 99);
        } else {
            let error = result.unwrap_err();
            let Error::Indeterminate { write_id, .. } = &error else { panic!("{error}") };
            assert_eq!(stage.table.outcome(write_id).unwrap(), Outcome::Unknown);
            // Whoever writes next makes it final.
            add(&stage.straight, "a", 1);
            assert_eq!(stage.table.outcome(write_id).unwrap(), Outcome::NotApplied);
        }
    }
}
