//! Watching an atom: an iterator of its changes.

mod course;
mod judge;
mod options;
#[cfg(test)]
#[allow(clippy::pedantic)] // of tests only what is wrong matters
mod tests;

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Instant;

use serde::de::DeserializeOwned;

pub use options::WatchOptions;

use crate::clock::Env;
use crate::codec::Value;
use crate::codec::envelope::Snapshot;
use crate::error::Result;
use crate::item_atom::ItemAtom;
use course::{Course, News, Source};

/// What happened to an atom, as [`Watch`] tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change<T> {
    /// What the last change left, or what was there when the watch began; `None`: nothing.
    pub old: Option<T>,
    /// What the atom holds now; `None` when it was removed or deleted, or has expired.
    pub new: Option<T>,
    /// `atom/version` now; 0 when there is no item. In a table with `Encoding::Edn` a random
    /// number.
    pub version: u64,
    /// How many writes between `old` and `new` were not seen; `None` when it cannot be known.
    /// See [`Watch`](Watch#what-it-sees-and-what-not).
    pub skipped: Option<u64>,
}

/// An iterator of the changes of one atom, from [`ItemAtom::watch`].
///
/// ```
/// use std::time::Duration;
/// use faraday_atom::{Atom, Table, WatchOptions};
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// let job = table.atom::<String>("job");
/// job.reset("queued".to_owned())?;
///
/// let minute = Duration::from_secs(60);
/// std::thread::scope(|scope| {
///     // Some other program.
///     scope.spawn(|| {
///         for state in ["running", "done"] {
///             job.reset(state.to_owned()).unwrap();
///         }
///     });
///     for change in job.watch(WatchOptions::new().timeout(minute)) {
///         let change = change?;
///         if let Some(missed @ 1..) = change.skipped {
///             println!("{missed} changes went by unseen");
///         }
///         println!("{:?} became {:?}", change.old, change.new);
///         if change.new.as_deref() == Some("done") {
///             break;
///         }
///     }
///     Ok::<(), faraday_atom::Error>(())
/// })?;
/// # }
/// # Ok(())
/// # }
/// ```
///
/// It runs on the thread that calls `next`, which blocks until something has changed or the watch
/// is over: when its [`timeout`](WatchOptions::timeout) has passed, after an error that the next
/// look would meet again, or when it is dropped. Nothing runs in the background, so whoever takes
/// long between two calls sees fewer states, and more of them skipped.
///
/// # What it sees, and what not
///
/// It looks at the item now and then, so writes that follow each other quickly are seen as one
/// change. `old` is always the `new` of the change before, and every write counts, one that stores
/// an equal value as well.
///
/// - What is told is what the item was, in order: never a state from before the last one, though
///   the reads are eventually consistent. Where one differs in any way that is not plainly newer
///   it is read again, consistently.
/// - `skipped` is exact while no more than sixteen writes lie between two looks, for an item
///   remembers the ids of so many. Beyond that it is the difference of the versions.
/// - It is `None` when versions have begun anew: `put_items` does that, and so does
///   [`delete_item`](crate::Table::delete_item), which forgets how many writes there were. An item
///   that was deleted for good *and* written again more than sixteen times more often than before,
///   all between two looks, cannot be told from one that just went on.
/// - It is `None` for the first state that is told, for items that other tools write, and in a
///   table with `Encoding::Edn`, where an item remembers one id only.
/// - An atom that expires is told as a change to `None` with the same version, from the moment at
///   which it is hidden; see [lifetimes](crate::docs::encoding#lifetimes).
/// - What another tool changes with `UpdateItem` in an item of ours, leaving `atom/writes` as it
///   is, is not seen.
///
/// # What it costs
///
/// One consistent read at the beginning, then one eventually consistent read each look, which is
/// half a read unit for each 4 KB of the item; and one consistent read more where a look leaves
/// doubts: a lagging replica, more than sixteen writes, an expiry, a deletion, and every change in
/// a table with `Encoding::Edn`. While nothing changes there is a look every one to two seconds
/// with the default [`max_pause`](WatchOptions::max_pause), some 58,000 in a day. Changes made in
/// the same process are found in the same way: by looking.
///
/// # Errors
///
/// An item of the iterator can be an error. The watch goes on after those that may pass:
///
/// | error | what it means | then |
/// |---|---|---|
/// | [`Decode`](crate::Error::Decode) | this state is no `T` | the next change has the last state that was one as `old`, and counts this one as skipped |
/// | [`Timeout`](crate::Error::Timeout), [`Throttled`](crate::Error::Throttled), [`Transport`](crate::Error::Transport) | no answer, after the usual retries of the table's [`RetryPolicy`](crate::RetryPolicy) | it looks again after a pause |
/// | [`TableNotFound`](crate::Error::TableNotFound), [`Credentials`](crate::Error::Credentials), [`Config`](crate::Error::Config), [`Service`](crate::Error::Service) | nothing will change that | the iterator ends |
/// | [`TooLarge`](crate::Error::TooLarge), [`Encode`](crate::Error::Encode) | the key cannot be stored | the iterator ends |
#[must_use = "a watch only looks when it is asked for the next change"]
pub struct Watch<T> {
    course: Course<Item<T>>,
    initial: bool,
    /// What the last change left.
    shown: Option<Arc<Value>>,
    /// How many writes since then could not be shown.
    unshown: Option<u64>,
}

impl<T> Watch<T> {
    pub(crate) fn begin(atom: ItemAtom<T>, env: Env, options: &WatchOptions) -> Self {
        Self {
            course: Course::begin(Item(atom), env, options),
            initial: options.initial,
            shown: None,
            unshown: Some(0),
        }
    }
}

impl<T: DeserializeOwned> Watch<T> {
    /// The change from what was shown last; `None` when there is nothing to tell.
    fn show(&mut self, news: News) -> Result<Option<Change<T>>> {
        let News { value, version, skipped, first } = news;
        let skipped = course::sum(self.unshown, skipped);
        let Item(atom) = self.course.source();
        let decoded = atom.decode(value.as_deref()).inspect_err(|_| {
            self.unshown = course::sum(skipped, Some(1));
        });
        let new = decoded?;
        // Decoded once more, for `T` need not be `Clone`.
        let old = atom.decode(self.shown.as_deref())?;
        (self.shown, self.unshown) = (value, Some(0));
        Ok((self.initial || !first).then_some(Change { old, new, version, skipped }))
    }
}

impl<T: DeserializeOwned> Iterator for Watch<T> {
    type Item = Result<Change<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let shown = match self.course.next()? {
                Ok(news) => self.show(news),
                Err(error) => Err(error),
            };
            if let Some(item) = shown.transpose() {
                return Some(item);
            }
        }
    }
}

impl<T: DeserializeOwned> FusedIterator for Watch<T> {}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("atom", &self.course.source().0).finish_non_exhaustive()
    }
}

/// The item of an atom.
struct Item<T>(ItemAtom<T>);

impl<T> Source for Item<T> {
    fn look(&mut self, consistent: bool, until: Option<Instant>) -> Result<Snapshot> {
        self.0.look(consistent, until)
    }
}
