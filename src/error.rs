//! The one error type: what happened, to which table and key, and what the caller can do about it.

use std::fmt;
use std::time::Duration;

use crate::batch::Found;
use crate::write_id::WriteId;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, sorted by what the caller does next.
///
/// Every variant names the table and, where one key is concerned, the key; its message ends with
/// the remedy. No variant carries credentials, values or request bodies.
///
/// | variant | was anything written? | what to do |
/// |---|---|---|
/// | [`Contention`](Error::Contention), [`Timeout`](Error::Timeout), [`Throttled`](Error::Throttled) | no | try again later, or allow more time |
/// | [`Indeterminate`](Error::Indeterminate) | unknown | read, and decide |
/// | [`Aborted`](Error::Aborted), [`Rejected`](Error::Rejected) | no | your own closure or validator said no |
/// | [`Encode`](Error::Encode), [`Decode`](Error::Decode), [`TooLarge`](Error::TooLarge) | no | change the value or its type |
/// | [`TableNotFound`](Error::TableNotFound), [`Credentials`](Error::Credentials), [`Config`](Error::Config) | no | mend the set-up |
/// | [`Unprocessed`](Error::Unprocessed) | a part | call again with the keys that are left |
/// | [`BatchItem`](Error::BatchItem) | what came before, or nothing | mend that item, go on from there |
/// | [`Transport`](Error::Transport), [`Service`](Error::Service) | no | see the message |
///
/// ```
/// use faraday_atom::{Error, Table};
///
/// # fn main() -> faraday_atom::Result<()> {
/// # #[cfg(feature = "embedded")] {
/// let table = Table::builder("no-such-table").embedded_in_memory().open()?;
/// match table.find_item::<u64>(&"counter") {
///     Err(Error::TableNotFound { table, .. }) => assert_eq!(table, "no-such-table"),
///     other => panic!("{other:?}"),
/// }
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Other writers won every attempt until the attempt limit or the deadline was reached.
    /// Nothing was written.
    #[error(
        "atom {key} in table {table}: other writers won all {attempts} attempts within {}; nothing was \
         written: allow more time or attempts with SwapOptions or TransactOptions, or spread the writes over more keys",
        Millis(*elapsed)
    )]
    Contention {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: String,
        /// How often another writer came first, found by a refused write or by a look before it.
        attempts: u32,
        /// Time spent in the call.
        elapsed: Duration,
    },

    /// The deadline passed before an answer came. Nothing was written by this call.
    #[error(
        "{operation} on {}: no answer within {} ({attempts} attempts; last: {last}); nothing was \
         written: check the network and the endpoint, or allow more time",
        Subject(table, key.as_deref()), Millis(*elapsed)
    )]
    Timeout {
        /// The table.
        table: String,
        /// The key, as it is stored, where the call is about one.
        key: Option<String>,
        /// The DynamoDB operation that was under way.
        operation: &'static str,
        /// How many requests were sent.
        attempts: u32,
        /// Time spent in the call.
        elapsed: Duration,
        /// What the last attempt met.
        last: String,
    },

    /// A write may or may not have been applied: its reply was lost and the item no longer tells.
    ///
    /// The crate never guesses: when it can find out, it does, and reports success or a clean
    /// failure instead.
    /// An item remembers its last sixteen writes; to be among them still, a swap of an atom that
    /// other processes write too sends a lost write again at once, and looks at the item first (one
    /// read more) when what it knows of it is more than a few round trips old.
    #[error(
        "write {write_id} to atom {key} in table {table} may or may not have been applied ({reason}): \
         read the atom and decide before you try again"
    )]
    Indeterminate {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: String,
        /// The id of the write in question.
        write_id: WriteId,
        /// Why it cannot be known.
        reason: String,
    },

    /// The closure of [`try_swap`](crate::Atom::try_swap) or of
    /// [`transact`](crate::Table::transact) returned an error. Nothing was written.
    #[error("atom {key} in table {table}: aborted by the closure: {source}; nothing was written")]
    Aborted {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: String,
        /// What the closure returned.
        source: anyhow::Error,
    },

    /// The validator refused the new value. Nothing was written.
    #[error(
        "atom {key} in table {table}: the new value was rejected by the validator: {source}; nothing was written"
    )]
    Rejected {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: String,
        /// What the validator returned.
        source: anyhow::Error,
    },

    /// A value or key cannot be stored. Nothing was sent.
    #[error("{}: cannot encode{}: {message}; nothing was sent", Subject(table, key.as_deref()), At(path))]
    Encode {
        /// The table.
        table: String,
        /// The key, as it is stored; `None` when it is the key that cannot be encoded.
        key: Option<String>,
        /// Where inside the value, such as `orders[3].price`; empty at the top.
        path: String,
        /// What is wrong.
        message: String,
    },

    /// The stored item does not fit the type that was asked for. Nothing was changed.
    #[error(
        "{}: cannot decode{}: {message}: ask for a type that fits, or mend or delete the item",
        Subject(table, key.as_deref()), At(path)
    )]
    Decode {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: Option<String>,
        /// Where inside the value, such as `orders[3].price`; empty at the top.
        path: String,
        /// What was found, and what was wanted.
        message: String,
    },

    /// A value, key or request is over one of DynamoDB's limits. Nothing was sent.
    #[error("{}: {what} is {actual}, the limit is {limit}{}; nothing was sent", Subject(table, key.as_deref()), Heaviest(hint))]
    TooLarge {
        /// The table.
        table: String,
        /// The key, as it is stored.
        key: Option<String>,
        /// What is too large, with its unit.
        what: String,
        /// Its size.
        actual: usize,
        /// The largest size allowed.
        limit: usize,
        /// What weighs most, or what to do; may be empty.
        hint: String,
    },

    /// A call about many items ended before all were done: the time was up, or too many requests
    /// failed in a row. What is left was not done as far as is known; what was under way at the end may
    /// have been.
    #[error(
        "{operation} on table {table}: {done} done, {} left{} ({reason}): call again with what is \
         left, or allow more time with Table::batch()",
        keys.len(), First(keys)
    )]
    Unprocessed {
        /// The table.
        table: String,
        /// The call: `find_items`, `put_items` or `delete_items`.
        operation: &'static str,
        /// The keys that are left, as they are stored, each once.
        /// [`parse_key`](crate::Table::parse_key) reads them back.
        keys: Vec<String>,
        /// How many of the keys or pairs given are done.
        done: usize,
        /// What was found, when it is a read.
        found: Box<Found>,
        /// What the last request met.
        reason: String,
    },

    /// One of many items cannot be read or written: `source` says why. All before it were
    /// written, or none; nothing behind it was.
    #[error("number {position} of a batch: {source}; {written} before it were written")]
    BatchItem {
        /// The table.
        table: String,
        /// The key, as it is stored; `None` when it is the key that cannot be.
        key: Option<String>,
        /// Its position in what was given, the first being 0.
        position: usize,
        /// How many were written: those before this position, or none.
        written: usize,
        /// What is wrong with it.
        source: Box<Error>,
    },

    /// The table does not exist.
    #[error("table {table} does not exist in {place}: call ensure() or create it")]
    TableNotFound {
        /// The table.
        table: String,
        /// The region, endpoint or file that was asked.
        place: String,
    },

    /// DynamoDB refused for too many requests, until the deadline. Nothing was written.
    #[error(
        "{operation} on {}: throttled {attempts} times within {} ({message}); nothing was written: \
         slow down, raise the table's capacity, or allow more time",
        Subject(table, key.as_deref()), Millis(*elapsed)
    )]
    Throttled {
        /// The table.
        table: String,
        /// The key, as it is stored, where the call is about one.
        key: Option<String>,
        /// The DynamoDB operation that was refused.
        operation: &'static str,
        /// How many requests were sent.
        attempts: u32,
        /// Time spent in the call.
        elapsed: Duration,
        /// DynamoDB's own words.
        message: String,
    },

    /// There are no credentials, or DynamoDB does not accept them.
    #[error("table {table}: {message}")]
    Credentials {
        /// The table.
        table: String,
        /// What is missing or was refused, and what to set. Never a secret.
        message: String,
    },

    /// A setting is missing or does not make sense, or the table is not one that this crate can use.
    #[error("table {table}: {message}")]
    Config {
        /// The table.
        table: String,
        /// Which setting, what was found, and what to do.
        message: String,
    },

    /// The request never reached DynamoDB, or this process cannot send any.
    #[error("{operation} on {}: {message}; nothing was written", Subject(table, key.as_deref()))]
    Transport {
        /// The table.
        table: String,
        /// The key, as it is stored, where the call is about one.
        key: Option<String>,
        /// The DynamoDB operation.
        operation: &'static str,
        /// What failed.
        message: String,
    },

    /// DynamoDB refused the request for good.
    #[error("{operation} on {}: {code}: {message}{}; nothing was written", Subject(table, key.as_deref()), RequestId(request_id.as_deref()))]
    Service {
        /// The table.
        table: String,
        /// The key, as it is stored, where the call is about one.
        key: Option<String>,
        /// The DynamoDB operation.
        operation: &'static str,
        /// DynamoDB's error code, such as `AccessDeniedException`.
        code: String,
        /// DynamoDB's own words.
        message: String,
        /// The id of the request, for AWS support.
        request_id: Option<String>,
    },
}

