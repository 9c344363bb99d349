//! The printer: [`Edn`] to text, as Clojure's `pr-str` writes it, or in the one
//! order that keys of items are written in.

use std::fmt::{self, Display, Write};

use super::hasheq;
use super::inst::uuid_text;
use super::java_double;
use super::literal::NAMED;
use super::name::{Name, is_readable, is_readable_tag};
use super::path::error;
use super::read::MAX_DEPTH;
use super::value::{Edn, is_known_tag};
use crate::codec::CodecError;

impl Display for Edn {
    /// As Clojure prints it. What Clojure would print in a way that does not
    /// come back (a keyword with a space in it, a symbol named `true`) is
    /// written as a tagged literal that does: `#atom/keyword "a b"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, Order::AsIs)
    }
}

/// In which order maps and sets are written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// In their own.
    AsIs,
    /// In one that all equal maps and sets share.
    Canonical,
}

/// The text of `value` with maps and sets in canonical order.
pub(super) fn canonical(value: &Edn) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, value, Order::Canonical);
    text
}

/// The printed value, if the reader can follow it.
pub(super) fn readable_text(value: &Edn) -> Result<String, CodecError> {
    let too_deep = || error(format!("forms are nested more than {MAX_DEPTH} deep"));
    let depth = depth(value, MAX_DEPTH).ok_or_else(too_deep)?;
    let text = value.to_string();
    // The printed form may be a little deeper than the value: `#bytes [1]`.
    if depth + 4 > MAX_DEPTH && text.parse::<Edn>().is_err() {
        return Err(too_deep());
    }
    Ok(text)
}

/// How deep the value is nested, if not more than `limit`.
fn depth(value: &Edn, limit: usize) -> Option<usize> {
    let deepest = |values: &mut dyn Iterator<Item = &Edn>| {
        let limit = limit.checked_sub(1)?;
        let mut deepest = 1;
        for value in values {
            deepest = deepest.max(1 + depth(value, limit)?);
        }
        Some(deepest)
    };
    match value {
        Edn::List(elements) | Edn::Vector(elements) => deepest(&mut elements.iter()),
        Edn::Set(set) => deepest(&mut set.iter()),
        Edn::Map(map) => deepest(&mut map.iter().flat_map(|(key, value)| [key, value])),
        Edn::Tagged(_, form) => deepest(&mut std::iter::once(&**form)),
        _ => Some(0),
    }
}

fn write(out: &mut impl Write, value: &Edn, order: Order) -> fmt::Result {
    match value {
        Edn::Nil => out.write_str("nil"),
        Edn::Bool(value) => write!(out, "{value}"),
        Edn::Int(n) => write!(out, "{n}"),
        Edn::BigInt(n) => write!(out, "{n}N"),
        Edn::Ratio(ratio) => write!(out, "{ratio}"),
        Edn::Float(value) => write_float(out, *value, order),
        Edn::BigDec(value) => write!(out, "{value}M"),
        Edn::Char(c) => match NAMED.into_iter().find(|(named, _)| named == c) {
            Some((_, name)) => write!(out, "\\{name}"),
            None => write!(out, "\\{c}"),
        },
        Edn::Str(text) => write_string(out, text),
        Edn::Keyword(name) if is_readable(name, true) => write!(out, ":{name}"),
        Edn::Keyword(name) => write_spelled(out, "atom/keyword", name),
        Edn::Symbol(name) if is_readable(name, false) => write!(out, "{name}"),
        Edn::Symbol(name) => write_spelled(out, "atom/symbol", name),
        Edn::List(elements) => write_all(out, "(", elements, ")", order),
        Edn::Vector(elements) => write_all(out, "[", elements, "]", order),
        Edn::Set(set) if order == Order::AsIs => write_all(out, "#{", set.iter(), "}", order),
        Edn::Set(set) => write!(out, "#{{{}}}", hasheq::in_set_order(set, canonical).join(" ")),
        Edn::Map(map) if order == Order::AsIs => write_entries(out, map.iter()),
        Edn::Map(map) => {
            let entries = hasheq::in_map_order(map, canonical);
            let entries: Vec<_> =
                entries.into_iter().map(|(key, value)| format!("{key} {value}")).collect();
            write!(out, "{{{}}}", entries.join(", "))
        }
        Edn::Tagged(tag, form) if is_readable_tag(tag) && !is_known_tag(tag) => {
            write!(out, "#{tag} ")?;
            write(out, form, order)
        }
        Edn::Tagged(tag, form) => {
            out.write_str("#atom/tagged [")?;
            write_name(out, tag)?;
            out.write_str(" ")?;
            write(out, form, order)?;
            out.write_str("]")
        }
        Edn::Inst(inst) => write!(out, "#inst \"{inst}\""),
        Edn::Uuid(uuid) => write!(out, "#uuid \"{}\"", uuid_text(*uuid)),
        Edn::Bytes(bytes) => {
            out.write_str("#bytes [")?;
            for (at, byte) in bytes.iter().enumerate() {
                write!(out, "{}{byte}", if at == 0 { "" } else { " " })?;
            }
            out.write_str("]")
        }
    }
}

fn write_all<'a>(
    out: &mut impl Write,
    open: &str,
    elements: impl IntoIterator<Item = &'a Edn>,
    close: &str,
    order: Order,
) -> fmt::Result {
    out.write_str(open)?;
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            out.write_str(" ")?;
        }
        write(out, element, order)?;
    }
    out.write_str(close)
}

fn write_entries<'a>(
    out: &mut impl Write,
    entries: impl IntoIterator<Item = (&'a Edn, &'a Edn)>,
) -> fmt::Result {
    out.write_str("{")?;
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            out.write_str(", ")?;
        }
        write(out, key, Order::AsIs)?;
        out.write_str(" ")?;
        write(out, value, Order::AsIs)?;
    }
    out.write_str("}")
}

fn write_float(out: &mut impl Write, value: f64, order: Order) -> fmt::Result {
    if value.is_nan() {
        out.write_str("##NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "##Inf" } else { "##-Inf" })
    } else if value == 0.0 && order == Order::Canonical {
        // 0.0 and -0.0 are equal: one text.
        out.write_str("0.0")
    } else {
        out.write_str(&java_double::to_string(value))
    }
}

fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\', '\n', '\t', '\r', '\u{c}', '\u{8}']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\t' => "\\t",
            b'\r' => "\\r",
            0xc => "\\f",
            _ => "\\b",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)?;
    out.write_str("\"")
}

/// A keyword or symbol that no reader would take for one.
fn write_spelled(out: &mut impl Write, tag: &str, name: &Name) -> fmt::Result {
    write!(out, "#{tag} ")?;
    write_name(out, name)
}

fn write_name(out: &mut impl Write, name: &Name) -> fmt::Result {
    match name.namespace() {
        None => write_string(out, name.name()),
        Some(namespace) => {
            out.write_str("[")?;
            write_string(out, namespace)?;
            out.write_str(" ")?;
            write_string(out, name.name())?;
            out.write_str("]")
        }
    }
}
