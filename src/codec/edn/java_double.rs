//! Doubles as the JVM prints them, digit for digit, up to JDK 18.
//!
//! Rust prints the shortest digits that read back as the same double; the JVM
//! did so only from JDK 19 on. Before, it sometimes printed a digit more
//! (`9.999999999999999E22` for 1e23, `2.0E-3` as `0.002` but 2^-44 as
//! `5.6843418860808015E-14`). The text of a double only matters where it is
//! (part of) a key, and there it matters to the last digit: the tables at hand
//! were written by JDK 17 and older.
//!
//! The method is the classical one: the double is a fraction `b / s`; digits
//! are divided off one by one until what is left is within half a unit in the
//! last place `m` of either end. What is peculiar to the JVM is marked below.

use std::cmp::Ordering;

use num_bigint::BigUint;

/// Prints a finite double.
pub(super) fn to_string(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0.0");
    }
    let (digits, point) = digits(value.abs());
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let or_zero = |rest: &str| if rest.is_empty() { "0".to_owned() } else { rest.to_owned() };
    let width = |n: i32| usize::try_from(n).unwrap_or(0);
    match point {
        1..8 if count <= point => format!("{sign}{digits}{:0<1$}.0", "", width(point - count)),
        1..8 => format!("{sign}{}.{}", &digits[..width(point)], &digits[width(point)..]),
        -2..=0 => format!("{sign}0.{:0<1$}{digits}", "", width(-point)),
        _ => format!("{sign}{}.{}E{}", &digits[..1], or_zero(&digits[1..]), point - 1),
    }
}

/// The digits that the JVM chooses, and where the point stands among them.
fn digits(value: f64) -> (String, i32) {
    let bits = value.to_bits();
    let (mut fraction, mut exponent) =
        (bits & ((1 << 52) - 1), i32::try_from(bits >> 52).unwrap_or(0));
    let significant;
    if exponent == 0 {
        let zeros = i32::try_from(fraction.leading_zeros()).unwrap_or(0);
        fraction <<= zeros - 11;
        exponent = 12 - zeros;
        significant = 64 - zeros;
    } else {
        fraction |= 1 << 52;
        significant = 53;
    }
    exponent -= 1023;
    let tail = i32::try_from(fraction.trailing_zeros()).unwrap_or(0);
    let width = 53 - tail;
    let tiny = (width - exponent - 1).max(0);
    if tiny == 0 && exponent <= 62 {
        let whole =
            if exponent >= 52 { fraction << (exponent - 52) } else { fraction >> (52 - exponent) };
        return whole_digits(whole, exponent, significant);
    }

    let mut point = estimate(fraction, exponent);
    let b5 = (-point).max(0);
    let s5 = point.max(0);
    let mut b2 = b5 + tiny + exponent;
    let mut s2 = s5 + tiny;
    let mut m2 = b2 - significant;
    fraction >>= tail;
    b2 -= width - 1;
    let common = b2.min(s2);
    (b2, s2, m2) = (b2 - common, s2 - common, m2 - common);
    // Below a power of two the doubles lie twice as dense.
    if width == 1 {
        m2 -= 1;
    }
    if m2 < 0 {
        (b2, s2, m2) = (b2 - m2, s2 - m2, 0);
    }
    let powers = Powers { fraction, b5, b2, s5, s2, m2 };
    let b_bits = width + b2 + bits_of_power_of_5(b5);
    let ten_s_bits = s2 + 1 + bits_of_power_of_5(s5 + 1);
    // The JVM counts in 32 bits, in 64 or in as many as it takes, and its three
    // ways differ in what they do at the very edge.
    if b_bits < 64 && ten_s_bits < 64 {
        powers.in_words(&mut point, b_bits < 32 && ten_s_bits < 32)
    } else {
        powers.in_big_numbers(&mut point)
    }
}

/// A whole number below 2^63: exact, but for the digits that its 53 bits
/// cannot carry.
fn whole_digits(mut whole: u64, exponent: i32, significant: i32) -> (String, i32) {
    let mut dropped = 0;
    // How many decimal digits lie below one unit in the last place.
    let excess = exponent - significant - 1;
    if excess > 1 {
        dropped = u32::try_from(excess * 30103 / 100_000).unwrap_or(0);
        let unit = 10u64.pow(dropped);
        let up = whole % unit >= unit / 2 && dropped > 0;
        whole = whole / unit + u64::from(up);
    }
    let text = whole.to_string();
    let point = i32::try_from(text.len()).unwrap_or(0) + i32::try_from(dropped).unwrap_or(0);
    (text.trim_end_matches('0').to_owned(), point)
}

