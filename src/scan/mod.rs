//! Every item of a table, page by page.

mod pages;
mod token;

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use token::{ParseScanTokenError, ScanToken};

use crate::error::Result;
use crate::store::Store;
use crate::table::Table;
use pages::{Entry, Pages, Plan, foreign_token};
use token::Position;

impl Table {
    /// Every item of the table, as an iterator that reads page by page: see [`Scan`].
    ///
    /// # Errors
    /// The iterator gives [`Decode`](crate::Error::Decode) for an item that does not fit `T`, and goes on;
    /// [`TableNotFound`](crate::Error::TableNotFound), [`Config`](crate::Error::Config) for a token of another
    /// scan, and what any request can meet, and ends.
    pub fn scan<T: DeserializeOwned>(&self) -> Scan<T> {
        Scan::new(self.store.clone())
    }

    /// Every key of the table, as it is stored: see [`Keys`].
    ///
    /// # Errors
    /// As [`scan`](Table::scan), but for `Decode`.
    pub fn keys(&self) -> Keys {
        Keys::new(self.store.clone())
    }
}

/// The most segments: each has a request of its own under way.
const MOST_SEGMENTS: usize = 256;

/// The items of a table, each as its key, as it is stored, and its value. From
/// [`Table::scan`](crate::Table::scan).
///
/// It is an iterator, and reads when it is asked, one page ahead. In no order; each item that is
/// there from the beginning to the end comes once, one that is written meanwhile comes or does not.
/// Removed and expired atoms are left out.
///
/// A page is a request: up to 1 MB of items. DynamoDB charges for every item that it looks at, the
/// ones that a [`prefix`](Self::prefix) leaves out too.
///
/// An item that does not fit `T` comes as [`Error::Decode`](crate::Error::Decode) with its key, and the next call goes
/// on behind it. A request that fails for good ends the scan with its error;
/// [`token`](Self::token) tells where to go on.
///
/// ```
/// use faraday_atom::{ScanToken, Table};
///
/// # fn main() -> anyhow::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// table.put_items((0..10).map(|n| (format!("user/{n}"), n)))?;
/// table.put_item("settings", "dark")?;
///
/// let mut users = table.scan::<u32>().prefix("user/").segments(2);
/// let mut sum = 0;
/// for user in users.by_ref().take(4) {
///     let (_key, n) = user?;
///     sum += n;
/// }
/// // Kept somewhere, and taken up again:
/// let token: ScanToken = users.token().to_string().parse()?;
/// for user in table.scan::<u32>().prefix("user/").resume(token) {
///     sum += user?.1;
/// }
/// assert_eq!(sum, 45);
/// # }
/// # Ok(())
/// # }
/// ```
#[must_use = "iterators do nothing until they are asked"]
pub struct Scan<T> {
    walk: Walk,
    value: PhantomData<fn() -> T>,
}

/// The keys of a table, as they are stored. From [`Table::keys`](crate::Table::keys).
///
/// As a [`Scan`] that brings no values: DynamoDB charges the same for it, but sends less.
/// [`Table::parse_key`](crate::Table::parse_key) reads a key back.
///
/// ```
/// use faraday_atom::Table;
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
/// # table.ensure()?;
/// table.put_items([(("user", 7), "Ann"), (("user", 8), "Bob")])?;
/// let mut keys = table.keys().collect::<faraday_atom::Result<Vec<_>>>()?;
/// keys.sort();
/// assert_eq!(keys, [r#"#["user",7]"#, r#"#["user",8]"#]);
/// assert_eq!(table.parse_key::<(String, u32)>(&keys[0])?, ("user".to_owned(), 7));
/// # }
/// # Ok(())
/// # }
/// ```
#[must_use = "iterators do nothing until they are asked"]
pub struct Keys {
    walk: Walk,
}

macro_rules! settings {
    () => {
        /// How many segments are read at once: 1 by default, 256 at most. Each has a request
        /// under way and up to two pages waiting. Ignored when it goes on from a token, which has
        /// its own number.
        pub fn segments(mut self, segments: usize) -> Self {
            self.walk.segments = segments.clamp(1, MOST_SEGMENTS);
            self
        }

        /// Only items whose key, as it is stored, begins like this.
        pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
            self.walk.plan.prefix = Some(prefix.into()).filter(|prefix| !prefix.is_empty());
            self
        }

        /// By eventually consistent reads, which cost half as much and may miss the writes of the
        /// last moments. Strongly consistent ones are the default.
        pub fn eventual(mut self) -> Self {
            self.walk.plan.consistent = false;
            self
        }

        /// How many items one request looks at, at most: to spare a table of little capacity. By
        /// default as many as fit into 1 MB.
        pub fn page_size(mut self, items: u32) -> Self {
            self.walk.plan.page_size = Some(items.max(1));
            self
        }

        /// Goes on where another scan of this table, with the same prefix, was left.
        pub fn resume(mut self, token: ScanToken) -> Self {
            self.walk.token = Some(token);
            self
        }

        /// Where it has come to: behind the last item that was given out.
        pub fn token(&self) -> ScanToken {
            self.walk.token()
        }
    };
}

impl<T> Scan<T> {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { walk: Walk::new(store, false), value: PhantomData }
    }

    settings!();
}

impl Keys {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { walk: Walk::new(store, true) }
    }

    settings!();
}

impl<T: DeserializeOwned> Iterator for Scan<T> {
    type Item = Result<(String, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Entry { key, value } = match self.walk.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        let decoded = value.and_then(|value| self.walk.store.decode_owned(&key, Some(value)));
        decoded.map(|value| value.map(|value| (key, value))).transpose()
    }
}

impl Iterator for Keys {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.walk.next()?.map(|entry| entry.key))
    }
}

impl<T: DeserializeOwned> FusedIterator for Scan<T> {}
impl FusedIterator for Keys {}

/// What a scan of values and one of keys have in common.
struct Walk {
    store: Arc<Store>,
    plan: Plan,
    segments: usize,
    token: Option<ScanToken>,
    /// `None` until the first item is asked for.
    pages: Option<Pages>,
    over: bool,
}

impl Walk {
    fn new(store: Arc<Store>, keys_only: bool) -> Self {
        let plan = Plan {
            consistent: true,
            prefix: None,
            keys_only,
            page_size: None,
            segments: Vec::new(),
        };
        Self { store, plan, segments: 1, token: None, pages: None, over: false }
    }

    fn token(&self) -> ScanToken {
        match (&self.pages, &self.token) {
            (Some(pages), _) => pages.token(),
            (None, Some(token)) => token.clone(),
            (None, None) => ScanToken {
                table: self.store.table.clone(),
                prefix: self.plan.prefix.clone(),
                segments: vec![Position::Start; self.segments],
            },
        }
    }

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.over {
            return None;
        }
        if self.pages.is_none()
            && let Err(error) = self.begin()
        {
            self.over = true;
            return Some(Err(error));
        }
        let next = self.pages.as_mut()?.next();
        self.over = next.is_none();
        next
    }

    fn begin(&mut self) -> Result<()> {
        let token = self.token();
        let prefix = self.plan.prefix.as_deref();
        let fits = (token.table == self.store.table && token.prefix.as_deref() == prefix)
            && (1..=MOST_SEGMENTS).contains(&token.segments.len());
        if !fits {
            return Err(foreign_token(&self.store, &token, prefix));
        }
        let plan = Plan { segments: token.segments, ..self.plan.clone() };
        self.pages = Some(Pages::new(self.store.clone(), plan));
        Ok(())
    }
}

impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scan").field(&self.walk.token()).finish()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.walk.token()).finish()
    }
}
