//! The only time types of the core: a point in time and a length of time, both in microseconds.
//!
//! Nothing here reads a clock. Timestamps come in with packets and operator inputs; what prints one
//! prints UTC, and the site's zone is applied by `rules::calendar` alone.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Saturates at the ends instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of time in microseconds, possibly negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Timestamp {
    /// The latest point that can be told; no deadline is later.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// A point from microseconds since the Unix epoch.
    pub const fn from_micros(us: i64) -> Timestamp {
        Timestamp(us)
    }

    /// A point from seconds and nanoseconds since the Unix epoch, as captures write it; nanoseconds are
    /// cut to whole microseconds.
    pub const fn from_parts(secs: i64, nanos: u32) -> Timestamp {
        Timestamp(secs.saturating_mul(1_000_000).saturating_add((nanos / 1_000) as i64))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to `self`; negative if `earlier` is the later one.
    pub const fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// The earlier of two points that may not be set.
#[inline]
pub fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of `us` microseconds.
    pub const fn from_micros(us: i64) -> Span {
        Span(us)
    }

    /// A span of `ms` milliseconds.
    pub const fn from_millis(ms: i64) -> Span {
        Span(ms.saturating_mul(1_000))
    }

    /// A span of `s` seconds.
    pub const fn from_secs(s: i64) -> Span {
        Span(s.saturating_mul(1_000_000))
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, cut towards zero.
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000
    }

    /// Whole seconds, cut towards zero.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000_000
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Timestamp {
    /// RFC 3339 in UTC with six digits, `2026-11-20T21:14:07.123456Z`, but for years that need more than four.
    pub fn text(self) -> Option<[u8; 27]> {
        let (year, text) = self.year_and_text();
        (0..=9_999).contains(&year).then_some(text)
    }

    /// The year, and the text with the last four digits of it.
    fn year_and_text(self) -> (i64, [u8; 27]) {
        let (days, us) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let (s, us) = ((us / 1_000_000) as u32, (us % 1_000_000) as u32);
        let of_four = year.unsigned_abs() as u32;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (at, n) in [
            (0, of_four / 100),
            (2, of_four),
            (5, month as u32),
            (8, day as u32),
            (11, s / 3_600),
            (14, s / 60 % 60),
            (17, s % 60),
            (20, us / 10_000),
            (22, us / 100),
            (24, us),
        ] {
            text[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        }
        (year, text)
    }
}

/// RFC 3339 in UTC with six digits: `2026-11-20T21:14:07.123456Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, text) = self.year_and_text();
        let from = if (0..=9_999).contains(&year) { 0 } else { 4 };
        if from > 0 {
            write!(f, "{year:04}")?;
        }
        f.write_str(std::str::from_utf8(&text[from..]).map_err(|_| fmt::Error)?)
    }
}

/// The numbers below a hundred in two digits.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        let at: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(Timestamp(at.as_microsecond()))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Timestamp")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = r"^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$";
        json_schema!({ "type": "string", "format": "date-time", "pattern": pattern })
    }
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// Works for every `Timestamp`, also those a corrupt capture names, which no calendar library takes.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

const DAY: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339_with_six_digits() {
        let at = Timestamp::from_parts(1_795_198_624, 651_000_999);
        assert_eq!(at.to_string(), "2026-11-20T18:17:04.651000Z");
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn agrees_with_the_calendar_library_on_every_day_of_four_centuries() {
        for day in -150_000..150_000 {
            let ours = Timestamp::from_micros(day * DAY);
            let theirs = jiff::Timestamp::from_microsecond(day * DAY).expect("in range");
            assert_eq!(ours.to_string()[..19], theirs.to_string()[..19]);
        }
    }

    #[test]
    fn the_ends_of_time_neither_wrap_nor_panic() {
        assert_eq!(Timestamp::MAX + Span::from_secs(1), Timestamp::MAX);
        assert!(!Timestamp::from_micros(i64::MIN).to_string().is_empty());
        assert_eq!(Timestamp::from_parts(i64::MAX, 0), Timestamp::MAX);
    }
}
