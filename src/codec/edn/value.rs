//! [`Edn`]: the value type, its constructors and its accessors.

use super::collection::{Map, Set};
use super::inst::{Inst, parse_uuid};
use super::name::Name;
use super::number::{BigDec, BigInt, Ratio};

/// A value of Clojure's data notation.
///
/// It is read with [`str::parse`] (exactly one form) and printed with
/// [`to_string`](ToString::to_string), as Clojure prints it. Equality and hash
/// are Clojure's `=` and `hash`:
///
/// ```
/// use faraday_atom::Edn;
///
/// let job: Edn = "{:state :queued, :count 3}".parse()?;
/// assert_eq!(job.get("count").and_then(Edn::as_i64), Some(3));
/// assert_eq!(job.to_string(), "{:state :queued, :count 3}");
/// assert_eq!(job, "{:count 3N :state :queued}".parse()?);
/// # Ok::<(), faraday_atom::edn::ParseEdnError>(())
/// ```
///
/// - Integers are equal by value (`1` = `1N`), and so are decimals (`1.5M` =
///   `1.50M`), but integers, floats and decimals never equal each other.
/// - Lists and vectors are equal if their elements are.
/// - The order of maps and sets does not count. It is kept, though, and printed.
/// - `0.0` equals `-0.0`, and `NaN` equals itself: Rust's `Eq` demands that,
///   while Clojure's `=` says no.
/// - Byte arrays are equal by content.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Edn {
    /// `nil`
    #[default]
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// An integer of 64 bits: `42`
    Int(i64),
    /// An integer of any size: `42N`
    BigInt(BigInt),
    /// A fraction: `22/7`
    Ratio(Ratio),
    /// A double: `1.5`, `1.0E100`, `##NaN`, `##Inf`, `##-Inf`
    Float(f64),
    /// A decimal of any size: `1.50M`
    BigDec(BigDec),
    /// A character: `\a`, `\newline`
    Char(char),
    /// A string: `"text"`
    Str(String),
    /// A keyword: `:a`, `:a/b`
    Keyword(Name),
    /// A symbol: `a`, `a/b`
    Symbol(Name),
    /// A list: `(1 2)`
    List(Vec<Edn>),
    /// A vector: `[1 2]`
    Vector(Vec<Edn>),
    /// A map: `{:a 1}`
    Map(Map),
    /// A set: `#{1 2}`
    Set(Set),
    /// A tagged literal that has no variant of its own: `#tag form`.
    /// [`Edn::tagged`] takes care of those that have.
    Tagged(Name, Box<Edn>),
    /// A point in time: `#inst "2015-09-26T12:34:56.789-00:00"`
    Inst(Inst),
    /// A uuid: `#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"`
    Uuid(u128),
    /// A byte array: `#bytes [1 2 3]`
    Bytes(Vec<u8>),
}

impl Edn {
    /// The keyword that `name` spells: `"a"` for `:a`, `"a/b"` for `:a/b`.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::keyword("job/count").to_string(), ":job/count");
    /// ```
    #[must_use]
    pub fn keyword(name: &str) -> Edn {
        Edn::Keyword(Name::new(name))
    }

    /// The symbol that `name` spells: `"a"`, `"a/b"`.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::symbol("clojure.core/map").to_string(), "clojure.core/map");
    /// ```
    #[must_use]
    pub fn symbol(name: &str) -> Edn {
        Edn::Symbol(Name::new(name))
    }

    /// A byte array.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::bytes([1, 255]).to_string(), "#bytes [1 255]");
    /// ```
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Edn {
        Edn::Bytes(bytes.into())
    }

    /// A vector.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::vector([1, 2]).to_string(), "[1 2]");
    /// ```
    pub fn vector<T: Into<Edn>>(elements: impl IntoIterator<Item = T>) -> Edn {
        Edn::Vector(elements.into_iter().map(Into::into).collect())
    }

