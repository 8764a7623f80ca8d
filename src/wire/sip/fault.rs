//! What is wrong with a message that could still be read.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of faults; an empty one means that the message is well-formed as far as a monitor looks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Faults(u16);

impl Faults {
    /// No Call-ID, From, To or CSeq, or an empty one.
    pub const MISSING_KEY: Faults = Faults(1);
    /// Two Call-ID, From, To or CSeq headers that differ: which of them counts is anyone's guess.
    pub const DUPLICATE_KEY: Faults = Faults(1 << 1);
    /// A request whose CSeq names another method.
    pub const CSEQ_MISMATCH: Faults = Faults(1 << 2);
    /// A CSeq that is not a number up to 2^32-1 and a method.
    pub const BAD_CSEQ: Faults = Faults(1 << 3);
    /// A Content-Length that is no number, differs from a second one, or exceeds what is there.
    pub const BAD_CONTENT_LENGTH: Faults = Faults(1 << 4);
    /// A start line with stray blanks.
    pub const BAD_START_LINE: Faults = Faults(1 << 5);
    /// A Request-URI in angle brackets, with blanks, or with headers.
    pub const BAD_REQUEST_URI: Faults = Faults(1 << 6);
    /// No Via, or a first one that can't be read as protocol, transport, sender and parameters.
    pub const BAD_VIA: Faults = Faults(1 << 7);
    /// A From, To or first Contact that is not a proper address.
    pub const BAD_ADDRESS: Faults = Faults(1 << 8);
    /// A header line without a colon or with a name that is no token.
    pub const BAD_HEADER_LINE: Faults = Faults(1 << 9);
    /// More header lines than [`limits::HEADERS`](crate::limits::HEADERS).
    pub const TOO_MANY_HEADERS: Faults = Faults(1 << 10);
    /// No blank line after the headers: a message cut short, or a careless sender.
    pub const NO_BLANK_LINE: Faults = Faults(1 << 11);

    /// What takes away the trust in (Call-ID, tags, CSeq).
    pub(super) const UNKEYED: Faults = Faults(
        Faults::MISSING_KEY.0 | Faults::DUPLICATE_KEY.0 | Faults::CSEQ_MISMATCH.0 | Faults::BAD_CSEQ.0,
    );

    /// True if nothing is wrong.
    pub const fn is_clean(self) -> bool {
        self.0 == 0
    }

    /// True if at least one of `others` is among these.
    pub const fn any(self, others: Faults) -> bool {
        self.0 & others.0 != 0
    }

    /// The faults by name, for counters and the journal.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(fault, _)| self.any(*fault)).map(|(_, name)| *name)
    }
}

impl BitOr for Faults {
    type Output = Faults;

    fn bitor(self, other: Faults) -> Faults {
        Faults(self.0 | other.0)
    }
}

impl BitOrAssign for Faults {
    fn bitor_assign(&mut self, other: Faults) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

const NAMES: [(Faults, &str); 12] = [
    (Faults::MISSING_KEY, "missing_key"),
    (Faults::DUPLICATE_KEY, "duplicate_key"),
    (Faults::CSEQ_MISMATCH, "cseq_mismatch"),
    (Faults::BAD_CSEQ, "bad_cseq"),
    (Faults::BAD_CONTENT_LENGTH, "bad_content_length"),
    (Faults::BAD_START_LINE, "bad_start_line"),
    (Faults::BAD_REQUEST_URI, "bad_request_uri"),
    (Faults::BAD_VIA, "bad_via"),
    (Faults::BAD_ADDRESS, "bad_address"),
    (Faults::BAD_HEADER_LINE, "bad_header_line"),
    (Faults::TOO_MANY_HEADERS, "too_many_headers"),
    (Faults::NO_BLANK_LINE, "no_blank_line"),
];

#[cfg(test)]
mod tests {
    use super::Faults;

    #[test]
    fn faults_gather_and_are_named() {
        let mut faults = Faults::default();
        assert!(faults.is_clean());
        faults |= Faults::BAD_VIA | Faults::MISSING_KEY;
        assert!(faults.any(Faults::UNKEYED) && !faults.any(Faults::BAD_CSEQ));
        assert_eq!(faults.names().collect::<Vec<_>>(), ["missing_key", "bad_via"]);
    }
}
