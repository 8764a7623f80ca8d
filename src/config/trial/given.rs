//! Facts of `given`, and the parts of a call, from the words of a file.

use super::super::value::{self, Wrong};
use super::{Given, Made};
use crate::event::Outcome;
use crate::phone::Party;
use crate::time::{Span, Timestamp};

/// `NUMBER missed|answered|called_back|stopped [to DID] at TIME`; `to` is who is called where it doesn't say.
pub(super) fn fact(text: &str, to: &str) -> Result<Given, Wrong> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [number, verb, rest @ ..] = words.as_slice() else { return Err(form(text)) };
    if ["replied", "in"].contains(verb) {
        return Err(format!("`{verb}` is not understood yet by this version; remove this fact"));
    }
    let (to, time) = match rest {
        ["to", did, "at", time] => (value::text(did)?, time),
        ["at", time] => (to.to_owned(), time),
        _ => return Err(form(text)),
    };
    let (from, at) = (value::number(number).map(Party::Number)?, moment(time)?);
    let called = |outcome| Given::Called(Made { from: Some(from.clone()), to, at, outcome, lasts: LASTS });
    match *verb {
        "missed" => Ok(called(Outcome::NoAnswer)),
        "answered" => Ok(called(Outcome::Answered)),
        "called_back" => Ok(Given::CalledBack(from, at)),
        "stopped" => Ok(Given::Stopped(from, at)),
        _ => Err(form(text)),
    }
}

fn form(text: &str) -> Wrong {
    format!(
        "`{text}` is no fact; write NUMBER missed, answered, called_back or stopped, and at TIME, as \
         \"+13125550142 missed at 2026-11-20T10:00:00-06:00\""
    )
}

/// Who called: a number, or nobody who can be told.
pub(super) fn caller(text: &str) -> Result<Option<Party>, Wrong> {
    match text {
        "withheld" => Ok(None),
        text => value::number(text).map(|number| Some(Party::Number(number))),
    }
}

/// A time with its offset.
pub(super) fn moment(text: &str) -> Result<Timestamp, Wrong> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| Timestamp::from_micros(at.as_microsecond()))
        .map_err(|_| format!("`{text}` is not a time with its offset; write it as 2026-11-20T21:14:00-06:00"))
}

pub(super) fn outcome(text: &str) -> Result<Outcome, Wrong> {
    let words: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.word()).collect();
    let known = Outcome::ALL.iter().find(|outcome| outcome.word() == text);
    known.copied().ok_or_else(|| format!("it can't be `{text}`{}", super::super::spot::instead(text, &words)))
}

/// How long a call lasts that doesn't say.
pub(super) const LASTS: Span = Span::from_secs(20);
