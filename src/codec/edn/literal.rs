//! What single words mean: numbers and characters.

use num_bigint::BigInt as Int;

use super::number::{BigInt, Reduced, reduce};
use super::value::Edn;

/// `Inf`, `-Inf` and `NaN`, which follow a `##`.
pub(super) fn symbolic(word: &str) -> Option<Edn> {
    match word {
        "Inf" => Some(Edn::Float(f64::INFINITY)),
        "-Inf" => Some(Edn::Float(f64::NEG_INFINITY)),
        "NaN" => Some(Edn::Float(f64::NAN)),
        _ => None,
    }
}

/// Reads a number in any of Clojure's notations: `42`, `42N`, `0x2A`, `052`,
/// `36rZZ`, `22/7`, `1.5`, `1e3`, `1.50M`.
pub(super) fn number(word: &str) -> Option<Edn> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    if !unsigned.starts_with('0')
        && all_digits(unsigned)
        && let Ok(n) = word.parse()
    {
        return Some(Edn::Int(n));
    }
    let sign = if word.starts_with('-') { "-" } else { "" };
    if let Some((numerator, denominator)) = unsigned.split_once('/') {
        return ratio(sign, numerator, denominator);
    }
    let (digits, big) = match unsigned.strip_suffix('N') {
        Some(digits) => (digits, true),
        None => (unsigned, false),
    };
    if all_digits(digits) {
        return match digits.strip_prefix('0') {
            Some(octal) if !octal.is_empty() => integer(sign, octal, 8, big),
            _ => integer(sign, digits, 10, big),
        };
    }
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return integer(sign, hex, 16, big);
    }
    // Here an `N` is a digit like others.
    if let Some((radix, digits)) = unsigned.split_once(['r', 'R'])
        && (1..=2).contains(&radix.len())
        && all_digits(radix)
        && !radix.starts_with('0')
    {
        let radix = radix.parse().ok().filter(|radix| (2..=36).contains(radix))?;
        return integer(sign, digits, radix, false);
    }
    let (number, decimal) = match unsigned.strip_suffix('M') {
        Some(number) => (number, true),
        None => (unsigned, false),
    };
    if !is_float(number) {
        return None;
    }
    if decimal { word.parse().ok().map(Edn::BigDec) } else { word.parse().ok().map(Edn::Float) }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn integer(sign: &str, digits: &str, radix: u32, big: bool) -> Option<Edn> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let text = format!("{sign}{digits}");
    match i64::from_str_radix(&text, radix) {
        Ok(n) if !big => Some(Edn::Int(n)),
        _ => BigInt::from_radix(&text, radix).map(Edn::BigInt),
    }
}

fn ratio(sign: &str, numerator: &str, denominator: &str) -> Option<Edn> {
    if !all_digits(numerator) || !all_digits(denominator) {
        return None;
    }
    let parse = |text: &str| text.parse::<Int>().ok();
    Some(match reduce(parse(&format!("{sign}{numerator}"))?, parse(denominator)?)? {
        Reduced::Ratio(ratio) => Edn::Ratio(ratio),
        Reduced::Whole(n) => n.to_i64().map_or(Edn::BigInt(n), Edn::Int),
    })
}

/// `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    all_digits(whole)
        && (fraction.is_empty() || all_digits(fraction))
        && exponent.is_none_or(|exponent| {
            all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        })
}

/// Characters that have names.
pub(super) const NAMED: [(char, &str); 6] = [
    ('\n', "newline"),
    (' ', "space"),
    ('\t', "tab"),
    ('\r', "return"),
    ('\u{8}', "backspace"),
    ('\u{c}', "formfeed"),
];

/// Reads what follows the backslash of a character.
pub(super) fn character(word: &str) -> Option<char> {
    let mut chars = word.chars();
    let first = chars.next()?;
    let rest = chars.as_str();
    if rest.is_empty() {
        return Some(first);
    }
    if let Some((c, _)) = NAMED.into_iter().find(|(_, name)| *name == word) {
        return Some(c);
    }
    let code = |radix| {
        let digits = rest.chars().all(|c| c.is_digit(radix));
        u32::from_str_radix(rest, radix).ok().filter(|_| digits)
    };
    match first {
        'u' if rest.len() == 4 => code(16).and_then(char::from_u32),
        'o' if rest.len() <= 3 => code(8).filter(|code| *code <= 0o377).and_then(char::from_u32),
        _ => None,
    }
}