    /// A list.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::list(["a", "b"]).to_string(), r#"("a" "b")"#);
    /// ```
    pub fn list<T: Into<Edn>>(elements: impl IntoIterator<Item = T>) -> Edn {
        Edn::List(elements.into_iter().map(Into::into).collect())
    }

    /// A set; equal elements become one.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::set([1, 2, 1]).to_string(), "#{1 2}");
    /// ```
    pub fn set<T: Into<Edn>>(elements: impl IntoIterator<Item = T>) -> Edn {
        Edn::Set(elements.into_iter().map(Into::into).collect())
    }

    /// A map; of equal keys the last value stays.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// let job = Edn::map([(Edn::keyword("count"), 3)]);
    /// assert_eq!(job.to_string(), "{:count 3}");
    /// ```
    pub fn map<K: Into<Edn>, V: Into<Edn>>(entries: impl IntoIterator<Item = (K, V)>) -> Edn {
        Edn::Map(entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// A tagged literal. Where the tag is one that the reader knows and the
    /// form fits it, this is the value that the reader makes of it.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// assert_eq!(Edn::tagged("my/point", Edn::vector([1, 2])).to_string(), "#my/point [1 2]");
    /// assert_eq!(Edn::tagged("bytes", Edn::vector([1, 2])), Edn::bytes([1, 2]));
    /// ```
    pub fn tagged(tag: impl Into<Name>, form: impl Into<Edn>) -> Edn {
        let (tag, form) = (tag.into(), form.into());
        known_value(&tag, &form).unwrap_or_else(|| Edn::Tagged(tag, Box::new(form)))
    }

    /// The value of a map under `key`: a string stands for a keyword, and for
    /// the string itself where there is no such keyword. See [`Map::get`] for
    /// keys of other kinds.
    ///
    /// ```
    /// # use faraday_atom::Edn;
    /// let value: Edn = r#"{:a 1, "b" 2}"#.parse()?;
    /// assert_eq!(value.get("a"), Some(&Edn::Int(1)));
    /// assert_eq!(value.get("b"), Some(&Edn::Int(2)));
    /// assert_eq!(value.get("c"), None);
    /// # Ok::<(), faraday_atom::edn::ParseEdnError>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Edn> {
        let map = self.as_map()?;
        map.get(&Edn::keyword(key)).or_else(|| map.get(&Edn::from(key)))
    }

    /// Whether this is `nil`.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Edn::Nil)
    }

    /// The boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Edn::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if this is one and fits: `5` and `5N`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Edn::Int(n) => Some(*n),
            Edn::BigInt(n) => n.to_i64(),
            _ => None,
        }
    }

    /// The float, if this is one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        if let Edn::Float(value) = self { Some(*value) } else { None }
    }

    /// The character, if this is one.
    #[must_use]
    pub fn as_char(&self) -> Option<char> {
        if let Edn::Char(value) = self { Some(*value) } else { None }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Edn::Str(value) = self { Some(value) } else { None }
    }

    /// The name of the keyword, if this is one.
    #[must_use]
    pub fn as_keyword(&self) -> Option<&Name> {
        if let Edn::Keyword(name) = self { Some(name) } else { None }
    }

    /// The name of the symbol, if this is one.
    #[must_use]
    pub fn as_symbol(&self) -> Option<&Name> {
        if let Edn::Symbol(name) = self { Some(name) } else { None }
    }

    /// The elements, if this is a vector or a list.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[Edn]> {
        if let Edn::Vector(elements) | Edn::List(elements) = self { Some(elements) } else { None }
    }

    /// The map, if this is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Edn::Map(map) = self { Some(map) } else { None }
    }

    /// The set, if this is one.
    #[must_use]
    pub fn as_set(&self) -> Option<&Set> {
        if let Edn::Set(set) = self { Some(set) } else { None }
    }

    /// The bytes, if this is a byte array.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Edn::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// What this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Edn::Nil => "nil",
            Edn::Bool(_) => "boolean",
            Edn::Int(_) => "integer",
            Edn::BigInt(_) => "big integer",
            Edn::Ratio(_) => "ratio",
            Edn::Float(_) => "float",
            Edn::BigDec(_) => "big decimal",
            Edn::Char(_) => "character",
            Edn::Str(_) => "string",
            Edn::Keyword(_) => "keyword",
            Edn::Symbol(_) => "symbol",
            Edn::List(_) => "list",
            Edn::Vector(_) => "vector",
            Edn::Map(_) => "map",
            Edn::Set(_) => "set",
            Edn::Tagged(..) => "tagged literal",
            Edn::Inst(_) => "instant",
            Edn::Uuid(_) => "uuid",
            Edn::Bytes(_) => "byte array",
        }
    }
}

