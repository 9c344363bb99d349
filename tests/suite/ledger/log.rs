//! The value under each key: what it shows of a log that is longer than it.

use faraday_atom::Table;
use serde::{Deserialize, Serialize};

use crate::support::seed::mix;

/// The value under each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// How many tokens there were in all.
    pub(super) count: u64,
    /// The mark over all of them.
    pub(super) chain: u64,
    /// The mark over those that are not in `tail` any more.
    pub(super) root: u64,
    /// The newest ones, oldest first.
    pub(super) tail: Vec<u64>,
    /// The sums over all of them.
    pub(super) sums: Box<Sums>,
}

pub(super) const TAIL: usize = 16;

/// Sums over tokens, each added to one of several that it is dealt to. Between two of them, they
/// tell *which* tokens came in, whatever their order, to whoever has a short list of those that it
/// can be.
pub(super) type Sums = [u64; 32];

/// To which of the sums a token is added, and what.
pub(super) fn weight(token: u64) -> (usize, u64) {
    let bits = mix(!token);
    ((bits % 32) as usize, mix(bits))
}

/// What is known of a log up to some position: a hash over its tokens in their order, and their
/// sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Mark {
    pub(super) chain: u64,
    pub(super) sums: Sums,
}

/// The hash over a log and one token more.
pub(super) fn link(chain: u64, token: u64) -> u64 {
    mix(chain.rotate_left(1) ^ mix(token))
}

impl Log {
    pub(crate) fn with(mut self, token: u64) -> Self {
        self.count += 1;
        self.chain = link(self.chain, token);
        self.tail.push(token);
        if self.tail.len() > TAIL {
            self.root = link(self.root, self.tail.remove(0));
        }
        let (slot, weight) = weight(token);
        self.sums[slot] = self.sums[slot].wrapping_add(weight);
        self
    }

    /// Whether its parts belong together, as they do unless the item is torn.
    pub(crate) fn is_whole(&self) -> bool {
        let held = usize::try_from(self.count).unwrap_or(usize::MAX).min(TAIL);
        self.tail.len() == held
            && self.tail.iter().fold(self.root, |chain, token| link(chain, *token)) == self.chain
    }

    /// The marks that it shows, with their positions: the one before its tail, and one after each
    /// token of it, which is given too.
    pub(super) fn marks(&self) -> impl Iterator<Item = (u64, Option<u64>, Mark)> + '_ {
        let mut mark = Mark { chain: self.root, sums: *self.sums };
        for token in &self.tail {
            let (slot, weight) = weight(*token);
            mark.sums[slot] = mark.sums[slot].wrapping_sub(weight);
        }
        let first = self.count.saturating_sub(self.tail.len() as u64);
        let root = std::iter::once((first, None, mark));
        root.chain((first + 1..).zip(&self.tail).map(move |(position, token)| {
            let (slot, weight) = weight(*token);
            mark.chain = link(mark.chain, *token);
            mark.sums[slot] = mark.sums[slot].wrapping_add(weight);
            (position, Some(*token), mark)
        }))
    }
}

pub(crate) fn key(n: usize) -> String {
    format!("ledger-{n}")
}

/// On which of so many keys a token is to be left.
pub(super) fn key_of(token: u64, keys: usize) -> usize {
    mix(token) as usize % keys
}

/// Makes the keys, so that no write has to be built on nothing.
pub(crate) fn create(table: &Table, keys: usize) {
    (0..keys).for_each(|n| table.put_item(key(n), Log::default()).unwrap());
}

/// What the keys hold.
pub(crate) fn ends(table: &Table, keys: usize) -> Vec<(String, Log)> {
    (0..keys).map(|n| (key(n), table.find_item(key(n)).unwrap().unwrap())).collect()
}
