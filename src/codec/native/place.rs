//! Whether the place where a float stands says that it will be read as a float.
//!
//! DynamoDB keeps no difference between `5` and `5.0`. A field of type `f64` does not mind: its
//! reader asks for a float. A `serde_json::Value` or an untagged enum does: its reader takes what
//! it finds. `Serialize` does not tell the two apart, but it is generic: every value arrives with
//! its Rust type. The rule asks that type, and an error in the guess is harmless in one direction:
//! a float that is escaped without need still reads back as the same float everywhere.

use std::any::type_name;

/// A place in a value: the Rust type that stands there, and what holds it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    type_name: &'static str,
    /// The size of the value, or `usize::MAX` if it owns something elsewhere.
    room: usize,
    /// Whether what holds the place reads its content by type.
    typed: bool,
}

impl Place {
    /// The place of `value`, in something that reads its content by type or not.
    #[inline]
    pub(super) fn of<T: ?Sized>(value: &T, typed: bool) -> Self {
        Self {
            type_name: type_name::<T>(),
            room: if std::mem::needs_drop::<T>() { usize::MAX } else { size_of_val(value) },
            typed,
        }
    }

    /// Will a float of `width` bytes at this place be read as a float, however it looks?
    #[cold]
    pub(super) fn reads_float(self, width: usize) -> bool {
        self.typed && (names_float(self.type_name) || self.has_room_for_nothing_else(width))
    }

    /// A value that owns nothing and is as large as the float that it gives cannot be a choice
    /// between a float and something else: every pattern of its bits is taken. So a
    /// `#[serde(transparent)] struct Price(f64)` counts as a float. What derives make for
    /// `#[serde(with)]` counts too: a function that writes a float is taken to read one.
    fn has_room_for_nothing_else(self, width: usize) -> bool {
        let of_derive = self.type_name.ends_with("__SerializeWith")
            || self.type_name.contains("__SerializeWith<");
        of_derive || (self.room == width && !self.type_name.starts_with('&'))
    }

    /// Are the elements of the list or map at this place read by type?
    ///
    /// `Vec<f64>` and `HashMap<String, f64>` say so. An untagged enum that offers a `Vec<i64>`
    /// and a `Vec<f64>` gives a list as well, and says nothing.
    pub(super) fn reads_elements(self) -> bool {
        self.typed && (is_collection(self.type_name) || names_float(self.type_name))
    }

    /// Is the content of a newtype struct of this name read by type? Not where an untagged enum
    /// hands on one of several newtypes.
    pub(super) fn reads_newtype(self, name: &str) -> bool {
        self.typed && names(self.type_name, name)
    }

    /// Do equal values come in any order? A set has no order that could count.
    pub(super) fn is_unordered(self) -> bool {
        ["HashSet<", "IndexSet<"].iter().any(|set| self.type_name.contains(set))
    }
}

/// Is it `str` itself? Only code that derives wrote hands a bare `str` over: names of fields, and
/// the tag of an internally tagged enum.
#[inline]
pub(super) fn is_bare_str<T: ?Sized>() -> bool {
    // A constant comparison, once `T` is known.
    type_name::<T>() == "str"
}

fn is_collection(type_name: &str) -> bool {
    let bare = type_name.trim_start_matches('&');
    let bare = bare.strip_prefix("mut ").unwrap_or(bare);
    ["alloc::", "std::collections::", "core::option::", "[", "("]
        .iter()
        .any(|prefix| bare.starts_with(prefix))
}

fn names_float(type_name: &str) -> bool {
    names(type_name, "f64") || names(type_name, "f32")
}

/// Does `word` stand in the type's name as a word of its own?
fn names(type_name: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    !word.is_empty()
        && type_name.match_indices(word).any(|(at, _)| {
            !type_name[..at].ends_with(part_of_word)
                && !type_name[at + word.len()..].starts_with(part_of_word)
        })
}

#[cfg(test)]
mod tests {
    use super::Place;
    use std::collections::HashMap;

    #[allow(dead_code)] // only their types matter
    struct Transparent(f64);
    #[allow(dead_code)]
    enum Choice {
        Whole(i64),
        Real(f64),
    }

    #[test]
    fn floats_say_so_and_choices_do_not() {
        assert!(Place::of(&5.0_f64, true).reads_float(8));
        assert!(Place::of(&&5.0_f32, true).reads_float(4));
        assert!(Place::of(&Box::new(5.0_f64), true).reads_float(8));
        assert!(Place::of(&Transparent(5.0), true).reads_float(8));
        for choice in [Choice::Whole(5), Choice::Real(5.0)] {
            assert!(!Place::of(&choice, true).reads_float(8));
            assert!(!Place::of(&&choice, true).reads_float(8));
            assert!(!Place::of(&Box::new(choice), true).reads_float(8));
        }
        assert!(!Place::of(&serde_json::json!(5.0), true).reads_float(8));
        assert!(!Place::of(&5.0_f64, false).reads_float(8));
    }

    #[test]
    fn collections_say_what_they_hold() {
        assert!(Place::of(&vec![5.0_f64], true).reads_elements());
        assert!(Place::of(&HashMap::from([(1, 5.0_f64)]), true).reads_elements());
        assert!(Place::of(&(1, 2.0), true).reads_elements());
        assert!(!Place::of(&Choice::Whole(1), true).reads_elements());
    }
}
