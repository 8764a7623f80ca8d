//! Telephone numbers: what a dialled or shown user part means, and how it may be printed.
//!
//! A `Number` is E.164. Its `Display` is redacted, so that a log line can't leak one; what must show the
//! whole number asks for `e164()`. `Dialplan` turns the user part of a URI into a `Party`; `textability` says
//! whether a text may go to a number at all, whoever's it is.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod dialplan;
mod nanp;
mod textable;

pub use dialplan::Dialplan;
pub use textable::{Untextable, textability};

/// An E.164 number: one to fifteen digits, the first not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

/// One side of a call: an E.164 number, or the digits (or user name) as sent where none follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A number that can be called from anywhere.
    Number(Number),
    /// An extension, a short code, or a user name.
    Digits(Box<str>),
}

impl Number {
    /// Reads `+` and one to fifteen digits, or the digits alone (E.164 6.1: at most fifteen).
    pub fn parse(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('+').unwrap_or(text).as_bytes();
        if !(1..=15).contains(&digits.len()) || digits.first() == Some(&b'0') {
            return None;
        }
        let value = |digit: &u8| digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
        digits.iter().try_fold(0, |sum, digit| Some(sum * 10 + value(digit)?)).map(Number)
    }

    /// The digits without `+`, as an integer.
    pub const fn digits(self) -> u64 {
        self.0
    }

    /// The whole number, `+13125550142`: for gateways and records, never for a log line.
    pub fn e164(self) -> String {
        format!("+{}", self.0)
    }

    /// How people at home write it: `312-555-0142` for a number of the North American plan, else E.164.
    pub fn national(self) -> String {
        match nanp::split(self) {
            Some((area, exchange, line)) => format!("{area:03}-{exchange:03}-{line:04}"),
            None => self.e164(),
        }
    }
}

impl Party {
    /// The number, if this is one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Party::Number(number) => Some(*number),
            Party::Digits(_) => None,
        }
    }

    /// What a record shows: the E.164 form, or the digits as sent.
    pub fn shown(&self) -> String {
        match self {
            Party::Number(number) => number.e164(),
            Party::Digits(digits) => digits.to_string(),
        }
    }

    /// What people of the country write: the national form of a number, or the digits as sent.
    pub fn national(&self) -> String {
        match self {
            Party::Number(number) => number.national(),
            Party::Digits(digits) => digits.to_string(),
        }
    }
}

/// Redacted: `+1…0142`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        match digits.len() {
            0..=6 => write!(f, "+…"),
            n => write!(f, "+{}…{}", &digits[..1], &digits[n - 4..]),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("+{}", self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Number, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Number::parse(&text).ok_or_else(|| de::Error::custom("not an E.164 number"))
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Party::Number(number) => number.serialize(s),
            Party::Digits(digits) => s.serialize_str(digits),
        }
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Party, D::Error> {
        let text = String::deserialize(d)?;
        Ok(match text.strip_prefix('+').and_then(Number::parse) {
            Some(number) => Party::Number(number),
            None => Party::Digits(text.into()),
        })
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Number")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\+[1-9][0-9]{0,14}$" })
    }
}

impl JsonSchema for Party {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Party")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let meaning = "An E.164 number with +, or the digits or user name as sent where none follows.";
        json_schema!({ "type": "string", "description": meaning })
    }
}