impl Error {
    /// The table that the error is about.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::Contention { table, .. }
            | Self::Timeout { table, .. }
            | Self::Indeterminate { table, .. }
            | Self::Aborted { table, .. }
            | Self::Rejected { table, .. }
            | Self::Encode { table, .. }
            | Self::Decode { table, .. }
            | Self::TooLarge { table, .. }
            | Self::Unprocessed { table, .. }
            | Self::BatchItem { table, .. }
            | Self::TableNotFound { table, .. }
            | Self::Throttled { table, .. }
            | Self::Credentials { table, .. }
            | Self::Config { table, .. }
            | Self::Transport { table, .. }
            | Self::Service { table, .. } => table,
        }
    }

    /// The key that the error is about, as it is stored; `None` when it concerns the whole table.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Contention { key, .. }
            | Self::Indeterminate { key, .. }
            | Self::Aborted { key, .. }
            | Self::Rejected { key, .. } => Some(key),
            Self::Timeout { key, .. }
            | Self::Encode { key, .. }
            | Self::Decode { key, .. }
            | Self::TooLarge { key, .. }
            | Self::BatchItem { key, .. }
            | Self::Throttled { key, .. }
            | Self::Transport { key, .. }
            | Self::Service { key, .. } => key.as_deref(),
            Self::TableNotFound { .. }
            | Self::Unprocessed { .. }
            | Self::Credentials { .. }
            | Self::Config { .. } => None,
        }
    }
}

