//! Any `Serialize` to an attribute value: the scalars, and the way into everything else.

use super::collect::{List, Members};
use super::place::Place;
use super::{MAX_DEPTH, escape, set};
use crate::codec::Value;
use crate::codec::error::CodecError;
use crate::codec::number::{Decimal, shortest};
use serde::Serialize;

/// What the value is encoded for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Attributes of an item: within DynamoDB's limits, and it will normalise the numbers.
    Attribute,
    /// The name of a map member: a text, so numbers keep their form.
    Name,
    /// The key of an item: as a name, and equal keys must give one text.
    Key,
}

impl Mode {
    /// The mode for the names of a map's members.
    pub(super) fn for_names(self) -> Self {
        match self {
            Self::Attribute | Self::Name => Self::Name,
            Self::Key => Self::Key,
        }
    }
}

/// An encoded value and how many containers it nests.
pub(crate) struct Node {
    pub value: Value,
    pub height: usize,
}

impl Node {
    #[inline]
    pub(super) fn leaf(value: Value) -> Self {
        Self { value, height: 0 }
    }

    /// The value inside one more container.
    pub(super) fn wrap(self, name: &str) -> Self {
        Self { value: escape::wrap(name, self.value), height: self.height + 1 }
    }
}

/// The serializer for one value at one place.
#[derive(Clone, Copy)]
pub(crate) struct Serializer {
    pub(super) mode: Mode,
    pub(super) depth: usize,
    pub(super) place: Place,
}

impl Serializer {
    /// For a whole value.
    pub(crate) fn top<T: ?Sized>(value: &T, mode: Mode) -> Self {
        Self { mode, depth: 0, place: Place::of(value, true) }
    }

    /// For a value one level inside this one.
    #[inline]
    pub(super) fn inner<T: ?Sized>(self, value: &T, typed: bool) -> Self {
        Self { mode: self.mode, depth: self.depth + 1, place: Place::of(value, typed) }
    }

