//! What swap options do.

use std::time::{Duration, Instant};

use faraday_atom::{Atom, Backoff, Error, SwapOptions};

use crate::support::{EVERYWHERE, Ground, SHARED, StoreTest, on_threads};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "validator", on: EVERYWHERE, run: validator },
    StoreTest { name: "max_attempts", on: SHARED, run: max_attempts },
    StoreTest { name: "timeout_counts_the_closure", on: EVERYWHERE, run: slow_closure },
    StoreTest { name: "timeout_counts_the_conflicts", on: SHARED, run: endless_conflicts },
    StoreTest { name: "a_panicking_closure_leaves_the_atom_alone", on: EVERYWHERE, run: panicking },
    StoreTest { name: "a_closure_may_use_other_atoms", on: EVERYWHERE, run: nested },
    StoreTest { name: "a_swap_of_its_own_atom_is_an_error", on: EVERYWHERE, run: own },
    StoreTest { name: "atoms_that_swap_each_other", on: EVERYWHERE, run: crosswise },
    StoreTest {
        name: "a_slow_closure_holds_up_no_longer_than_its_turn",
        on: EVERYWHERE,
        run: slow_among_quick,
    },
    StoreTest { name: "swaps_of_one_process_share_writes", on: EVERYWHERE, run: shared },
    StoreTest { name: "who_fails_fails_alone", on: EVERYWHERE, run: failing_among_many },
    StoreTest { name: "closures_need_not_be_send", on: EVERYWHERE, run: not_send },
];

fn validator(ground: &Ground) {
    let table = ground.table();
    let positive = table.atom::<i32>("n").with_options(SwapOptions::new().validator(|n| *n > 0));
    positive.reset(5).unwrap();
    for refused in [
        positive.swap(|n| n.unwrap() - 5).map(drop),
        positive.reset(-1),
        positive.compare_and_set(Some(&5), 0).map(drop),
        positive.try_swap(|_| Ok(Some(0))).map(drop),
        positive.swap_vals(|_| -7).map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    }
    assert_eq!(positive.get().unwrap(), Some(5));
    // A comparison that fails is false, not an error.
    assert!(!positive.compare_and_set(Some(&6), -1).unwrap());

    let reasoned = SwapOptions::new().validator(|n: &i32| {
        anyhow::ensure!(*n % 2 == 0, "{n} is odd");
        Ok(())
    });
    let even = table.atom::<i32>("n").with_options(reasoned);
    let Err(Error::Rejected { source, key, .. }) = even.swap(|_| 3) else { panic!() };
    assert_eq!((source.to_string().as_str(), key.as_str()), ("3 is odd", "n"));
    assert_eq!(even.swap(|_| 4).unwrap(), 4);
}

/// Swaps while somebody else writes in the middle of every attempt.
fn always_losing(ground: &Ground, options: SwapOptions<u32>, pause: Duration) -> (Error, u32) {
    let table = ground.table();
    let elsewhere = ground.named(table.name());
    let atom = table.atom::<u32>("n").with_options(options);
    let mut runs = 0;
    let error = atom
        .swap(|n| {
            runs += 1;
            elsewhere.put_item("n", 1000 + runs).unwrap();
            std::thread::sleep(pause);
            n.unwrap_or(0) + 1
        })
        .unwrap_err();
    assert_eq!(atom.get().unwrap(), Some(1000 + runs));
    (error, runs)
}

fn max_attempts(ground: &Ground) {
    // When each takes long, a look finds the others before a write is tried: that counts as well.
    for pause in [Duration::ZERO, Duration::from_millis(150)] {
        let (error, runs) = always_losing(ground, SwapOptions::new().max_attempts(3), pause);
        assert_eq!(runs, 3, "with pauses of {pause:?}");
        assert!(
            matches!(&error, Error::Contention { attempts: 3, key, .. } if key == "n"),
            "{error}"
        );
    }
}

fn endless_conflicts(ground: &Ground) {
    let options = SwapOptions::new().timeout(Duration::from_millis(400)).backoff(Backoff::new(
        Duration::from_millis(1),
        1.0,
        Duration::from_millis(1),
    ));
    let started = Instant::now();
    let (error, runs) = always_losing(ground, options, Duration::ZERO);
    assert!(runs > 1);
    // Indeterminate when the deadline cuts off a put that is on its way.
    assert!(
        matches!(
            &error,
            Error::Contention { .. } | Error::Timeout { .. } | Error::Indeterminate { .. }
        ),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(20), "the deadline held");
}

fn slow_closure(ground: &Ground) {
    let table = ground.table();
    let atom =
        table.atom::<u32>("n").with_options(SwapOptions::new().timeout(Duration::from_millis(50)));
    // The read comes first; make sure that it is not what is slow.
    table.put_item("n", 1).unwrap();
    let error = atom
        .swap(|n| {
            std::thread::sleep(Duration::from_millis(120));
            n.unwrap() + 1
        })
        .unwrap_err();
    assert!(matches!(&error, Error::Timeout { .. }), "{error}");
    assert_eq!(table.find_item::<u32>("n").unwrap(), Some(1));
}

