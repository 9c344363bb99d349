//! The id of one write: eight random bytes that fence it and let its writer recognise it later.

use std::fmt;

/// The id of one write, as it stands in an item's `atom/writes`: eight random bytes.
///
/// ```
/// # use faraday_atom::WriteId;
/// let id = WriteId::from_bytes([0, 1, 2, 3, 4, 5, 6, 255]);
/// assert_eq!(id.to_string(), "00010203040506ff");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteId([u8; 8]);

impl WriteId {
    /// How many bytes an id has.
    pub const LEN: usize = 8;

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({self})")
    }
}
