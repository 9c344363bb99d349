//! Many writers at once: nothing is lost, nothing is applied twice.

use std::sync::Barrier;

use faraday_atom::{Atom, MemoryAtom};

use crate::support::{EVERYWHERE, Ground, SHARED, StoreTest, on_threads};
use crate::workers;

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "twenty_threads_increment", on: EVERYWHERE, run: twenty_threads },
    StoreTest { name: "four_processes_increment", on: SHARED, run: four_processes },
    StoreTest { name: "swap_races_reset", on: EVERYWHERE, run: swap_races_reset },
    StoreTest { name: "swap_races_put_item", on: EVERYWHERE, run: swap_races_put_item },
    StoreTest { name: "swap_races_remove_and_recreate", on: EVERYWHERE, run: swap_races_remove },
    StoreTest { name: "compare_and_set_has_one_winner", on: EVERYWHERE, run: one_winner },
    StoreTest { name: "memory_atom_increments", on: &[crate::support::Kind::Memory], run: memory },
];

const ROUNDS: u64 = 200;

fn twenty_threads(ground: &Ground) {
    let counter = ground.table().atom::<u64>("counter");
    let mut returned: Vec<u64> = on_threads(20, |_| {
        (0..50).map(|_| counter.swap(|n| n.unwrap_or(0) + 1).unwrap()).collect::<Vec<_>>()
    })
    .concat();
    assert_eq!(counter.get().unwrap(), Some(1000));
    // Each swap got a result of its own.
    returned.sort_unstable();
    assert_eq!(returned, (1..=1000).collect::<Vec<_>>());
}

fn four_processes(ground: &Ground) {
    let table = ground.table();
    let workers: Vec<_> =
        (0..4).map(|_| workers::start(ground, &table, "increment", 250)).collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    assert_eq!(table.find_item::<u64>("counter").unwrap(), Some(1000));
}

/// One round: a swap that appends `token`, at the same time as `other`.
fn race<A, R>(atom: &A, token: u64, other: impl FnOnce() -> R + Send) -> (Vec<u64>, R)
where
    A: Atom<Value = Vec<u64>> + Sync,
    R: Send,
{
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            other()
        });
        start.wait();
        let swapped = atom
            .swap(|list| {
                let mut list = list.unwrap_or_default();
                list.push(token);
                list
            })
            .unwrap();
        (swapped, other.join().unwrap())
    })
}

/// What the swap returned tells whether it came before or after the overwrite; what is there in
/// the end must agree.
fn check_overwrite(round: u64, swapped: &[u64], end: &[u64], written: u64) {
    assert_eq!(swapped.last(), Some(&round));
    if swapped.first() == Some(&written) {
        assert_eq!(swapped, [written, round]);
        assert_eq!(end, [written, round], "the swap came after the overwrite");
    } else {
        assert_eq!(end, [written], "the swap came before the overwrite");
    }
}

fn swap_races_reset(ground: &Ground) {
    let table = ground.table();
    let (atom, other) = (table.atom::<Vec<u64>>("list"), table.atom::<Vec<u64>>("list"));
    for round in 0..ROUNDS {
        let written = 1_000_000 + round;
        let (swapped, ()) = race(&atom, round, || other.reset(vec![written]).unwrap());
        check_overwrite(round, &swapped, &atom.get().unwrap().unwrap(), written);
    }
}

fn swap_races_put_item(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<Vec<u64>>("list");
    for round in 0..ROUNDS {
        let written = 1_000_000 + round;
        let (swapped, ()) = race(&atom, round, || table.put_item("list", vec![written]).unwrap());
        check_overwrite(round, &swapped, &atom.get().unwrap().unwrap(), written);
    }
}

fn swap_races_remove(ground: &Ground) {
    let table = ground.table();
    let (atom, other) = (table.atom::<Vec<u64>>("list"), table.atom::<Vec<u64>>("list"));
    atom.reset(vec![0]).unwrap();
    for round in 0..ROUNDS {
        let created = 1_000_000 + round;
        let (swapped, recreated) = race(&atom, round, || {
            other.remove().unwrap();
            other
                .swap(|list| {
                    let mut list = list.unwrap_or_default();
                    list.push(created);
                    list
                })
                .unwrap()
        });
        let end = atom.get().unwrap().unwrap();
        match swapped.as_slice() {
            // After the remove, before the re-creation.
            [only] if only == &round => {
                assert_eq!(recreated, [round, created]);
                assert_eq!(end, [round, created]);
            }
            // After both.
            [first, last] if first == &created => {
                assert_eq!((last, recreated.as_slice()), (&round, &[created][..]));
                assert_eq!(end, [created, round]);
            }
            // Before both.
            _ => {
                assert_eq!(recreated, [created]);
                assert_eq!(end, [created]);
            }
        }
    }
}

fn one_winner(ground: &Ground) {
    let atom = ground.table().atom::<u64>("seat");
    for round in 0..20 {
        let before = atom.get().unwrap();
        let won = on_threads(8, |n| {
            atom.compare_and_set(before.as_ref(), 100 * (round + 1) + n as u64).unwrap()
        });
        let winner = won.iter().position(|won| *won).unwrap() as u64;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!(atom.get().unwrap(), Some(100 * (round + 1) + winner));
    }
}

fn memory(_: &Ground) {
    let counter = MemoryAtom::empty();
    on_threads(20, |_| {
        for _ in 0..50 {
            counter.swap(|n| n.unwrap_or(0) + 1).unwrap();
        }
    });
    assert_eq!(counter.get().unwrap(), Some(1000));
    let list = MemoryAtom::new(vec![0]);
    for round in 0..ROUNDS {
        let written = 1_000_000 + round;
        let (swapped, ()) = race(&list, round, || list.reset(vec![written]).unwrap());
        check_overwrite(round, &swapped, &list.get().unwrap().unwrap(), written);
    }
}
