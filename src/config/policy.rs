//! `[policy]`: how long what is known of people is kept.

use super::file;
use super::reading::{Here, Reading};
use super::value::{self, Wrong};
use crate::time::Span;

impl Reading<'_> {
    pub(super) fn policy(&mut self, _: &Here, policy: file::Policy) {
        let records = self.optional("records_for", policy.records_for, some_years);
        let voicemail = self.optional("voicemail_for", policy.voicemail_for, some_years);
        self.settings.policy.records_for = records;
        self.settings.policy.voicemail_for = voicemail;
    }
}

/// A length of time that may be written in years of 365 days, and isn't so short that work in hand would go.
fn some_years(text: &str) -> Result<Span, Wrong> {
    let years = text.strip_suffix('y').and_then(|years| years.parse::<i64>().ok());
    let span = match years {
        Some(years @ 1..=100) => Span::from_secs(years * 365 * 86_400),
        Some(_) => return Err(format!("`{text}` can't be; write from `1y` to `100y`")),
        None => value::some_span(text)?,
    };
    match span < LEAST {
        true => Err(format!("`{text}` is less than what work in hand needs; write at least `7d`")),
        false => Ok(span),
    }
}

/// Cases are open for days, and a report looks back a week.
const LEAST: Span = Span::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_in_years_or_days() {
        assert_eq!(some_years("5y"), Ok(Span::from_secs(5 * 365 * 86_400)));
        assert_eq!(some_years("90d"), Ok(Span::from_secs(90 * 86_400)));
        for wrong in ["0y", "101y", "-1y", "y", "5 y", "1d", "99999999999999999999y", "0d"] {
            assert!(some_years(wrong).is_err(), "{wrong}");
        }
    }
}