/// `Debug` is the message, so that a `main` that returns this error prints what `Display` would.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Contention { .. } => "Contention",
            Self::Timeout { .. } => "Timeout",
            Self::Indeterminate { .. } => "Indeterminate",
            Self::Aborted { .. } => "Aborted",
            Self::Rejected { .. } => "Rejected",
            Self::Encode { .. } => "Encode",
            Self::Decode { .. } => "Decode",
            Self::TooLarge { .. } => "TooLarge",
            Self::Unprocessed { .. } => "Unprocessed",
            Self::BatchItem { .. } => "BatchItem",
            Self::TableNotFound { .. } => "TableNotFound",
            Self::Throttled { .. } => "Throttled",
            Self::Credentials { .. } => "Credentials",
            Self::Config { .. } => "Config",
            Self::Transport { .. } => "Transport",
            Self::Service { .. } => "Service",
        };
        write!(f, "{name}: {self}")
    }
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_millis())
    }
}

struct Subject<'a>(&'a str, Option<&'a str>);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(key) => write!(f, "item {key} in table {}", self.0),
            None => write!(f, "table {}", self.0),
        }
    }
}

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at {}", self.0) }
    }
}

struct Heaviest<'a>(&'a str);

impl fmt::Display for Heaviest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

/// A few of many keys.
struct First<'a>(&'a [String]);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, key) in self.0.iter().take(3).enumerate() {
            write!(f, "{}{key}", if n == 0 { ": " } else { ", " })?;
        }
        if self.0.len() > 3 { f.write_str(", …") } else { Ok(()) }
    }
}

struct RequestId<'a>(Option<&'a str>);

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}
