//! [`Inst`]: a point in time, written `#inst "2015-09-26T12:34:56.789-00:00"`;
//! and the text of uuids.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ParseEdnError;

/// A point in time between the years 0000 and 9999, to the nanosecond.
///
/// It is printed in UTC as Clojure prints a `java.util.Date`, with three digits
/// of the second, or with nine where three are not enough. Dates are those of
/// ISO 8601: the Gregorian calendar, reaching back before its invention.
///
/// ```
/// use faraday_atom::edn::Inst;
///
/// let inst: Inst = "2015-09-26T14:34:56.789+02:00".parse()?;
/// assert_eq!(inst.to_string(), "2015-09-26T12:34:56.789-00:00");
/// assert_eq!(inst.unix_millis(), 1_443_270_896_789);
/// # Ok::<(), faraday_atom::edn::ParseEdnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inst {
    seconds: i64,
    nanos: u32,
}

/// 0000-01-01 and 10000-01-01, in seconds since 1970.
const FIRST: i64 = -62_167_219_200;
const END: i64 = 253_402_300_800;

impl Inst {
    /// The point `seconds` and `nanos` after 1970 began; `None` outside the
    /// years 0000 to 9999 or for a billion nanoseconds or more.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Option<Inst> {
        ((FIRST..END).contains(&seconds) && nanos < 1_000_000_000)
            .then_some(Inst { seconds, nanos })
    }

    /// The point `millis` milliseconds after 1970 began; `None` outside the
    /// years 0000 to 9999.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Inst> {
        let nanos = u32::try_from(millis.rem_euclid(1000)).ok()? * 1_000_000;
        Inst::from_unix(millis.div_euclid(1000), nanos)
    }

    /// Whole seconds since 1970 began, rounded down.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// Milliseconds since 1970 began, rounded down.
    #[must_use]
    pub fn unix_millis(&self) -> i64 {
        self.seconds * 1000 + i64::from(self.nanos / 1_000_000)
    }

    /// The nanoseconds after the whole second.
    #[must_use]
    pub fn subsec_nanos(&self) -> u32 {
        self.nanos
    }

    /// The text of RFC 3339 with a `Z`, which every reader of dates takes.
    pub(super) fn rfc3339(&self) -> String {
        self.to_string().replace("-00:00", "Z")
    }
}

impl From<Inst> for SystemTime {
    fn from(inst: Inst) -> SystemTime {
        let whole = Duration::from_secs(inst.seconds.unsigned_abs());
        let base = if inst.seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
        base + Duration::from_nanos(inst.nanos.into())
    }
}

impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        if self.nanos.is_multiple_of(1_000_000) {
            write!(f, "{:03}-00:00", self.nanos / 1_000_000)
        } else {
            write!(f, "{:09}-00:00", self.nanos)
        }
    }
}

impl FromStr for Inst {
    type Err = ParseEdnError;

    /// Reads what Clojure reads: an RFC 3339 timestamp, cut off anywhere after
    /// the year, with or without an offset.
    fn from_str(text: &str) -> Result<Inst, ParseEdnError> {
        parse(text).ok_or_else(|| ParseEdnError::new(0, format!("not a timestamp: `{text}`")))
    }
}

fn parse(text: &str) -> Option<Inst> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let (mut month, mut day, mut hour, mut minute, mut second, mut nanos) = (1, 1, 0, 0, 0, 0);
    // Each part may only follow the one before it.
    'parts: {
        // A `-` or `+` followed by `dd:dd` and the end is an offset, not the next part.
        if offset(rest).is_some() || !take(&mut rest, '-') {
            break 'parts;
        }
        month = digits(&mut rest, 2)?;
        if offset(rest).is_some() || !take(&mut rest, '-') {
            break 'parts;
        }
        day = digits(&mut rest, 2)?;
        if !take(&mut rest, 'T') {
            break 'parts;
        }
        hour = digits(&mut rest, 2)?;
        if !take(&mut rest, ':') {
            break 'parts;
        }
        minute = digits(&mut rest, 2)?;
        if !take(&mut rest, ':') {
            break 'parts;
        }
        second = digits(&mut rest, 2)?;
        if take(&mut rest, '.') {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (fraction, after) = rest.split_at(end);
            nanos = format!("{fraction:0<9}").get(..9)?.parse().ok().filter(|_| end > 0)?;
            rest = after;
        }
    }
    let (offset, minutes_in_hour) = offset(rest)?;
    let leap = if minute == 59 { 60 } else { 59 };
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > leap
        || minutes_in_hour > 59
    {
        return None;
    }
    Inst::from_unix(
        days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset,
        nanos,
    )
}

/// Seconds east of UTC, and the minutes as written; nothing at all means UTC.
fn offset(text: &str) -> Option<(i64, i64)> {
    if text.is_empty() || text == "Z" {
        return Some((0, 0));
    }
    let mut rest = text;
    let sign = if take(&mut rest, '-') {
        -1
    } else if take(&mut rest, '+') {
        1
    } else {
        return None;
    };
    let hours = digits(&mut rest, 2)?;
    let minutes = if take(&mut rest, ':') { digits(&mut rest, 2)? } else { return None };
    (rest.is_empty() && hours <= 23).then_some((sign * (hours * 3600 + minutes * 60), minutes))
}

fn digits(rest: &mut &str, count: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(count)?;
    *rest = after;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())?
}

fn take(rest: &mut &str, c: char) -> bool {
    match rest.strip_prefix(c) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. The year is counted from March, in eras of 400 years.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * march + 2) / 5 + 1)
}

/// The canonical text of a uuid.
pub(super) fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Reads `8-4-4-4-12` hexadecimal digits.
pub(super) fn parse_uuid(text: &str) -> Option<u128> {
    let mut uuid = 0;
    let mut parts = text.split('-');
    for length in [8, 4, 4, 4, 12] {
        let part = parts.next().filter(|part| part.len() == length)?;
        for c in part.chars() {
            uuid = uuid << 4 | u128::from(c.to_digit(16)?);
        }
    }
    parts.next().is_none().then_some(uuid)
}
