//! Asking later what became of a write.

use faraday_atom::{Atom, Outcome, WriteId};

use crate::support::{EVERYWHERE, Ground, StoreTest};

pub(crate) const TESTS: &[StoreTest] = &[
    StoreTest { name: "outcome_of_a_write_that_is_remembered", on: EVERYWHERE, run: remembered },
    StoreTest { name: "outcome_of_a_write_that_never_came", on: EVERYWHERE, run: never_came },
];

/// A write to the atom that was never sent, built on this one.
fn unsent(base: &WriteId) -> WriteId {
    // Sixteen digits are an id.
    format!("00000000000000ff-{}@{}", &base.to_string()[..16], base.key()).parse().unwrap()
}

fn remembered(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>("n");
    let write = |value: u32| {
        let (_, receipt) = atom.swap_with_receipt(|_| value).unwrap();
        receipt.write_id.unwrap()
    };
    let first = write(1);
    assert_eq!(table.outcome(&first).unwrap(), Outcome::Applied);
    for n in 2..=16 {
        write(n);
        assert_eq!(table.outcome(&first).unwrap(), Outcome::Applied, "after {n} writes");
    }
    let last = write(17);
    assert_eq!(table.outcome(&first).unwrap(), Outcome::Unknown, "forgotten");
    // As another process would ask: by the text.
    let last: WriteId = last.to_string().parse().unwrap();
    assert_eq!(table.outcome(&last).unwrap(), Outcome::Applied);
    // The tombstone remembers; deleting for good forgets.
    atom.remove().unwrap();
    assert_eq!(table.outcome(&last).unwrap(), Outcome::Applied);
    table.delete_item("n").unwrap();
    assert_eq!(table.outcome(&last).unwrap(), Outcome::Unknown);
    write(18);
    assert_eq!(table.outcome(&last).unwrap(), Outcome::Unknown, "begun anew");
    // One request.
    let before = table.requests();
    table.outcome(&last).unwrap();
    assert_eq!(table.requests() - before, 1);
}

fn never_came(ground: &Ground) {
    let table = ground.table();
    let atom = table.atom::<u32>(("a", 1));
    let nothing: WriteId = format!("00000000000000ff@{}", atom.key()).parse().unwrap();
    assert_eq!(table.outcome(&nothing).unwrap(), Outcome::Unknown, "no item");
    let (_, receipt) = atom.swap_with_receipt(|_| 1).unwrap();
    let base = receipt.write_id.unwrap();
    assert_eq!(table.outcome(&nothing).unwrap(), Outcome::Unknown, "built on no item");
    let late = unsent(&base);
    assert_eq!(table.outcome(&late).unwrap(), Outcome::Unknown, "it may still come");
    for n in 2..=16 {
        atom.reset(n).unwrap();
        assert_eq!(table.outcome(&late).unwrap(), Outcome::NotApplied, "overtaken by {n}");
    }
    atom.reset(17).unwrap();
    assert_eq!(table.outcome(&late).unwrap(), Outcome::Unknown, "its base is forgotten");
}