fn panicking(ground: &Ground) {
    let atom = ground.table().atom::<u32>("n");
    atom.reset(1).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        atom.swap(|_| panic!("in the closure")).unwrap()
    }));
    assert!(panicked.is_err());
    assert_eq!(atom.swap(|n| n.unwrap() + 1).unwrap(), 2);
}

fn nested(ground: &Ground) {
    let table = ground.table();
    let (outer, inner) = (table.atom::<u32>("outer"), table.atom::<u32>("inner"));
    let n = outer.swap(|n| n.unwrap_or(0) + inner.swap(|n| n.unwrap_or(0) + 1).unwrap()).unwrap();
    assert_eq!(n, 1);
}

fn not_send(ground: &Ground) {
    let local = std::rc::Rc::new(std::cell::Cell::new(0));
    let borrowed = String::from("n");
    let atom = ground.table().atom::<u32>(&borrowed);
    atom.swap(|n| {
        local.set(local.get() + 1);
        n.unwrap_or(0) + borrowed.len() as u32
    })
    .unwrap();
    assert_eq!(local.get(), 1);
}

fn own(ground: &Ground) {
    let table = ground.table();
    let (atom, same) = (table.atom::<u32>("n"), table.atom::<u32>("n"));
    let mut inner = None;
    let value = atom
        .swap(|n| {
            inner = Some(same.swap(|n| n.unwrap_or(0) + 1).unwrap_err());
            // Reading is fine.
            assert_eq!(same.get().unwrap(), None);
            n.unwrap_or(0) + 10
        })
        .unwrap();
    assert_eq!(value, 10);
    let error = inner.unwrap();
    assert!(error.to_string().contains("from inside the closure"), "{error}");
}

fn crosswise(ground: &Ground) {
    let table = ground.table();
    let (one, two) = (table.atom::<u32>("one"), table.atom::<u32>("two"));
    on_threads(8, |thread| {
        let (outer, inner) = if thread % 2 == 0 { (&one, &two) } else { (&two, &one) };
        for _ in 0..5 {
            outer
                .swap(|n| {
                    // May run again: the inner count is at least the number of swaps.
                    inner.swap(|n| n.unwrap_or(0) + 1).unwrap();
                    n.unwrap_or(0) + 1
                })
                .unwrap();
        }
    });
    assert!(one.get().unwrap().unwrap() >= 40 && two.get().unwrap().unwrap() >= 40);
}

fn slow_among_quick(ground: &Ground) {
    let atom = ground.table().atom::<Vec<usize>>("list");
    atom.reset(Vec::new()).unwrap();
    let times = on_threads(6, |thread| {
        let started = Instant::now();
        atom.swap(|list| {
            if thread == 0 {
                std::thread::sleep(Duration::from_millis(300));
            }
            let mut list = list.unwrap();
            list.push(thread);
            list
        })
        .unwrap();
        started.elapsed()
    });
    assert_eq!(atom.get().unwrap().unwrap().len(), 6);
    for time in &times[1..] {
        assert!(*time < Duration::from_millis(2500), "{times:?}");
    }
}

fn shared(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u64>("n");
    atom.reset(0).unwrap();
    let before = table.requests();
    let receipts = on_threads(8, |_| {
        (0..100).map(|_| atom.swap_with_receipt(|n| n.unwrap() + 1).unwrap().1).collect::<Vec<_>>()
    })
    .concat();
    assert_eq!(atom.get().unwrap(), Some(800));
    let requests = table.requests() - before;
    assert!(requests < 800, "{requests} requests for 800 swaps");
    // Each write is told by as many receipts as it says that it carried.
    let mut writes = std::collections::HashMap::<String, Vec<u32>>::new();
    for receipt in &receipts {
        writes
            .entry(receipt.write_id.as_ref().unwrap().to_string())
            .or_default()
            .push(receipt.shared);
    }
    for (write, told) in &writes {
        assert!(told.iter().all(|shared| *shared as usize == told.len()), "{write}: {told:?}");
    }
    assert_eq!(writes.len() as u64 + 2, requests + 1, "a write each, and the read at the end");
}

/// Panics, aborts, rejected values and values that are too large, in the midst of increments.
fn failing_among_many(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<i64>("n");
    atom.reset(0).unwrap();
    let picky = atom.clone().with_options(SwapOptions::new().validator(|n: &i64| *n < 0));
    on_threads(8, |thread| {
        for _ in 0..20 {
            match thread {
                0 => {
                    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        atom.swap(|_| std::panic::panic_any("on purpose"))
                    }));
                    assert!(panicked.is_err());
                }
                1 => {
                    let aborted = atom.try_swap(|n| anyhow::bail!("saw {n:?}")).unwrap_err();
                    assert!(matches!(aborted, Error::Aborted { .. }));
                }
                2 => {
                    let rejected = picky.swap(|n| n.unwrap() + 1_000_000).unwrap_err();
                    assert!(matches!(rejected, Error::Rejected { .. }));
                }
                3 => assert!(!atom.compare_and_set(Some(&-5), 7).unwrap()),
                _ => drop(atom.swap(|n| n.unwrap() + 1).unwrap()),
            }
        }
    });
    assert_eq!(atom.get().unwrap(), Some(80));
}
