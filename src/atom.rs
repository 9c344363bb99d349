//! The trait that durable atoms and in-memory ones have in common.

use crate::error::Result;

/// A value that many threads, processes and machines may change at once, one whole change at a
/// time.
///
/// [`ItemAtom`](crate::ItemAtom) keeps it in a DynamoDB item, [`MemoryAtom`](crate::MemoryAtom) in
/// this process. Code that takes `impl Atom<Value = T>` runs on both.
///
/// # The closure may run several times
///
/// A swap reads the value, calls the closure, and writes the result only if nobody else wrote
/// meanwhile; otherwise it calls the closure again with the newer value. So a closure must do
/// nothing but compute. This is **wrong**, because the mail may go out twice, and for a value that
/// was never stored:
///
/// ```no_run
/// # use faraday_atom::{Atom, MemoryAtom};
/// # fn send_mail(_: u64) {}
/// # let orders = MemoryAtom::new(0_u64);
/// orders.swap(|n| {
///     let n = n.unwrap_or(0) + 1;
///     send_mail(n); // wrong: runs again at every conflict
///     n
/// })?;
/// # Ok::<(), faraday_atom::Error>(())
/// ```
///
/// This is right:
///
/// ```
/// # use faraday_atom::{Atom, MemoryAtom};
/// # fn send_mail(n: u64) { assert_eq!(n, 1) }
/// # let orders = MemoryAtom::new(0_u64);
/// let n = orders.swap(|n| n.unwrap_or(0) + 1)?;
/// send_mail(n); // once, after the new value is stored
/// # Ok::<(), faraday_atom::Error>(())
/// ```
///
/// The closure always runs on the thread that called, so it needs neither `Send` nor `'static`.
pub trait Atom {
    /// What the atom holds.
    type Value;

    /// The value now; `None` when the atom holds nothing. Sees every write that was acknowledged
    /// before the call.
    ///
    /// # Errors
    /// Whatever the store cannot do: see [`Error`](crate::Error).
    fn get(&self) -> Result<Option<Self::Value>>;

    /// Puts `f(current value)` in the place of the current value, and returns the new value.
    ///
    /// `f` may run several times; see [above](Atom#the-closure-may-run-several-times).
    ///
    /// # Errors
    /// [`Contention`](crate::Error::Contention) or [`Timeout`](crate::Error::Timeout) when the
    /// time is up (nothing was written), [`Indeterminate`](crate::Error::Indeterminate) when it
    /// cannot be known whether the new value was stored, and whatever else the store cannot do.
    fn swap<F>(&self, f: F) -> Result<Self::Value>
    where
        F: FnMut(Option<Self::Value>) -> Self::Value,
    {
        self.swap_vals(f).map(|(_, new)| new)
    }

    /// As [`swap`](Atom::swap), and returns the value that was replaced as well as the new one.
    ///
    /// # Errors
    /// As [`swap`](Atom::swap).
    fn swap_vals<F>(&self, f: F) -> Result<(Option<Self::Value>, Self::Value)>
    where
        F: FnMut(Option<Self::Value>) -> Self::Value;

    /// As [`swap`](Atom::swap), with a closure that may decline: `Ok(Some(value))` stores the
    /// value, `Ok(None)` removes it, and an error leaves everything as it is.
    ///
    /// # Errors
    /// [`Aborted`](crate::Error::Aborted) with the closure's error, and those of
    /// [`swap`](Atom::swap).
    fn try_swap<F>(&self, f: F) -> Result<Option<Self::Value>>
    where
        F: FnMut(Option<Self::Value>) -> anyhow::Result<Option<Self::Value>>;

    /// Stores `value`, whatever was there. A concurrent swap is not overwritten unseen: it either
    /// comes before, or runs again on `value`.
    ///
    /// On an [`ItemAtom`](crate::ItemAtom) it lives as long as
    /// [the handle's options](crate::SwapOptions::lifetime) say; by default, until the end that
    /// the value in its place had.
    ///
    /// # Errors
    /// As [`swap`](Atom::swap).
    fn reset(&self, value: Self::Value) -> Result<()>;

    /// Stores `new` if the atom holds `expected` (`None`: nothing), and says whether it did.
    ///
    /// # Errors
    /// As [`swap`](Atom::swap). That another value was there is no error: it is `Ok(false)`.
    fn compare_and_set(&self, expected: Option<&Self::Value>, new: Self::Value) -> Result<bool>
    where
        Self::Value: PartialEq;

    /// Makes the atom hold nothing.
    ///
    /// # Errors
    /// As [`swap`](Atom::swap).
    fn remove(&self) -> Result<()>;
}
