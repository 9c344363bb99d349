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

#![cfg_attr(docsrs, feature(doc_cfg))]

mod atom;
mod aws;
mod builder;
mod clock;
mod codec;
mod dynamo;
mod error;
mod events;
mod item_atom;
mod memory;
mod retry;
mod runtime;
mod store;
mod swap;
mod table;
mod transport;
mod write_id;

pub use atom::Atom;
pub use builder::TableBuilder;
pub use dynamo::{Billing, TableClass, TableInfo, TableOptions};
pub use error::{Error, Result};
pub use item_atom::ItemAtom;
pub use memory::MemoryAtom;
pub use retry::{Backoff, RetryPolicy};
pub use swap::{Receipt, SwapOptions, Validity};
pub use table::Table;
pub use write_id::{Outcome, WriteId};
