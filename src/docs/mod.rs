//! Chapters: what is worth knowing beyond a single item's documentation.

// The examples keep their tables in memory.
#[cfg_attr(feature = "embedded", doc = include_str!("encoding.md"))]
#[cfg_attr(
    not(feature = "embedded"),
    doc = "See the documentation of the crate with all features."
)]
pub mod encoding {}

#[cfg(feature = "edn")]
#[doc = include_str!("edn.md")]
pub mod edn {}
