//! How long what is known of people is kept.

use crate::time::Span;

/// `[policy]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Journal, texts and people are deleted when they are older, unless something is still to be done about them; none:
    /// nothing is.
    pub records_for: Option<Span>,
    /// Voices are deleted when they are older: also tapes, whatever their `keep` says.
    pub voicemail_for: Option<Span>,
}
