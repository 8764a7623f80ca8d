//! Whether an answer that no phone gave looks like the way this make of PBX covers to voicemail.
//!
//! The time alone never makes a voicemail: a person may pick up at that very moment. It keeps an answer that nothing
//! else explains from being called one, and adds to what silent phones say.

use crate::call::transaction::Hop;
use crate::settings::{Coverage, Style};
use crate::time::{Span, Timestamp};

/// Whether the caller heard it ring as long as this PBX lets it before it covers.
pub fn is_time(coverage: &Coverage, caller: &Hop, answered: Timestamp) -> bool {
    let rang = answered.since(caller.alerting().unwrap_or(caller.opened.at));
    let about = |ring: &Span| (rang.as_millis() - ring.as_millis()).abs() <= TOLERANCE.as_millis();
    coverage.rings.iter().any(about)
}

/// Whether coverage of this make shows as a leg of its own, or as a new target of the caller's: then the PBX that
/// answers by itself is something else.
pub fn shows_elsewhere(coverage: &Coverage) -> bool {
    matches!(coverage.style, Some(Style::B2bua | Style::Redirect))
}

/// Whether the PBX itself is the voicemail.
pub fn is_within(coverage: &Coverage) -> bool {
    coverage.style == Some(Style::Embedded)
}

/// A ring time is told in whole rings or seconds.
const TOLERANCE: Span = Span::from_secs(1);
