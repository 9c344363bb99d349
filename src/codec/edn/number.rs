//! The numbers that Rust has no type for: [`BigInt`], [`Ratio`], [`BigDec`].
//!
//! They stand on `num-bigint` (well kept, and needed for reducing ratios, for
//! reading any radix and for printing doubles as the JVM does), but keep it out
//! of the public interface.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use num_bigint::{BigInt as Int, Sign};
use num_integer::Integer;

use super::ParseEdnError;

/// An integer of any size: Clojure's `BigInt`, printed with an `N`.
///
/// ```
/// use faraday_atom::edn::BigInt;
///
/// let n: BigInt = "123456789012345678901234567890".parse()?;
/// assert_eq!(n.to_string(), "123456789012345678901234567890");
/// assert_eq!(BigInt::from(5).to_i128(), Some(5));
/// # Ok::<(), faraday_atom::edn::ParseEdnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BigInt(pub(super) Int);

impl BigInt {
    /// The number as an `i64`, if it fits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(&self.0).ok()
    }

    /// The number as an `i128`, if it fits.
    #[must_use]
    pub fn to_i128(&self) -> Option<i128> {
        i128::try_from(&self.0).ok()
    }

    /// The number as a `u128`, if it fits.
    #[must_use]
    pub fn to_u128(&self) -> Option<u128> {
        u128::try_from(&self.0).ok()
    }

    /// The nearest `f64`; infinite if the number is too large.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        // Rust's parser rounds correctly, whatever the length.
        self.0.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The number that `digits`, with an optional sign, spell in `radix`.
    pub(super) fn from_radix(digits: &str, radix: u32) -> Option<BigInt> {
        // num-bigint lets underscores pass.
        if digits.contains('_') {
            return None;
        }
        Int::parse_bytes(digits.as_bytes(), radix).map(BigInt)
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for BigInt {
    type Err = ParseEdnError;

    /// Reads decimal digits with an optional sign, with or without an `N` at the end.
    fn from_str(text: &str) -> Result<BigInt, ParseEdnError> {
        BigInt::from_radix(text.strip_suffix('N').unwrap_or(text), 10)
            .ok_or_else(|| ParseEdnError::new(0, format!("not an integer: `{text}`")))
    }
}

impl From<i128> for BigInt {
    fn from(n: i128) -> BigInt {
        BigInt(n.into())
    }
}

impl From<u128> for BigInt {
    fn from(n: u128) -> BigInt {
        BigInt(n.into())
    }
}

impl From<i64> for BigInt {
    fn from(n: i64) -> BigInt {
        BigInt(n.into())
    }
}

impl From<u64> for BigInt {
    fn from(n: u64) -> BigInt {
        BigInt(n.into())
    }
}

impl From<i32> for BigInt {
    fn from(n: i32) -> BigInt {
        BigInt(n.into())
    }
}

/// A fraction in lowest terms that is not a whole number: Clojure's `Ratio`.
///
/// ```
/// use faraday_atom::edn::Ratio;
///
/// let third = Ratio::new(2.into(), 6.into()).expect("not a whole number");
/// assert_eq!(third.to_string(), "1/3");
/// assert!(Ratio::new(4.into(), 2.into()).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: BigInt,
    denominator: BigInt,
}

impl Ratio {
    /// The fraction in lowest terms; `None` if it is a whole number or the
    /// denominator is zero.
    #[must_use]
    pub fn new(numerator: BigInt, denominator: BigInt) -> Option<Ratio> {
        match reduce(numerator.0, denominator.0) {
            Some(Reduced::Ratio(ratio)) => Some(ratio),
            _ => None,
        }
    }

    /// The number above the line; it carries the sign.
    #[must_use]
    pub fn numerator(&self) -> &BigInt {
        &self.numerator
    }

    /// The number below the line, always above one.
    #[must_use]
    pub fn denominator(&self) -> &BigInt {
        &self.denominator
    }

