//! How an [`Edn`] passes through the crate's own serializer and deserializer
//! untouched, while any other format sees plain data.
//!
//! `Edn` presents itself to serde as a newtype struct of a private [`NAME`].
//! Our serializer knows the name: it asks for the value, and what stands behind
//! the name puts it into a slot of the thread instead of describing it. Our
//! deserializer goes the other way. A slot is filled and emptied within one
//! call, with no foreign code in between.

use std::cell::RefCell;

use super::value::Edn;

/// The name of the newtype struct.
pub(super) const NAME: &str = "$faraday_atom::private::Edn";

enum Slot {
    Empty,
    Asked,
    Given(Edn),
}

thread_local! {
    static SLOT: RefCell<Slot> = const { RefCell::new(Slot::Empty) };
}

/// Asks whoever is serialized next for its value.
pub(super) fn ask() {
    SLOT.set(Slot::Asked);
}

/// Gives the value, if it was asked for.
pub(super) fn answer(value: &Edn) -> bool {
    let asked = SLOT.with_borrow(|slot| matches!(slot, Slot::Asked));
    if asked {
        give(value.clone());
    }
    asked
}

/// Gives the value to whoever is deserialized next.
pub(super) fn give(value: Edn) {
    SLOT.set(Slot::Given(value));
}

/// Takes what was given, and leaves the slot empty.
pub(super) fn take() -> Option<Edn> {
    match SLOT.replace(Slot::Empty) {
        Slot::Given(value) => Some(value),
        Slot::Empty | Slot::Asked => None,
    }
}