/// The decimal exponent, or one more.
#[allow(clippy::cast_possible_truncation, reason = "the result is below 400")]
#[allow(clippy::approx_constant, reason = "an approximation, and the JVM's own")]
fn estimate(fraction: u64, exponent: i32) -> i32 {
    let mantissa = f64::from_bits((1023 << 52) | (fraction & ((1 << 52) - 1)));
    // The JVM's own constants: log10(1.5) and log10(2), and a tangent at 1.5.
    let log = (mantissa - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(exponent) * 0.301_029_995_663_981;
    log.floor() as i32
}

/// How many bits the JVM reckons for a power of five.
fn bits_of_power_of_5(power: i32) -> i32 {
    match u32::try_from(power) {
        Ok(0) => 0,
        Ok(power) if power < 27 => 64 - i32::try_from(5u64.pow(power).leading_zeros()).unwrap_or(0),
        _ => power * 3,
    }
}

/// `b / s` is the double and `m / s` half its unit in the last place, as
/// powers of two and five.
struct Powers {
    fraction: u64,
    b5: i32,
    b2: i32,
    s5: i32,
    s2: i32,
    m2: i32,
}

impl Powers {
    #[allow(clippy::cast_possible_truncation, reason = "the JVM counts modulo 2^32 here")]
    fn in_words(&self, point: &mut i32, narrow: bool) -> (String, i32) {
        let fit = |n: i64| if narrow { i64::from(n as i32) } else { n };
        let five = |power: i32| 5i64.pow(u32::try_from(power).unwrap_or(0));
        let times = |a: i64, b: i64| fit(a.wrapping_mul(b));
        let mut b = fit(times(self.fraction.cast_signed(), five(self.b5)) << self.b2);
        let s = fit(five(self.s5) << self.s2);
        let mut m = fit(five(self.b5) << self.m2);
        let ten_s = times(s, 10);
        let mut digits = Digits::default();
        loop {
            let digit = b / s;
            b = times(10, b % s);
            m = times(m, 10);
            // Where `m` overflows it is certainly the larger.
            let low = b < m || m <= 0;
            let high = b.wrapping_add(m) > ten_s || m <= 0;
            if digits.push(digit, low, high, point) {
                let from_the_middle = fit(b.wrapping_mul(2).wrapping_sub(ten_s));
                return digits.rounded(from_the_middle.cmp(&0), *point);
            }
        }
    }

    fn in_big_numbers(&self, point: &mut i32) -> (String, i32) {
        let five = |power: i32| BigUint::from(5u8).pow(u32::try_from(power).unwrap_or(0));
        let mut b = (five(self.b5) * self.fraction) << self.b2;
        let s = five(self.s5) << self.s2;
        let mut m = five(self.b5) << self.m2;
        let ten_s = &s * 10u8;
        let mut digits = Digits::default();
        loop {
            let digit = &b / &s;
            b = (b % &s) * 10u8;
            m *= 10u8;
            let low = b < m;
            // Here, and only here, the upper end itself counts.
            let high = &b + &m >= ten_s;
            let digit = digit.iter_u64_digits().next().unwrap_or(0).cast_signed();
            if digits.push(digit, low, high, point) {
                return digits.rounded((b * 2u8).cmp(&ten_s), *point);
            }
        }
    }
}

#[derive(Default)]
struct Digits {
    done: Vec<u8>,
    started: bool,
    low: bool,
    high: bool,
}

impl Digits {
    /// Takes the next digit, and says whether it was the last.
    fn push(&mut self, digit: i64, low: bool, high: bool, point: &mut i32) -> bool {
        (self.low, self.high) = (low, high);
        let first = !std::mem::replace(&mut self.started, true);
        if first && digit == 0 && !high {
            // The estimate was one too high.
            *point -= 1;
        } else {
            self.done.push(u8::try_from(digit).unwrap_or(0));
        }
        // With an exponent, the JVM always wants a digit after the point.
        if first && !(-3..8).contains(point) {
            return false;
        }
        low || high
    }

    /// Rounds the last digit, given on which side of the middle the rest lies.
    fn rounded(mut self, rest: Ordering, mut point: i32) -> (String, i32) {
        let odd = self.done.last().is_some_and(|digit| digit % 2 == 1);
        let up = self.high
            && (!self.low || rest == Ordering::Greater || (rest == Ordering::Equal && odd));
        if up {
            let nines = self.done.iter().rev().take_while(|digit| **digit == 9).count();
            let at = self.done.len() - nines;
            self.done[at..].fill(0);
            if at == 0 {
                self.done[0] = 1;
                point += 1;
            } else {
                self.done[at - 1] += 1;
            }
        }
        let text = self.done.iter().map(|digit| char::from(b'0' + digit)).collect();
        (text, point + 1)
    }
}
