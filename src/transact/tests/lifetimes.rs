//! Values that expire while a transaction is under way.

use super::*;
use crate::swap::SwapOptions;

const SECOND: Duration = Duration::from_secs(1);

fn put_for(table: &Table, key: &str, value: i64, lifetime: Duration) {
    let atom = table.atom::<i64>(key).with_options(SwapOptions::new().lifetime(lifetime));
    atom.reset(value).unwrap();
}

#[test]
fn what_is_set_lives_as_long_as_what_it_replaces() {
    let stage = stage(|_, _, _| Served);
    put_for(&stage.straight, "a", 7, 60 * SECOND);
    let end = stage.straight.atom::<i64>("a").expires().unwrap();
    stage.run().0.unwrap();
    assert_eq!(stage.values(), [6, 101, 100]);
    assert_eq!(stage.straight.atom::<i64>("a").expires().unwrap(), end);
    stage.fake.pass(60 * SECOND);
    let seen = stage.table.transact(|tx| {
        let seen: Option<i64> = tx.get("a")?;
        tx.set("a", 1)?;
        tx.set("b", 1)?;
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), None);
    assert_eq!(stage.straight.atom::<i64>("a").expires().unwrap(), None);
}

/// What was made of a value has its end, though that has come meanwhile.
#[test]
fn a_value_that_expires_before_the_commit_does_not_live_for_ever() {
    for keys in [["a", "b"].as_slice(), ["a"].as_slice()] {
        let stage = stage(|_, _, _| Served);
        put_for(&stage.straight, "a", 7, 5 * SECOND);
        stage
            .table
            .transact_with(&hours(), |tx| {
                let n: Option<i64> = tx.get("a")?;
                stage.fake.pass(10 * SECOND);
                keys.iter().try_for_each(|key| tx.set(key, n.unwrap() + 1))?;
                Ok(())
            })
            .unwrap();
        assert_eq!(stage.straight.find_item::<i64>("a").unwrap(), None);
    }
}

/// What did not conflict is remembered for the next run, but not for longer than it lives.
#[test]
fn what_is_remembered_for_another_run_expires() {
    let stage = stage(|table, operation, nth| {
        if operation == WRITE && nth == 1 {
            add(table, "c", 1);
        }
        Served
    });
    put_for(&stage.straight, "a", 7, 5 * SECOND);
    let mut seen = Vec::new();
    stage
        .table
        .transact_with(&hours(), |tx| {
            let (a, c): (Option<i64>, Option<i64>) = (tx.get("a")?, tx.get("c")?);
            if seen.is_empty() {
                stage.fake.pass(10 * SECOND);
            }
            seen.push((a, c));
            tx.set("b", 1)?;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [(Some(7), Some(100)), (None, Some(101))]);
}