    /// A double near the ratio, exact to its last digits.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        // Forty significant decimal digits, then Rust's parser.
        let (n, d) = (&self.numerator.0, &self.denominator.0);
        // A bit is 0.30103 of a decimal digit; whole numbers are exact enough here.
        let digits = |bits: u64| i64::try_from(bits).unwrap_or(i64::MAX / 1000) * 30103 / 100_000;
        let scale = 40 - digits(n.bits()) + digits(d.bits());
        let ten = |power: i64| Int::from(10).pow(u32::try_from(power).unwrap_or(0));
        let quotient = if scale >= 0 { n * ten(scale) / d } else { n / (d * ten(-scale)) };
        format!("{quotient}e{}", -scale).parse().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// A fraction in lowest terms.
pub(super) enum Reduced {
    Whole(BigInt),
    Ratio(Ratio),
}

/// Brings a fraction into lowest terms; `None` if the denominator is zero.
pub(super) fn reduce(numerator: Int, denominator: Int) -> Option<Reduced> {
    if denominator.sign() == Sign::NoSign {
        return None;
    }
    let mut divisor = numerator.gcd(&denominator);
    if denominator.sign() == Sign::Minus {
        divisor = -divisor;
    }
    let (numerator, denominator) = (numerator / &divisor, denominator / &divisor);
    Some(if denominator == Int::from(1) {
        Reduced::Whole(BigInt(numerator))
    } else {
        Reduced::Ratio(Ratio { numerator: BigInt(numerator), denominator: BigInt(denominator) })
    })
}

/// A decimal number of any size and precision: Clojure's `BigDecimal`, printed
/// with an `M`.
///
/// The scale is kept, so `1.50M` is printed `1.50M`. It does not count for
/// equality, as in Clojure since 1.6, where `(= 1.5M 1.50M)` is true.
///
/// ```
/// use faraday_atom::edn::BigDec;
///
/// let price: BigDec = "1.50".parse()?;
/// assert_eq!(price.to_string(), "1.50");
/// assert_eq!(price, "1.5".parse()?);
/// assert_eq!("1E+50".parse::<BigDec>()?.to_string(), "1E+50");
/// # Ok::<(), faraday_atom::edn::ParseEdnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BigDec {
    negative: bool,
    /// Without leading zeros, `0` for zero.
    digits: String,
    /// How many of the digits stand behind the point.
    scale: i32,
}

impl BigDec {
    /// The nearest `f64`; infinite if the number is too large.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}e{}", self.digits, -i64::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// The number of digits behind the point; negative where zeros before it
    /// are left out, as in `1E+50M`.
    #[must_use]
    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// Sign, digits and scale without trailing zeros: the same for equal numbers.
    pub(super) fn normal(&self) -> (bool, &str, i64) {
        let digits = self.digits.trim_end_matches('0');
        if digits.is_empty() {
            return (false, "0", 0);
        }
        let dropped = i64::try_from(self.digits.len() - digits.len()).unwrap_or(i64::MAX);
        (self.negative, digits, i64::from(self.scale) - dropped)
    }
}

impl PartialEq for BigDec {
    fn eq(&self, other: &BigDec) -> bool {
        self.normal() == other.normal()
    }
}

impl Eq for BigDec {}

impl Hash for BigDec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal().hash(state);
    }
}

impl fmt::Display for BigDec {
    /// As `java.math.BigDecimal` prints itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let count = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let scale = i64::from(self.scale);
        let exponent = count - 1 - scale;
        if scale == 0 {
            return f.write_str(&self.digits);
        }
        if scale > 0 && exponent >= -6 {
            // Small enough: the scale is at most a few more than the digits.
            let point = usize::try_from(scale).unwrap_or(usize::MAX);
            let padded = format!("{:0>width$}", self.digits, width = point.saturating_add(1));
            let (whole, fraction) = padded.split_at(padded.len() - point);
            return write!(f, "{whole}.{fraction}");
        }
        let (first, rest) = self.digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        if exponent == 0 { Ok(()) } else { write!(f, "E{exponent:+}") }
    }
}

impl FromStr for BigDec {
    type Err = ParseEdnError;

    /// Reads `-1.50`, `1E+50`, `1.`, with or without an `M` at the end.
    fn from_str(text: &str) -> Result<BigDec, ParseEdnError> {
        parse_decimal(text.strip_suffix('M').unwrap_or(text))
            .ok_or_else(|| ParseEdnError::new(0, format!("not a decimal number: `{text}`")))
    }
}

fn parse_decimal(text: &str) -> Option<BigDec> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let digits = match all.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    Some(BigDec {
        negative: negative && digits != "0",
        digits: digits.to_owned(),
        scale: i32::try_from(scale).ok()?,
    })
}
