//! What swap options do.

use std::time::{Duration, Instant};

use faraday_atom::{Atom, Backoff, Error, SwapOptions};

use crate::support::{EVERYWHERE, Ground, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "validator", on: EVERYWHERE, run: validator },
    StoreTest { name: "max_attempts", on: EVERYWHERE, run: max_attempts },
    StoreTest { name: "timeout_counts_the_closure", on: EVERYWHERE, run: slow_closure },
    StoreTest { name: "timeout_counts_the_conflicts", on: EVERYWHERE, run: endless_conflicts },
    StoreTest { name: "a_panicking_closure_leaves_the_atom_alone", on: EVERYWHERE, run: panicking },
    StoreTest { name: "a_closure_may_use_other_atoms", on: EVERYWHERE, run: nested },
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
fn always_losing(ground: &Ground, options: SwapOptions<u32>) -> (Error, u32) {
    let table = ground.table();
    let atom = table.atom::<u32>("n").with_options(options);
    let mut runs = 0;
    let error = atom
        .swap(|n| {
            runs += 1;
            table.put_item("n", 1000 + runs).unwrap();
            n.unwrap_or(0) + 1
        })
        .unwrap_err();
    assert_eq!(atom.get().unwrap(), Some(1000 + runs));
    (error, runs)
}

fn max_attempts(ground: &Ground) {
    let (error, runs) = always_losing(ground, SwapOptions::new().max_attempts(3));
    assert_eq!(runs, 3);
    assert!(matches!(&error, Error::Contention { attempts: 3, key, .. } if key == "n"), "{error}");
}

fn endless_conflicts(ground: &Ground) {
    let options = SwapOptions::new()
        .timeout(Duration::from_millis(400))
        .backoff(Backoff::new(Duration::from_millis(1), 1.0, Duration::from_millis(1)));
    let started = Instant::now();
    let (error, runs) = always_losing(ground, options);
    assert!(runs > 1);
    assert!(matches!(&error, Error::Contention { .. } | Error::Timeout { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20), "the deadline held");
}

fn slow_closure(ground: &Ground) {
    let table = ground.table();
    let atom = table
        .atom::<u32>("n")
        .with_options(SwapOptions::new().timeout(Duration::from_millis(50)));
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
    let n = outer
        .swap(|n| n.unwrap_or(0) + inner.swap(|n| n.unwrap_or(0) + 1).unwrap())
        .unwrap();
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
