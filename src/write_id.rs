//! The ids of writes: random bytes that fence a write and let its writer recognise it later, and
//! what can be known of it then.

use std::fmt;
use std::str::FromStr;

/// The id of one write, as it stands in an item's `atom/writes`: eight random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id([u8; 8]);

impl Id {
    /// How many bytes an id has.
    pub(crate) const LEN: usize = 8;

    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits.to_be_bytes())
    }

    pub(crate) const fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let sound =
            text.len() == 2 * Self::LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u64::from_str_radix(text, 16).ok().filter(|_| sound)?;
        Some(Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// Names one write for good: the key, the write's own id, and the id of the write that it was
/// built on.
///
/// Comes with [`Error::Indeterminate`](crate::Error::Indeterminate) and with a
/// [`Receipt`](crate::Receipt); [`Table::outcome`](crate::Table::outcome) asks what became of it,
/// now or later, in this process or another: it can be printed and parsed.
///
/// ```
/// use faraday_atom::WriteId;
///
/// let id: WriteId = "00010203040506ff-0000000000000001@counter".parse().unwrap();
/// assert_eq!(id.key(), "counter");
/// assert_eq!(id.to_string(), "00010203040506ff-0000000000000001@counter");
/// assert!("counter".parse::<WriteId>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteId {
    key: String,
    id: Id,
    /// `None` when it was built on no item, or on one without ids.
    base: Option<Id>,
}

impl WriteId {
    pub(crate) fn new(key: &str, id: Id, base: Option<Id>) -> Self {
        Self { key: key.to_owned(), id, base }
    }

    /// The key of the item that was written, as it is stored.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The write's own id.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// The id of the write that it was built on.
    pub(crate) fn base(&self) -> Option<Id> {
        self.base
    }
}

/// What became of a write, as far as the item still tells; see
/// [`Table::outcome`](crate::Table::outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied, exactly once. Others may have written since.
    Applied,
    /// It was not applied and never will be: another write took the place of what it was built on.
    NotApplied,
    /// The item does not tell. Either it has forgotten (it remembers its last 16 writes, and
    /// nothing of the time before [`delete_item`](crate::Table::delete_item)), or the write has
    /// not arrived yet and still may: what it was built on is in place.
    Unknown,
}

/// `own-base@key`, both ids in hexadecimal; `own@key` when there is no base.
impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Some(base) => write!(f, "{}-{base}@{}", self.id, self.key),
            None => write!(f, "{}@{}", self.id, self.key),
        }
    }
}

/// A text that is no [`WriteId`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseWriteIdError(());

impl fmt::Display for ParseWriteIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no write id: it has the form id-base@key, both ids of 16 hexadecimal digits")
    }
}

impl std::error::Error for ParseWriteIdError {}

impl FromStr for WriteId {
    type Err = ParseWriteIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (ids, key) = text.split_once('@')?;
            let (id, base) = match ids.split_once('-') {
                Some((id, base)) => (id, Some(Id::parse(base)?)),
                None => (ids, None),
            };
            Some(Self { key: key.to_owned(), id: Id::parse(id)?, base })
        };
        parse().ok_or(ParseWriteIdError(()))
    }
}