/// Tags that the reader turns into a value of another kind.
const KNOWN_TAGS: [&str; 6] =
    ["inst", "uuid", "bytes", "atom/keyword", "atom/symbol", "atom/tagged"];

/// What the reader makes of `#tag form` with one of the [`KNOWN_TAGS`]; `None`
/// if the form does not fit the tag, or the tag is another one.
pub(super) fn known_value(tag: &Name, form: &Edn) -> Option<Edn> {
    match (KNOWN_TAGS.into_iter().find(|known| tag.is(known))?, form) {
        ("inst", Edn::Str(text)) => text.parse().ok().map(Edn::Inst),
        ("uuid", Edn::Str(text)) => parse_uuid(text).map(Edn::Uuid),
        ("bytes", Edn::Vector(bytes)) => {
            let byte = |byte: &Edn| byte.as_i64().and_then(|byte| u8::try_from(byte).ok());
            bytes.iter().map(byte).collect::<Option<_>>().map(Edn::Bytes)
        }
        ("atom/keyword", form) => spelled(form).map(Edn::Keyword),
        ("atom/symbol", form) => spelled(form).map(Edn::Symbol),
        ("atom/tagged", Edn::Vector(parts)) => match parts.as_slice() {
            [tag, form] => spelled(tag).map(|tag| Edn::Tagged(tag, Box::new(form.clone()))),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the reader turns literals of this tag into something else.
pub(super) fn is_known_tag(tag: &Name) -> bool {
    KNOWN_TAGS.into_iter().any(|known| tag.is(known))
}

/// A name that is no readable token: `"name"` or `["namespace" "name"]`.
fn spelled(form: &Edn) -> Option<Name> {
    match form {
        Edn::Str(name) => Some(Name::bare(name)),
        Edn::Vector(parts) => match parts.as_slice() {
            [Edn::Str(namespace), Edn::Str(name)] => Some(Name::with_namespace(namespace, name)),
            _ => None,
        },
        _ => None,
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $edn:expr;)*) => {$(
        impl From<$type> for Edn {
            fn from($value: $type) -> Edn {
                $edn
            }
        }
    )*};
}

from! {
    () => |_value| Edn::Nil;
    bool => |value| Edn::Bool(value);
    i32 => |value| Edn::Int(value.into());
    u32 => |value| Edn::Int(value.into());
    i64 => |value| Edn::Int(value);
    u64 => |value| i64::try_from(value).map_or_else(|_| Edn::BigInt(value.into()), Edn::Int);
    f64 => |value| Edn::Float(value);
    char => |value| Edn::Char(value);
    &str => |value| Edn::Str(value.to_owned());
    String => |value| Edn::Str(value);
    BigInt => |value| Edn::BigInt(value);
    Ratio => |value| Edn::Ratio(value);
    BigDec => |value| Edn::BigDec(value);
    Inst => |value| Edn::Inst(value);
    Vec<Edn> => |value| Edn::Vector(value);
    Map => |value| Edn::Map(value);
    Set => |value| Edn::Set(value);
}

impl<T: Into<Edn>> From<Option<T>> for Edn {
    /// `None` is `nil`.
    fn from(value: Option<T>) -> Edn {
        value.map_or(Edn::Nil, Into::into)
    }
}