    /// May there be something inside? What recurses must end before the stack does; scalars need
    /// not ask.
    #[inline]
    pub(super) fn enter(self) -> Result<(), CodecError> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(too_deep()) }
    }

    fn float(self, value: f64, width: usize, shortest: impl FnOnce() -> String) -> Value {
        let escaped = |text: &str| escape::wrap(escape::FLOAT, Value::S(text.to_owned()));
        if value.is_nan() {
            return escaped("NaN");
        }
        if value.is_infinite() {
            return escaped(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        match self.mode {
            Mode::Attribute => {
                let magnitude = value.abs();
                // Between these bounds a float is surely storable and not whole.
                let plain = if magnitude == 0.0 {
                    value.is_sign_positive() && self.place.reads_float(width)
                } else if !(1e-120..1e120).contains(&magnitude) {
                    let text = shortest();
                    return if Decimal::parse(&text).is_some_and(Decimal::is_storable) {
                        Value::N(text)
                    } else {
                        escaped(&text)
                    };
                } else {
                    // From 2^64 on no integer is taken for it when it is read by its looks.
                    value.fract() != 0.0
                        || magnitude >= 18_446_744_073_709_551_616.0
                        || self.place.reads_float(width)
                };
                let text = shortest();
                if plain { Value::N(text) } else { escaped(&text) }
            }
            // As `f64`, for equal numbers are equal keys; with its point or exponent, for `1.0`
            // is another key than `1`; and `-0.0 == 0.0`.
            Mode::Key if value == 0.0 => Value::N("0.0".to_owned()),
            Mode::Key | Mode::Name => Value::N(format!("{value:?}")),
        }
    }

    fn integer(self, text: String, may_be_long: bool) -> Value {
        let fits = !may_be_long
            || self.mode != Mode::Attribute
            || Decimal::parse(&text).is_some_and(Decimal::is_storable);
        if fits { Value::N(text) } else { escape::wrap(escape::INTEGER, Value::S(text)) }
    }
}

#[cold]
fn too_deep() -> CodecError {
    CodecError::new(format!(
        "the value nests deeper than {MAX_DEPTH} levels; store it in a flatter form"
    ))
}

fn height_of(value: &Value) -> usize {
    usize::from(matches!(value, Value::M(_)))
}

macro_rules! integers {
    ($($method:ident($ty:ty))*) => {$(
        fn $method(self, v: $ty) -> Result<Node, CodecError> {
            Ok(Node::leaf(Value::N(v.to_string())))
        }
    )*};
}

impl serde::Serializer for Serializer {
    type Ok = Node;
    type Error = CodecError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    integers! {
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
    }

    fn serialize_i128(self, v: i128) -> Result<Node, CodecError> {
        let value = self.integer(v.to_string(), i64::try_from(v).is_err());
        let height = height_of(&value);
        Ok(Node { value, height })
    }

    fn serialize_u128(self, v: u128) -> Result<Node, CodecError> {
        let value = self.integer(v.to_string(), u64::try_from(v).is_err());
        let height = height_of(&value);
        Ok(Node { value, height })
    }

    fn serialize_f32(self, v: f32) -> Result<Node, CodecError> {
        let value = self.float(f64::from(v), size_of::<f32>(), || shortest!(v));
        let height = height_of(&value);
        Ok(Node { value, height })
    }

    fn serialize_f64(self, v: f64) -> Result<Node, CodecError> {
        let value = self.float(v, size_of::<f64>(), || shortest!(v));
        let height = height_of(&value);
        Ok(Node { value, height })
    }

    fn serialize_bool(self, v: bool) -> Result<Node, CodecError> {
        Ok(Node::leaf(Value::Bool(v)))
    }

    fn serialize_char(self, v: char) -> Result<Node, CodecError> {
        Ok(Node::leaf(Value::S(v.to_string())))
    }

    fn serialize_str(self, v: &str) -> Result<Node, CodecError> {
        Ok(Node::leaf(Value::S(v.to_owned())))
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<Node, CodecError> {
        Ok(Node::leaf(Value::B(v.to_vec())))
    }

    fn serialize_none(self) -> Result<Node, CodecError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, CodecError> {
        self.enter()?;
        let node = value.serialize(self.inner(value, self.place.reads_elements()))?;
        // Only what would read as `None`, or as one `Some` less, needs the word.
        let ambiguous = match &node.value {
            Value::Null(_) => true,
            Value::M(members) => escape::name_of(members) == Some(escape::SOME),
            _ => false,
        };
        Ok(if ambiguous { node.wrap(escape::SOME) } else { node })
    }

    fn serialize_unit(self) -> Result<Node, CodecError> {
        Ok(Node::leaf(Value::Null(true)))
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Node, CodecError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Node, CodecError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Node, CodecError> {
        self.enter()?;
        if let Some(kind) = set::Kind::of_newtype(name) {
            let node = value.serialize(self.inner(value, true))?;
            return set::from_list(kind, node, self.mode);
        }
        value.serialize(self.inner(value, self.place.reads_newtype(name)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, CodecError> {
        self.enter()?;
        let node =
            value.serialize(self.inner(value, true)).map_err(|error| error.in_member(variant))?;
        Ok(super::collect::in_variant(variant, node))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List, CodecError> {
        List::new(self, len, self.place.reads_elements())
    }

    fn serialize_tuple(self, len: usize) -> Result<List, CodecError> {
        List::new(self, Some(len), self.place.reads_elements())
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<List, CodecError> {
        List::new(self, Some(len), true)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<List, CodecError> {
        List::new(self, Some(len), true)?.in_variant(variant)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Members, CodecError> {
        Members::new(self, len, self.place.reads_elements())
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Members, CodecError> {
        Members::new(self, Some(len), true)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Members, CodecError> {
        Members::new(self, Some(len), true)?.in_variant(variant)
    }
}
