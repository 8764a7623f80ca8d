//! The messages of a leg in the order they were seen, each once, in few bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::event::LadderRow;
use crate::limits;
use crate::time::Timestamp;
use crate::wire::sip::Method;

/// What a ladder row shows: a method, or a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A request.
    Request(Method),
    /// A response.
    Status(u16),
}

/// At most `limits::LADDER_ROWS` messages of one leg. Retransmissions and second copies are not shown, so that a
/// doubled capture tells the same story.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    rows: Vec<Row>,
    ends: SmallVec<[IpAddr; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    at: Timestamp,
    frame: u64,
    fingerprint: u32,
    label: Label,
    src: u8,
    dst: u8,
}

/// One message as the ladder sees it.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    /// When it was seen.
    pub at: Timestamp,
    /// Where it was seen.
    pub frame: u64,
    /// What tells it from others of its leg: its transaction, method or status, and To-tag.
    pub fingerprint: u32,
    /// What it shows.
    pub label: Label,
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
}

impl Ladder {
    /// Adds a message unless it was there before or the ladder is full; tells whether it was new.
    pub fn push(&mut self, rung: Rung) -> bool {
        let known = |row: &Row| row.fingerprint == rung.fingerprint && row.label == rung.label;
        if self.rows.iter().rev().any(known) {
            return false;
        }
        if self.rows.len() < limits::LADDER_ROWS
            && let (Some(src), Some(dst)) = (self.end(rung.src), self.end(rung.dst))
        {
            self.rows.reserve(if self.rows.is_empty() { USUAL_ROWS } else { 1 });
            let Rung { at, frame, fingerprint, label, .. } = rung;
            self.rows.push(Row { at, frame, fingerprint, label, src, dst });
        }
        true
    }

    /// Memory held, in bytes.
    pub fn held(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
    }

    /// The rows as records show them, in milliseconds since `began`.
    pub fn rows(&self, began: Timestamp) -> Vec<LadderRow> {
        self.rows.iter().map(|row| self.row(row, began)).collect()
    }

    fn row(&self, row: &Row, began: Timestamp) -> LadderRow {
        let end = |n: u8| self.ends[usize::from(n)];
        let label = match row.label {
            Label::Request(method) => Cow::Borrowed(method.name()),
            Label::Status(status) => status_text(status),
        };
        LadderRow(row.at.since(began).as_millis().max(0), row.frame, label, end(row.src), end(row.dst))
    }

    #[inline(always)]
    fn end(&mut self, addr: IpAddr) -> Option<u8> {
        let known = self.ends.iter().position(|end| *end == addr);
        let n = known.unwrap_or(self.ends.len());
        if known.is_none() {
            self.ends.push(addr);
        }
        u8::try_from(n).ok()
    }
}

/// A status as text; the common ones without allocating.
fn status_text(status: u16) -> Cow<'static, str> {
    match COMMON.iter().find(|(common, _)| *common == status) {
        Some((_, text)) => Cow::Borrowed(text),
        None => Cow::Owned(status.to_string()),
    }
}

const COMMON: [(u16, &str); 8] = [
    (200, "200"),
    (100, "100"),
    (180, "180"),
    (183, "183"),
    (487, "487"),
    (486, "486"),
    (407, "407"),
    (181, "181"),
];

/// Room made at first: as many messages as most legs have.
const USUAL_ROWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(fingerprint: u32, label: Label) -> Rung {
        let [src, dst] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        Rung { at: Timestamp::from_micros(5_000), frame: 3, fingerprint, label, src, dst }
    }

    #[test]
    fn a_second_copy_adds_no_row() {
        let mut ladder = Ladder::default();
        assert!(ladder.push(rung(1, Label::Status(180))));
        assert!(!ladder.push(rung(1, Label::Status(180))));
        assert!(ladder.push(rung(1, Label::Status(200))));
        assert_eq!(ladder.rows(Timestamp::from_micros(2_000)).len(), 2);
        assert_eq!(ladder.rows(Timestamp::from_micros(2_000))[0].0, 3);
    }

    #[test]
    fn it_stops_at_sixty_four_rows() {
        let mut ladder = Ladder::default();
        for n in 0..100 {
            ladder.push(rung(n, Label::Status(183)));
        }
        assert_eq!(ladder.rows(Timestamp::from_micros(0)).len(), 64);
    }
}
