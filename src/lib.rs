//! Durable Clojure-style atoms on Amazon DynamoDB: blocking, for scripts and command-line tools.
//!
//! One DynamoDB item is one [`Atom`]: read it with [`get`](Atom::get), change it with
//! [`swap`](Atom::swap), from any number of threads, processes and machines at once. What was
//! acknowledged stays, and no change is lost under another.
//!
//! ```
//! use faraday_atom::{Atom, Table};
//!
//! # fn main() -> faraday_atom::Result<()> {
//! # #[cfg(feature = "embedded")] {
//! # let dir = tempfile::tempdir().unwrap();
//! # std::env::set_current_dir(&dir).unwrap();
//! let table = Table::builder("my-atoms").embedded("atoms.db").open()?;
//! table.ensure()?; // creates it if it is missing, waits until it is usable
//! let counter = table.atom::<u64>("counter");
//! let n = counter.swap(|n| n.unwrap_or(0) + 1)?;
//! # assert_eq!(n, 1);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go from here
//!
//! - [`Table::builder`]: where a table lies, and how to reach it.
//! - [`Atom`]: what can be done with an atom, and what closures must not do.
//! - [`ItemAtom`]: what each call costs, and the options of swaps.
//! - [`Watch`]: the changes of an atom, as they come.
//! - [`Table`]: items by key, without an atom; making and dropping tables.
//! - [`Batch`]: many items in one call; [`Scan`]: all of them, page by page.
//! - [`Table::transact`]: changes over several atoms at once, all or none.
//! - [`Error`]: what can go wrong, and what to do then.
//! - [`docs::encoding`]: how values and keys lie in the table, with every rule.
//!
//! # How it works
//!
//! Every write is a conditional put that names the state it was built on by a random id, the
//! *fence*, and leaves an id of its own. So two writers never overwrite each other unseen, and a
//! writer whose reply was lost recognises its own write when it sends the same put again. The
//! swaps of one key in one process run their closures one on top of the other, each on its own
//! thread, and share one put.
//!
//! Behind the blocking calls, one private thread owns the connections; no async runtime of yours
//! is needed, and none is disturbed. The embedded engine answers on the calling thread.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod atom;
mod aws;
mod batch;
mod builder;
mod clock;
mod codec;
pub mod docs;
mod dynamo;
mod error;
mod events;
mod item_atom;
mod memory;
mod retry;
mod runtime;
mod scan;
mod store;
mod swap;
mod table;
mod transact;
mod transport;
mod watch;
mod write_id;

/// The types that [`Edn`] is made of.
#[cfg(feature = "edn")]
pub mod edn {
    pub use crate::codec::edn::{BigDec, BigInt, Inst, Map, Name, ParseEdnError, Ratio, Set};
}

pub use atom::Atom;
pub use batch::{Batch, Found, Progress};
pub use builder::TableBuilder;
#[cfg(feature = "edn")]
pub use codec::edn::Edn;
pub use codec::envelope::Encoding;
pub use dynamo::{Billing, TableClass, TableInfo, TableOptions};
pub use error::{Error, Result};
pub use item_atom::ItemAtom;
pub use memory::MemoryAtom;
pub use retry::{Backoff, RetryPolicy};
pub use scan::{Keys, ParseScanTokenError, Scan, ScanToken};
pub use swap::{Lifetime, Receipt, SwapOptions, Validity};
pub use table::Table;
pub use transact::{TransactOptions, Transaction};
pub use watch::{Change, Watch, WatchOptions};
pub use write_id::{Outcome, ParseWriteIdError, WriteId};

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
