//! EDN: the value type [`Edn`], its text, its equality, its way through serde,
//! and the items that the Clojure library made of it.

mod collection;
mod de;
mod equality;
mod handoff;
mod hasheq;
mod inst;
mod java_double;
mod key;
pub(crate) mod layout;
mod literal;
mod name;
mod nippy;
mod number;
mod path;
mod print;
mod read;
mod ser;
mod serde_impl;
mod value;

pub(crate) use de::from_edn;
pub(crate) use ser::to_edn;

pub use collection::{Map, Set};
pub use inst::Inst;
pub use name::Name;
pub use number::{BigDec, BigInt, Ratio};
pub use read::ParseEdnError;
pub use value::Edn;

#[cfg(test)]
mod tests;
