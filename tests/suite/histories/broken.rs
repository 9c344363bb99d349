//! Stores and atoms that are broken are caught.

use faraday_atom::{Atom, ItemAtom, Table};

use super::fits::Value;
use super::play::{Dice, Sum, history};
use super::weather::{item_atom, seeds, tables};
use crate::support::server::{Fault, Server};

/// How many histories it takes until one is not linearizable.
fn caught<A>(what: &str, atom: impl Fn(u64, usize, &mut Dice) -> A + Sync)
where
    A: Atom<Value = Vec<u32>>,
{
    const MOST: u64 = 50;
    let sum = Sum::default();
    for (number, seed) in (1..).zip(seeds(MOST)) {
        let events = history(seed, |table, dice| atom(seed, table, dice));
        if !sum.check(&events) {
            println!("{what}: caught in history {number}");
            return;
        }
    }
    panic!("{what}: not caught in {MOST} histories: {sum:?}");
}

pub(super) fn without_conditions() {
    let server = Server::new(|seen| match seen.operation {
        "PutItem" => Fault::Unconditional,
        _ => Fault::None,
    });
    let tables = tables(&server);
    caught("a server without conditions", |seed, table, dice| {
        item_atom(&tables[table], &seed.to_string(), dice)
    });
}

pub(super) fn lies_of_success() {
    let server = Server::new(|seen| match (seen.operation, seen.number % 10) {
        ("PutItem", 0) => Fault::Answer(200, "{}"),
        _ => Fault::None,
    });
    let tables = tables(&server);
    caught("a server that forgets one put in ten", |seed, table, dice| {
        item_atom(&tables[table], &seed.to_string(), dice)
    });
}

/// Reads, and then writes what it likes.
struct Careless(ItemAtom<Vec<u32>>, Table);

impl Careless {
    fn put(&self, value: &[u32]) -> faraday_atom::Result<()> {
        self.1.put_item(self.0.key(), value)
    }
}

impl Atom for Careless {
    type Value = Vec<u32>;

    fn get(&self) -> faraday_atom::Result<Value> {
        self.0.get()
    }

    fn swap_vals<F>(&self, mut f: F) -> faraday_atom::Result<(Value, Vec<u32>)>
    where
        F: FnMut(Value) -> Vec<u32>,
    {
        let old = self.get()?;
        let new = f(old.clone());
        self.put(&new)?;
        Ok((old, new))
    }

    fn try_swap<F>(&self, f: F) -> faraday_atom::Result<Value>
    where
        F: FnMut(Value) -> anyhow::Result<Value>,
    {
        self.0.try_swap(f)
    }

    fn reset(&self, value: Vec<u32>) -> faraday_atom::Result<()> {
        self.0.reset(value)
    }

    fn compare_and_set(
        &self,
        expected: Option<&Vec<u32>>,
        new: Vec<u32>,
    ) -> faraday_atom::Result<bool> {
        self.0.compare_and_set(expected, new)
    }

    fn remove(&self) -> faraday_atom::Result<()> {
        self.0.remove()
    }
}

pub(super) fn of_a_careless_atom() {
    let server = Server::new(|_| Fault::None);
    let tables = tables(&server);
    caught("an atom that reads and then puts", |seed, table, _| {
        let table = &tables[table];
        Careless(table.atom(seed.to_string().as_str()), table.clone())
    });
}
