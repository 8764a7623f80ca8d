//! Where the known headers of a message start: for messages that are asked for more than where they belong.

use super::fault::Faults;
use super::lines::{is_token, split_header, walk};
use super::name::HeaderName;
use crate::wire::find::LineEnds;

/// Where the first line of each known header starts, and whether all lines are ones of headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index {
    /// From the start of the message; 0 = there is none.
    first: [u16; HeaderName::COUNT],
    /// Lines that are none of a header.
    pub(super) faults: Faults,
    /// There is more than one line of Via.
    pub(super) several_vias: bool,
}

impl Index {
    /// Walks a head, its start line included.
    pub(super) fn of(head: &[u8]) -> Index {
        let mut index = Index::empty();
        let mut line_ends = LineEnds::new(head, 0);
        let start = line_ends.next().unwrap_or_default();
        walk(head, line_ends, start, |at, line| index.add(at, line));
        index
    }

    /// The same of a message of which it is known where each of these lines ends, the start line's end first and that of the
    /// empty line last; none of them is folded.
    pub(super) fn of_lines(bytes: &[u8], ends: &[u16]) -> Index {
        let mut index = Index::empty();
        for pair in ends.windows(2).take(ends.len().saturating_sub(2)) {
            if let [at, end] = *pair
                && let Some(line) = bytes.get(usize::from(at)..usize::from(end))
            {
                index.add(usize::from(at), line);
            }
        }
        index
    }

    /// Where the first line of a header starts; `None` if there is none.
    pub(super) fn at(&self, name: HeaderName) -> Option<usize> {
        self.first.get(name as usize).map(|at| usize::from(*at)).filter(|at| *at != 0)
    }

    fn empty() -> Index {
        Index { first: [0; HeaderName::COUNT], faults: Faults::default(), several_vias: false }
    }

    #[inline]
    fn add(&mut self, at: usize, line: &[u8]) {
        if let Some((known, _)) = HeaderName::usual(line).or_else(|| HeaderName::common(line)) {
            return self.note(known, at);
        }
        if line.starts_with(b"Allow:") {
            return;
        }
        match split_header(line).map(|(name, _)| (name, HeaderName::read(name))) {
            Some((_, Some(known))) => self.note(known, at),
            Some((name, None)) if is_token(name) => {}
            _ => self.faults |= Faults::BAD_HEADER_LINE,
        }
    }

    fn note(&mut self, known: HeaderName, at: usize) {
        match self.first.get_mut(known as usize) {
            Some(slot @ 0) => *slot = u16::try_from(at).unwrap_or(0),
            _ => self.several_vias |= known == HeaderName::Via,
        }
    }
}
