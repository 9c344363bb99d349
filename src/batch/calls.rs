//! The calls of a table about many items, with the defaults.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Batch;
use crate::error::Result;
use crate::table::Table;

impl Table {
    /// Reads and writes of many items, with options: see [`Batch`].
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(&self.store)
    }

    /// The values under many keys, by strongly consistent reads, in the order asked; those under
    /// which there is nothing are left out. A key that is named twice is read once and answered
    /// twice.
    ///
    /// One request for 100 keys, or for 16 MB of items if that is less; eight at once, and other
    /// [options](Batch). The values are not from one moment: items may change while others are read.
    ///
    /// # Errors
    /// [`Unprocessed`](crate::Error::Unprocessed) when the time is up or too many requests fail, with the
    /// keys that are left and what was found; [`BatchItem`](crate::Error::BatchItem) for a key that
    /// cannot be stored; [`Decode`](crate::Error::Decode) for the first item, in the order asked, that
    /// does not fit `T`; [`TableNotFound`](crate::Error::TableNotFound), and what any request can meet.
    pub fn find_items<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.batch().find_items(keys)
    }

    /// As [`find_items`](Table::find_items) by eventually consistent reads, which cost half as
    /// much and may show values that are some moments old.
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_items_eventual<T: DeserializeOwned>(
        &self,
        keys: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<Vec<T>> {
        self.batch().find_items_eventual(keys)
    }

    /// As [`find_items`](Table::find_items), with each key beside its value, or beside `None`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// # use faraday_atom::Table;
    /// # fn main() -> faraday_atom::Result<()> {
    /// # #[cfg(feature = "embedded")] {
    /// # let table = Table::builder("my-atoms").embedded_in_memory().open()?;
    /// # table.ensure()?;
    /// table.put_items([("a", 1), ("b", 2)])?;
    /// let found: HashMap<_, Option<u32>> =
    ///     table.find_item_mapping(["a", "b", "c"])?.into_iter().collect();
    /// assert_eq!((found["b"], found["c"]), (Some(2), None));
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_item_mapping<T: DeserializeOwned, K: Serialize>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.batch().find_item_mapping(keys)
    }

    /// As [`find_item_mapping`](Table::find_item_mapping) by eventually consistent reads.
    ///
    /// # Errors
    /// As [`find_items`](Table::find_items).
    pub fn find_item_mapping_eventual<T: DeserializeOwned, K: Serialize>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, Option<T>)>> {
        self.batch().find_item_mapping_eventual(keys)
    }

    /// Stores many values, each under its key, whatever was there, and says how many were given.
    /// Of two pairs with one key the later wins.
    ///
    /// One request for 25 items, or for 16 MB if that is less; eight at once, and other
    /// [options](Batch). Each put has a fresh fence, so that a concurrent swap sees it and is not
    /// lost under it unseen, and the version begins again at 1.
    ///
    /// The puts are unconditional: they replace what is there when they arrive. A request whose reply
    /// is lost is not sent again blindly: its items are looked at, and those that arrived are
    /// done. One that arrives only after that look puts its values in place once more, over what
    /// was written in between; where that would hurt, use [`put_item`](Table::put_item) or a swap.
    ///
    /// # Errors
    /// [`Unprocessed`](crate::Error::Unprocessed) when the time is up or too many requests fail, with the
    /// keys that are left, those not yet taken from the iterator too;
    /// [`BatchItem`](crate::Error::BatchItem) for a pair that cannot be stored: nothing is sent when it
    /// is among the first 200, and all before it are written otherwise;
    /// [`TableNotFound`](crate::Error::TableNotFound), and what any request can meet.
    pub fn put_items(
        &self,
        items: impl IntoIterator<Item = (impl Serialize, impl Serialize)>,
    ) -> Result<usize> {
        self.batch().put_items(items)
    }

    /// Deletes the items under many keys for good, as [`delete_item`](Table::delete_item) does,
    /// and says how many keys were given. Requests are as those of [`put_items`](Table::put_items).
    ///
    /// # Errors
    /// As [`put_items`](Table::put_items).
    pub fn delete_items(&self, keys: impl IntoIterator<Item = impl Serialize>) -> Result<usize> {
        self.batch().delete_items(keys)
    }
}
