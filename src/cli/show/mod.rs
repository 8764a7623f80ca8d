//! What people read: tables, CSV and explanations, made from the journal's facts.
//!
//! Everything a caller sent is shown without control characters, and never as a formula.

pub mod csv;
pub mod explain;
pub mod keys;
pub mod table;
pub mod words;

use std::borrow::Cow;
use std::fmt::Write;

use jiff::tz::TimeZone;

use crate::time::{Span, Timestamp};

/// A time in the site's zone with its offset, `2026-11-20 15:14:07-06:00`; UTC where it can't be told.
pub fn local(at: Timestamp, tz: &TimeZone) -> String {
    let Ok(instant) = jiff::Timestamp::from_microsecond(at.as_micros()) else { return at.to_string() };
    let seconds = tz.to_offset(instant).seconds();
    let here = at + Span::from_secs(i64::from(seconds));
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let mut text = here.to_string();
    text.truncate(text.len().saturating_sub(".123456Z".len()));
    let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    text.replacen('T', " ", 1)
}

/// Text from outside as it may be shown: control characters and what steers the direction of text replaced.
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a text is printable ASCII, so that each byte is a character of one column.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, b| plain & (b' '..=b'~').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_carries_its_offset() {
        let at = Timestamp::from_parts(1_795_198_624, 0);
        let chicago = TimeZone::get("America/Chicago").expect("bundled");
        assert_eq!(local(at, &chicago), "2026-11-20 12:17:04-06:00");
        assert_eq!(local(at, &TimeZone::UTC), "2026-11-20 18:17:04+00:00");
    }

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        assert_eq!(clean("a\u{1b}[31m\nb\u{202e}"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
    }
}
