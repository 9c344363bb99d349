//! Lists, maps and structs while they are being encoded.

use super::place::is_bare_str;
use super::ser::{Mode, Node, Serializer};
use super::{escape, name};
use crate::codec::error::CodecError;
use crate::codec::{Value, json};
use serde::Serialize;
use serde::ser;
use std::collections::HashMap;

/// Lengths are hints, and a wrong one must not exhaust the memory.
const LARGEST_HINT: usize = 4096;

/// A sequence or tuple.
pub(crate) struct List {
    to: Serializer,
    typed: bool,
    items: Vec<Value>,
    height: usize,
    variant: Option<&'static str>,
}

impl List {
    pub(super) fn new(to: Serializer, len: Option<usize>, typed: bool) -> Result<Self, CodecError> {
        to.enter()?;
        Ok(Self {
            to,
            typed,
            items: Vec::with_capacity(len.unwrap_or(0).min(LARGEST_HINT)),
            height: 0,
            variant: None,
        })
    }

    /// The same list as the content of an enum's variant, so one level deeper.
    pub(super) fn in_variant(mut self, variant: &'static str) -> Result<Self, CodecError> {
        self.to.depth += 1;
        self.to.enter()?;
        self.variant = Some(variant);
        Ok(self)
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let node = match value.serialize(self.to.inner(value, self.typed)) {
            Ok(node) => node,
            Err(error) => return Err(self.placed(error.in_element(self.items.len()))),
        };
        self.height = self.height.max(node.height);
        self.items.push(node.value);
        Ok(())
    }

    #[cold]
    fn placed(&self, error: CodecError) -> CodecError {
        match self.variant {
            Some(variant) => error.in_member(variant),
            None => error,
        }
    }

    fn finish(mut self) -> Node {
        if self.to.mode == Mode::Key && self.to.place.is_unordered() {
            self.items.sort_by_cached_key(json::to_text);
        }
        let node = Node { value: Value::L(self.items), height: self.height + 1 };
        match self.variant {
            Some(variant) => in_variant(variant, node),
            None => node,
        }
    }
}

/// A struct or map.
pub(crate) struct Members {
    to: Serializer,
    typed: bool,
    map: HashMap<String, Value>,
    height: usize,
    variant: Option<&'static str>,
    /// A map's key that waits for its value, and whether it is the name of a struct's field.
    pending: Option<(String, bool)>,
}

impl Members {
    pub(super) fn new(to: Serializer, len: Option<usize>, typed: bool) -> Result<Self, CodecError> {
        to.enter()?;
        Ok(Self {
            to,
            typed,
            map: HashMap::with_capacity(len.unwrap_or(0).min(LARGEST_HINT)),
            height: 0,
            variant: None,
            pending: None,
        })
    }

    /// The same map as the content of an enum's variant, so one level deeper.
    pub(super) fn in_variant(mut self, variant: &'static str) -> Result<Self, CodecError> {
        self.to.depth += 1;
        self.to.enter()?;
        self.variant = Some(variant);
        Ok(self)
    }

    fn insert<T: Serialize + ?Sized>(
        &mut self,
        name: String,
        typed: bool,
        value: &T,
    ) -> Result<(), CodecError> {
        let node = match value.serialize(self.to.inner(value, typed)) {
            Ok(node) => node,
            Err(error) => return Err(self.placed(error.in_member(&name))),
        };
        self.height = self.height.max(node.height);
        // Two members of one name cannot both come back, and to drop one would be silent damage.
        match self.map.entry(name) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(node.value);
                Ok(())
            }
            std::collections::hash_map::Entry::Occupied(taken) => {
                let error = CodecError::new(format!(
                    "two members are named {:?}; rename one of them",
                    taken.key()
                ));
                Err(self.placed(error))
            }
        }
    }

    #[cold]
    fn placed(&self, error: CodecError) -> CodecError {
        match self.variant {
            Some(variant) => error.in_member(variant),
            None => error,
        }
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.insert(name::of_str(field), true, value)
    }

    fn finish(self) -> Node {
        let looks_like_escape = escape::name_of(&self.map).is_some();
        let mut node = Node { value: Value::M(self.map), height: self.height + 1 };
        if looks_like_escape {
            node = node.wrap(escape::MAP);
        }
        match self.variant {
            Some(variant) => in_variant(variant, node),
            None => node,
        }
    }
}

/// The content of an enum's variant, under the variant's name.
pub(super) fn in_variant(variant: &'static str, content: Node) -> Node {
    let node = content.wrap(&name::of_str(variant));
    if escape::is_escape(&node.value) { node.wrap(escape::MAP) } else { node }
}

impl ser::SerializeMap for Members {
    type Ok = Node;
    type Error = CodecError;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), CodecError> {
        let name = name::of(key, self.to).map_err(|error| self.placed(error))?;
        self.pending = Some((name, is_bare_str::<K>()));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        let Some((name, is_field)) = self.pending.take() else {
            return Err(CodecError::new("a map gave a value without a key"));
        };
        if is_field && is_bare_str::<T>() && self.map.is_empty() {
            // The tag of an internally tagged enum: it tells which variant to read, so that what
            // follows is read by type.
            self.typed = true;
        }
        self.insert(name, self.typed || is_field, value)
    }

    fn end(self) -> Result<Node, CodecError> {
        Ok(self.finish())
    }
}

impl ser::SerializeStruct for Members {
    type Ok = Node;
    type Error = CodecError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.field(field, value)
    }

    fn end(self) -> Result<Node, CodecError> {
        Ok(self.finish())
    }
}

impl ser::SerializeStructVariant for Members {
    type Ok = Node;
    type Error = CodecError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.field(field, value)
    }

    fn end(self) -> Result<Node, CodecError> {
        Ok(self.finish())
    }
}

macro_rules! list {
    ($($kind:ident $method:ident)*) => {$(
        impl ser::$kind for List {
            type Ok = Node;
            type Error = CodecError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                self.push(value)
            }

            fn end(self) -> Result<Node, CodecError> {
                Ok(self.finish())
            }
        }
    )*};
}

list! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}
