//! Clojure's `hash`, and the order of elements that follows from it.
//!
//! A Clojure set, and a map of more than eight entries, is a trie over the
//! hashes of its keys, and is printed in the order of that trie: by the lowest
//! five bits of the hash, then by the next five, and so on, `nil` first. Keys of
//! items are written in that order, byte for byte as Clojure writes them.

use super::collection::{Map, Set};
use super::name::Name;
use super::number::BigInt;
use super::value::Edn;

/// Up to this size Clojure keeps the entries of a map in the order in which
/// they were put, which is none that equal maps share: they are sorted by text.
const SMALL_MAP: usize = 8;

/// The texts of the elements as Clojure orders them; equal hashes by text.
pub(super) fn in_set_order(set: &Set, text: impl Fn(&Edn) -> String) -> Vec<String> {
    let mut elements: Vec<_> =
        set.iter().map(|element| (position(element), text(element))).collect();
    elements.sort_unstable();
    elements.into_iter().map(|(_, text)| text).collect()
}

/// The texts of the entries: small maps by the text of the key, larger ones as
/// Clojure orders them.
pub(super) fn in_map_order(map: &Map, text: impl Fn(&Edn) -> String) -> Vec<(String, String)> {
    let place = |key| if map.len() > SMALL_MAP { position(key) } else { (false, 0) };
    let mut entries: Vec<_> =
        map.iter().map(|(key, value)| (place(key), text(key), value)).collect();
    entries.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    entries.into_iter().map(|(_, key, value)| (key, text(value))).collect()
}

/// Where in its trie Clojure keeps this key.
fn position(key: &Edn) -> (bool, u64) {
    let hash = hasheq(key);
    let trie = (0..7).fold(0, |place, level| place << 5 | u64::from(hash >> (5 * level) & 31));
    (!key.is_nil(), trie)
}

/// What Clojure's `hash` gives, as unsigned number. Tagged literals and byte
/// arrays, which Clojure does not hash by content, get a hash of their content.
pub(super) fn hasheq(value: &Edn) -> u32 {
    match value {
        Edn::Nil => 0,
        Edn::Bool(value) => {
            if *value {
                1231
            } else {
                1237
            }
        }
        Edn::Int(n) => of_long(*n),
        Edn::BigInt(n) => n.to_i64().map_or_else(|| of_big_integer(n), of_long),
        Edn::Ratio(ratio) => {
            of_big_integer(ratio.numerator()) ^ of_big_integer(ratio.denominator())
        }
        Edn::Float(value) => {
            let value = if value.is_nan() { f64::NAN } else { *value };
            if value == 0.0 { 0 } else { folded(value.to_bits()) }
        }
        Edn::BigDec(value) => {
            let (negative, digits, scale) = value.normal();
            let unscaled = format!("{}{digits}", if negative { "-" } else { "" });
            let unscaled = unscaled.parse::<BigInt>().map_or(0, |n| of_big_integer(&n));
            unscaled.wrapping_mul(31).wrapping_add(low(scale.cast_unsigned()))
        }
        Edn::Char(c) => u32::from(*c),
        Edn::Str(text) => of_int(of_java_string(text)),
        Edn::Keyword(name) => of_name(name).wrapping_add(0x9e37_79b9),
        Edn::Symbol(name) => of_name(name),
        Edn::List(elements) | Edn::Vector(elements) => ordered(elements.iter().map(hasheq)),
        Edn::Map(map) => unordered(map.iter().map(|(k, v)| ordered([hasheq(k), hasheq(v)]))),
        Edn::Set(set) => unordered(set.iter().map(hasheq)),
        Edn::Tagged(tag, form) => combined(of_name(tag), hasheq(form)),
        Edn::Inst(inst) => folded(inst.unix_millis().cast_unsigned()),
        Edn::Uuid(uuid) => folded(low64(*uuid) ^ low64(*uuid >> 64)),
        Edn::Bytes(bytes) => ordered(bytes.iter().map(|byte| u32::from(*byte))),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low(n: u64) -> u32 {
    n as u32
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low64(n: u128) -> u64 {
    n as u64
}

/// The two halves of a long over each other, as `Long.hashCode`.
fn folded(n: u64) -> u32 {
    low(n) ^ low(n >> 32)
}

/// `String.hashCode`: over UTF-16.
fn of_java_string(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// `BigInteger.hashCode`.
fn of_big_integer(n: &BigInt) -> u32 {
    let (sign, digits) = n.0.to_u32_digits();
    let hash =
        digits.iter().rev().fold(0, |hash: u32, digit| hash.wrapping_mul(31).wrapping_add(*digit));
    if sign == num_bigint::Sign::Minus { hash.wrapping_neg() } else { hash }
}

fn of_name(name: &Name) -> u32 {
    let units: Vec<u32> = name.name().encode_utf16().map(u32::from).collect();
    let mut hash = 0;
    let mut pairs = units.chunks_exact(2);
    for pair in &mut pairs {
        hash = mixed(hash, pair[0] | pair[1] << 16);
    }
    if let [last] = pairs.remainder() {
        hash ^= scrambled(*last);
    }
    let length = u32::try_from(2 * units.len()).unwrap_or(u32::MAX);
    combined(finished(hash, length), name.namespace().map_or(0, of_java_string))
}

/// `Util.hashCombine`; the shift to the right keeps the sign.
fn combined(seed: u32, hash: u32) -> u32 {
    let shifted = (seed.cast_signed() >> 2).cast_unsigned();
    seed ^ hash.wrapping_add(0x9e37_79b9).wrapping_add(seed << 6).wrapping_add(shifted)
}

fn ordered(hashes: impl IntoIterator<Item = u32>) -> u32 {
    let (hash, count) = hashes.into_iter().fold((1u32, 0), |(hash, count), element| {
        (hash.wrapping_mul(31).wrapping_add(element), count + 1)
    });
    finished(mixed(0, hash), count)
}

fn unordered(hashes: impl IntoIterator<Item = u32>) -> u32 {
    let (hash, count) = hashes
        .into_iter()
        .fold((0u32, 0), |(hash, count), element| (hash.wrapping_add(element), count + 1));
    finished(mixed(0, hash), count)
}

/// Murmur3 of one int.
fn of_int(n: u32) -> u32 {
    if n == 0 { 0 } else { finished(mixed(0, n), 4) }
}

/// Murmur3 of one long.
fn of_long(n: i64) -> u32 {
    let n = n.cast_unsigned();
    if n == 0 { 0 } else { finished(mixed(mixed(0, low(n)), low(n >> 32)), 8) }
}

fn scrambled(k: u32) -> u32 {
    k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

fn mixed(hash: u32, k: u32) -> u32 {
    (hash ^ scrambled(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

fn finished(hash: u32, length: u32) -> u32 {
    let mut hash = hash ^ length;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}
