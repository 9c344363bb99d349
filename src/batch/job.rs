//! One put or delete of a batch.

use serde::Serialize;

use crate::codec::envelope::{Content, Snapshot};
use crate::dynamo::answer::Failure;
use crate::dynamo::batches::Written;
use crate::error::Result;
use crate::store::Store;
use crate::write_id::Id;

/// One write, as it is sent.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) written: Written,
    leaves: Leaves,
    /// The pairs of the caller's that it stands for: itself, and those before it of the same key.
    pub(super) pairs: usize,
    /// How often it came back unprocessed.
    pub(super) attempts: u32,
}

/// What the item looks like once it is written.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// This id is among its last writes.
    Id(Option<Id>),
    Nothing,
}

impl Job {
    /// A put, under a fresh fence.
    pub(super) fn put<V: Serialize>(store: &Store, key: &str, value: &V) -> Result<Self> {
        let content = Content::permanent(store.encode(key, value)?);
        let bits = store.env.random();
        let sealed = store.layout.seal(key, &Snapshot::missing(), &content, bits);
        store.check_size(key, &sealed)?;
        let id = sealed.after.writes.first().copied();
        let written = Written::put(sealed.item.unwrap_or_default());
        Self::new(store, key, written, Leaves::Id(id))
    }

    pub(super) fn delete(store: &Store, key: &str) -> Result<Self> {
        let written = Written::delete(store.layout.key_attribute(), key);
        Self::new(store, key, written, Leaves::Nothing)
    }

    fn new(
        store: &Store,
        key: &str,
        written: Result<Written, Failure>,
        leaves: Leaves,
    ) -> Result<Self> {
        let refused =
            |failure| store.subject(Some(key)).error("BatchWriteItem", failure, 0, &store.effort());
        Ok(Self { written: written.map_err(refused)?, leaves, pairs: 1, attempts: 0 })
    }

    /// Whether it is what was done to this item.
    pub(super) fn made(&self, found: Option<&Snapshot>) -> bool {
        match self.leaves {
            Leaves::Id(id) => found.zip(id).is_some_and(|(found, id)| found.writes.contains(&id)),
            Leaves::Nothing => found.is_none(),
        }
    }
}
