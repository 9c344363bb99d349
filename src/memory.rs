//! An atom in this process's memory: the same behaviour without a table, for tests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::atom::Atom;
use crate::error::{Error, Result};

/// An atom in this process's memory, with the behaviour of [`ItemAtom`](crate::ItemAtom): for the
/// tests of code that takes `impl Atom`. Clones share the value.
///
/// What it holds does not expire: [lifetimes](crate::SwapOptions::lifetime) are the item's. A
/// closure runs outside any lock, and runs again when another thread stored something meanwhile.
///
/// ```
/// use faraday_atom::{Atom, MemoryAtom};
///
/// fn take_ticket(counter: &impl Atom<Value = u32>) -> faraday_atom::Result<u32> {
///     counter.swap(|n| n.unwrap_or(0) + 1)
/// }
///
/// let counter = MemoryAtom::empty();
/// assert_eq!(take_ticket(&counter)?, 1);
/// assert_eq!(take_ticket(&counter)?, 2);
/// # Ok::<(), faraday_atom::Error>(())
/// ```
pub struct MemoryAtom<T> {
    cell: Arc<Mutex<Cell<T>>>,
}

struct Cell<T> {
    /// Shared, so that only pointers are copied and dropped under the lock: `T`'s own `Clone` and
    /// `Drop` are user code.
    value: Option<Arc<T>>,
    /// Grows with every write, so that a swap sees that one came between.
    version: u64,
}

impl<T> MemoryAtom<T> {
    /// An atom that holds `value`.
    pub fn new(value: T) -> Self {
        Self { cell: Arc::new(Mutex::new(Cell { value: Some(Arc::new(value)), version: 1 })) }
    }

    /// An atom that holds nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { cell: Arc::new(Mutex::new(Cell { value: None, version: 0 })) }
    }

    fn cell(&self) -> MutexGuard<'_, Cell<T>> {
        // No user code runs under the lock, so a poisoned one is as sound as any.
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> (Option<Arc<T>>, u64) {
        let cell = self.cell();
        (cell.value.clone(), cell.version)
    }

    /// Stores `value` unless somebody wrote since `version`; whether it did.
    fn store(&self, value: Option<T>, version: Option<u64>) -> bool {
        let value = value.map(Arc::new);
        let mut cell = self.cell();
        if version.is_some_and(|version| version != cell.version) {
            return false;
        }
        cell.version += 1;
        let replaced = std::mem::replace(&mut cell.value, value);
        drop(cell);
        drop(replaced);
        true
    }
}

impl<T: Clone> MemoryAtom<T> {
    fn change<R>(&self, mut f: impl FnMut(Option<T>) -> Result<(Option<T>, R)>) -> Result<R> {
        loop {
            let (old, version) = self.seen();
            let (new, result) = f(old.map(|old| T::clone(&old)))?;
            if self.store(new, Some(version)) {
                return Ok(result);
            }
        }
    }
}

impl<T: Clone> Atom for MemoryAtom<T> {
    type Value = T;

    fn get(&self) -> Result<Option<T>> {
        Ok(self.seen().0.map(|value| T::clone(&value)))
    }

    fn swap_vals<F>(&self, mut f: F) -> Result<(Option<T>, T)>
    where
        F: FnMut(Option<T>) -> T,
    {
        self.change(|old| {
            let new = f(old.clone());
            Ok((Some(new.clone()), (old, new)))
        })
    }

    fn try_swap<F>(&self, mut f: F) -> Result<Option<T>>
    where
        F: FnMut(Option<T>) -> anyhow::Result<Option<T>>,
    {
        self.change(|old| match f(old) {
            Ok(new) => Ok((new.clone(), new)),
            Err(source) => {
                Err(Error::Aborted { table: TABLE.to_owned(), key: KEY.to_owned(), source })
            }
        })
    }

    fn reset(&self, value: T) -> Result<()> {
        self.store(Some(value), None);
        Ok(())
    }

    fn compare_and_set(&self, expected: Option<&T>, new: T) -> Result<bool>
    where
        T: PartialEq,
    {
        loop {
            let (value, version) = self.seen();
            if value.as_deref() != expected {
                return Ok(false);
            }
            if self.store(Some(new.clone()), Some(version)) {
                return Ok(true);
            }
        }
    }

    fn remove(&self) -> Result<()> {
        self.store(None, None);
        Ok(())
    }
}

/// What errors call an atom that lies in no table.
const TABLE: &str = "(memory)";
const KEY: &str = "(memory)";

impl<T> Clone for MemoryAtom<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone() }
    }
}

impl<T> Default for MemoryAtom<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: fmt::Debug> fmt::Debug for MemoryAtom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryAtom").field(&self.seen().0).finish()
    }
}
