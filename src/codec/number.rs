//! Decimal texts as DynamoDB reads them: how long, how large, and their one normal form.

/// The most significant digits that a number may have.
pub(crate) const MAX_DIGITS: usize = 38;

/// What a decimal text denotes, without its digits: `0.d₁d₂… × 10^point`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub negative: bool,
    /// Digits between the first and the last that is not zero; 0 for zero.
    pub significant: usize,
    /// Where the decimal point stands, counted from the first significant digit.
    pub point: i64,
    /// Index of the first significant digit, counted in digits.
    first: usize,
}

impl Decimal {
    /// Reads `-12.50e3` and the like; `None` for everything that is not a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.first()? {
            b'-' => (true, &bytes[1..]),
            b'+' => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let mut digits = 0;
        let mut whole = None;
        let mut first = None;
        let mut last = 0;
        let mut exponent = 0;
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    if *byte != b'0' {
                        first.get_or_insert(digits);
                        last = digits;
                    }
                    digits += 1;
                }
                b'.' if whole.is_none() => whole = Some(digits),
                b'e' | b'E' => {
                    exponent = parse_exponent(&bytes[index + 1..])?;
                    break;
                }
                _ => return None,
            }
        }
        if digits == 0 {
            return None;
        }
        let whole = i64::try_from(whole.unwrap_or(digits)).ok()?;
        Some(match first {
            Some(first) => Self {
                negative,
                significant: last - first + 1,
                point: whole - i64::try_from(first).ok()? + exponent,
                first,
            },
            None => Self { negative, significant: 0, point: 0, first: 0 },
        })
    }

    pub(crate) fn is_zero(self) -> bool {
        self.significant == 0
    }

    /// Would DynamoDB take it: at most 38 digits, zero or from 1E-130 up to below 1E+126?
    pub(crate) fn is_storable(self) -> bool {
        self.significant <= MAX_DIGITS && (self.is_zero() || (-129..=126).contains(&self.point))
    }

    /// The digits that matter, of the text that this was read from.
    fn digits(self, text: &str) -> impl Iterator<Item = char> + '_ {
        text.chars().filter(char::is_ascii_digit).skip(self.first).take(self.significant)
    }
}

fn parse_exponent(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let exponent: i64 = text.parse().ok()?;
    // Far beyond every limit, and sums of it still fit.
    (exponent.abs() < 1_000_000_000).then_some(exponent)
}

/// One text for one number, whatever the way it was written.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let decimal = Decimal::parse(text)?;
    if decimal.is_zero() {
        return Some("0".to_owned());
    }
    let mut out = String::with_capacity(decimal.significant + 8);
    if decimal.negative {
        out.push('-');
    }
    out.extend(decimal.digits(text));
    out.push('e');
    out.push_str(&decimal.point.to_string());
    Some(out)
}

/// The text as a plain integer (`1e2` is `100`, `5.0` is `5`), if it is one of at most 39 digits.
pub(crate) fn as_integer(text: &str) -> Option<String> {
    let decimal = Decimal::parse(text)?;
    if decimal.is_zero() {
        return Some("0".to_owned());
    }
    let length = usize::try_from(decimal.point).ok()?;
    if length < decimal.significant || length > 39 {
        return None;
    }
    let mut out = String::with_capacity(length + 1);
    if decimal.negative {
        out.push('-');
    }
    out.extend(decimal.digits(text));
    out.extend(std::iter::repeat_n('0', length - decimal.significant));
    Some(out)
}

/// Is it written without point and exponent?
pub(crate) fn looks_integral(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// A float in the shortest decimal that reads back as the same float.
///
/// Rust prints no exponent of its own accord; 1e120 with all its zeros is
/// neither readable nor short.
macro_rules! shortest {
    ($value:expr) => {{
        let value = $value;
        let magnitude = value.abs();
        if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            format!("{value:e}")
        } else {
            value.to_string()
        }
    }};
}
pub(crate) use shortest;

#[cfg(test)]
mod tests {
    use super::{Decimal, as_integer, canonical};

    #[test]
    fn one_number_has_one_normal_form() {
        for texts in [
            &["1.50", "1.5", "+1.5", "15e-1", "0.15E1", "01.500"][..],
            &["0", "-0", "0.000", "0e9", ".0"],
            &["100", "1e2", "1E+2", "100.0"],
            &["-0.001", "-1e-3", "-.001"],
        ] {
            let forms: Vec<_> = texts.iter().map(|text| canonical(text)).collect();
            assert!(forms[0].is_some());
            assert!(forms.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
        }
        assert_ne!(canonical("1"), canonical("10"));
        assert_ne!(canonical("1"), canonical("-1"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "inf",
            "NaN",
            " 1",
            "1_0",
            "1.2.3",
            "0x1",
            "1e99999999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn integers_in_any_dress() {
        assert_eq!(as_integer("1e2").as_deref(), Some("100"));
        assert_eq!(as_integer("-5.0").as_deref(), Some("-5"));
        assert_eq!(as_integer("-0").as_deref(), Some("0"));
        assert_eq!(as_integer("1.5"), None);
        assert_eq!(as_integer("1e40"), None);
    }
}
