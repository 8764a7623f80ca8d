//! Several captures as one stream, in the order of (time, tap, place in the file).
//!
//! A file is opened when its first packet is due and closed after its last, so ten thousand rotated files
//! need as few descriptors as overlap in time. While one file's packets are the earliest nothing is
//! compared but its next time with the earliest of the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::capture::{BUFFER, Capture, Refusal, Step};
use super::plan::{CaptureFile, Due, InputError};
use super::{Damage, PacketSource, Remark};
use crate::time::Timestamp;
use crate::wire::packet::{Packet, TapId};

/// The captures of a run, read as one.
pub struct Merge {
    files: Vec<Input>,
    /// The file whose head was handed out last, if it may be the next one's too.
    turn: Option<usize>,
    /// When each of the others has its next packet, as far as is known.
    rest: BinaryHeap<Reverse<(Timestamp, usize)>>,
    open: usize,
    /// Bytes of files that are closed.
    closed_bytes: u64,
    /// What was odd about files that are closed.
    remarks: Vec<Remark>,
}

struct Input {
    file: CaptureFile,
    tap: TapId,
    capture: Option<Capture>,
    has_head: bool,
}

impl Merge {
    /// Gets ready to read `captures`; the first packets are read when asked for. Taps are numbered in the
    /// order of `captures` from `first_tap` on.
    ///
    /// # Errors
    /// If a stream (standard input, a pipe) is no capture: of files, `plan` has made sure. If there are
    /// more captures than taps from `first_tap` on.
    pub fn open(captures: &[CaptureFile], first_tap: TapId) -> Result<Merge, InputError> {
        let taps = (first_tap.0..=u16::MAX).map(TapId);
        if taps.len() < captures.len() {
            return Err(InputError::TooMany { captures: captures.len() });
        }
        let input = |(file, tap): (&CaptureFile, TapId)| Input {
            file: file.clone(),
            tap,
            capture: None,
            has_head: false,
        };
        let mut merge = Merge {
            files: captures.iter().zip(taps).map(input).collect(),
            turn: None,
            rest: BinaryHeap::new(),
            open: 0,
            closed_bytes: 0,
            remarks: Vec::new(),
        };
        merge.line_up()?;
        Ok(merge)
    }

    /// How many bytes were read from disk so far.
    pub fn bytes_read(&self) -> u64 {
        let open = self.files.iter().filter_map(|input| input.capture.as_ref());
        self.closed_bytes + open.map(Capture::bytes_read).sum::<u64>()
    }

    /// How many bytes the files had when they were looked at; streams count as none.
    pub fn bytes_total(&self) -> u64 {
        self.files.iter().map(|input| input.file.size).sum()
    }

    /// What was odd about the captures read to their end since the last call.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }

    fn line_up(&mut self) -> Result<(), InputError> {
        for (index, input) in self.files.iter_mut().enumerate() {
            let at = match input.file.due {
                Due::At(at) => at,
                Due::Stream => {
                    let opened = input.file.open(input.tap, BUFFER);
                    input.capture = Some(opened.map_err(|refusal| refusal.at(&input.file.path))?);
                    self.open += 1;
                    Timestamp::from_micros(i64::MIN)
                }
            };
            self.rest.push(Reverse((at, index)));
        }
        Ok(())
    }

    /// The next packet that `let_go` doesn't let go, or what is wrong where it should be; `None` at the end. Where files
    /// meet, `let_go` may not be asked.
    #[inline]
    pub fn next_unless(
        &mut self,
        mut let_go: impl FnMut(&Packet<'_>) -> bool,
    ) -> Option<Result<Packet<'_>, Damage>> {
        match self.step(&mut let_go)? {
            Ok(index) => self.files.get(index)?.capture.as_ref()?.packet().map(Ok),
            Err(damage) => Some(Err(damage)),
        }
    }

    /// Finds the file that has the next packet at its head.
    fn step(&mut self, let_go: &mut impl FnMut(&Packet<'_>) -> bool) -> Option<Result<usize, Damage>> {
        loop {
            let Some(index) = self.turn.take() else {
                let Reverse((_, index)) = self.rest.pop()?;
                if self.files.get(index).is_some_and(|input| input.has_head) {
                    self.turn = Some(index);
                    return Some(Ok(index));
                }
                if let Err(damage) = self.open_due(index) {
                    return Some(Err(damage));
                }
                continue;
            };
            match self.advance(index, let_go) {
                Step::Packet(at) if self.rest.peek().is_none_or(|Reverse(next)| (at, index) < *next) => {
                    self.turn = Some(index);
                    return Some(Ok(index));
                }
                Step::Packet(at) => self.rest.push(Reverse((at, index))),
                Step::End => self.close(index),
                Step::Damage(damage) => {
                    self.close(index);
                    return Some(Err(damage));
                }
            }
        }
    }

    /// Steps ahead in a file, over packets that are let go as long as they come before those of all others.
    #[inline]
    fn advance(&mut self, index: usize, let_go: &mut impl FnMut(&Packet<'_>) -> bool) -> Step {
        let others = self.rest.peek().map_or(Timestamp::MAX, |Reverse((at, _))| *at);
        let Some(input) = self.files.get_mut(index) else { return Step::End };
        let Some(capture) = &mut input.capture else { return Step::End };
        input.has_head = true;
        capture.advance_unless(others, let_go)
    }

    /// Opens a file that is due and gives it its turn.
    fn open_due(&mut self, index: usize) -> Result<(), Damage> {
        let Some(input) = self.files.get_mut(index) else { return Ok(()) };
        if input.capture.is_none() {
            let capacity = if self.open < MANY { BUFFER } else { SMALL_BUFFER };
            let opened = input.file.open(input.tap, capacity);
            input.capture = Some(opened.map_err(|refusal| input.lost(refusal))?);
            self.open += 1;
        }
        self.turn = Some(index);
        Ok(())
    }

    fn close(&mut self, index: usize) {
        let capture = self.files.get_mut(index).and_then(|input| input.capture.take());
        if let Some(capture) = capture {
            self.closed_bytes += capture.bytes_read();
            self.remarks.extend(capture.remarks());
            self.open -= 1;
        }
    }
}

impl PacketSource for Merge {
    #[inline]
    fn next(&mut self) -> Option<Result<Packet<'_>, Damage>> {
        self.next_unless(|_| false)
    }
}

impl Input {
    /// What to say of a file that was a capture when it was looked at and can't be opened as one now.
    fn lost(&self, refusal: Refusal) -> Damage {
        let what = match refusal {
            Refusal::Empty => "empty now".to_owned(),
            Refusal::NotACapture(_) => "not a capture any more".to_owned(),
            Refusal::Unreadable(error) => format!("can't be read: {error}"),
        };
        Damage { tap: self.tap, name: self.file.name.clone(), offset: 0, compressed: false, what }
    }
}

/// From so many open files on each gets a small buffer only.
const MANY: usize = 16;
const SMALL_BUFFER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::samples::{Ng, Seen, drain, simple_pcap};
    use super::*;
    use crate::wire::pcap::Order;

    /// Writes the files into a folder and plans them as one run.
    fn captures(files: &[(&str, Vec<u8>)]) -> (TempDir, Vec<CaptureFile>) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("writes");
        }
        let plan = super::super::plan(&[folder.path().to_owned()]).expect("a plan");
        (folder, plan.runs.into_iter().next().expect("a run").captures)
    }

    fn at(times: &[u32]) -> Vec<u8> {
        let records: Vec<_> = times.iter().map(|secs| (*secs, 0, b"x".as_slice())).collect();
        simple_pcap(&records)
    }

    fn open(captures: &[CaptureFile]) -> Merge {
        Merge::open(captures, TapId(0)).expect("opens")
    }

    /// (seconds, tap, number) of every packet, and all damage.
    fn order(merge: &mut Merge) -> (Vec<(i64, u16, u64)>, Vec<Damage>) {
        let (mut packets, mut damage) = (Vec::new(), Vec::new());
        while let Some(next) = merge.next() {
            match next {
                Ok(packet) => {
                    packets.push((packet.at.as_micros() / 1_000_000, packet.frame.tap.0, packet.frame.n))
                }
                Err(told) => damage.push(told),
            }
        }
        (packets, damage)
    }

    #[test]
    fn three_captures_are_merged_by_time_then_tap_then_place() {
        let (_folder, captures) = captures(&[
            ("a.pcap", at(&[1, 4, 4, 9])),
            ("b.pcap", at(&[2, 4, 5])),
            ("c.pcap", at(&[1, 4, 10])),
        ]);
        let expected = [
            (1, 0, 1),
            (1, 2, 1),
            (2, 1, 1),
            (4, 0, 2),
            (4, 0, 3),
            (4, 1, 2),
            (4, 2, 2),
            (5, 1, 3),
            (9, 0, 4),
            (10, 2, 3),
        ];
        assert_eq!(order(&mut open(&captures)), (expected.to_vec(), vec![]));
    }

    #[test]
    fn packets_are_let_go_in_their_turn_only() {
        let (_folder, captures) =
            captures(&[("a.pcap", at(&[1, 2, 3, 4, 9])), ("b.pcap", at(&[3, 5, 6, 7]))]);
        let (mut merge, mut let_go, mut seen) = (open(&captures), 0, Vec::new());
        let place = |packet: &Packet<'_>| (packet.at.as_micros() / 1_000_000, packet.frame.tap.0);
        while let Some(next) = merge.next_unless(|packet| {
            seen.push(place(packet));
            let_go += 1;
            true
        }) {
            let handed = place(&next.expect("no damage"));
            seen.push(handed);
        }
        assert_eq!(seen, [(1, 0), (2, 0), (3, 0), (3, 1), (4, 0), (5, 1), (6, 1), (7, 1), (9, 0)]);
        assert!(let_go >= 4, "{let_go}");
    }

    #[test]
    fn a_capture_that_steps_back_keeps_its_own_order() {
        let (_folder, captures) = captures(&[("a", at(&[5, 3, 6])), ("b", at(&[4, 7]))]);
        let expected = [(4, 1, 1), (5, 0, 1), (3, 0, 2), (6, 0, 3), (7, 1, 2)];
        assert_eq!(order(&mut open(&captures)).0, expected);
    }

    #[test]
    fn rotated_captures_are_open_only_while_they_are_due() {
        let files: Vec<_> =
            (0..200_u32).map(|i| (format!("{i:03}.pcap"), at(&[10 * i, 10 * i + 1, 10 * i + 12]))).collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        let (_folder, captures) = captures(&files);
        let mut merge = open(&captures);
        let (mut most, mut packets) = (0, 0);
        while let Some(next) = merge.next() {
            next.expect("no damage");
            packets += 1;
            most = most.max(merge.open);
        }
        assert_eq!((packets, most, merge.open), (600, 2, 0));
    }

    #[test]
    fn captures_without_a_first_packet_are_passed_before_all_others() {
        let (_folder, captures) = captures(&[("a", at(&[1])), ("b", at(&[])), ("c", at(&[]))]);
        let mut merge = open(&captures);
        assert_eq!(merge.next().expect("a packet").expect("no damage").frame.n, 1);
        assert_eq!(merge.open, 1);
    }

    #[test]
    fn after_damage_in_one_capture_the_others_go_on() {
        let mut cut = at(&[2, 3]);
        cut.truncate(50);
        let (_folder, captures) = captures(&[("a", at(&[1, 4])), ("b", cut), ("c", at(&[3, 5]))]);
        let (packets, damage) = order(&mut open(&captures));
        assert_eq!(packets, [(1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 0, 2), (5, 2, 2)]);
        let told: Vec<_> = damage.iter().map(|d| (d.tap.0, d.name.as_str(), d.offset)).collect();
        assert_eq!(told, [(1, "b", 41)]);
    }

    #[test]
    fn a_capture_that_vanished_since_it_was_planned_is_damage() {
        let (folder, captures) = captures(&[("a", at(&[1])), ("b", at(&[2])), ("c", at(&[3]))]);
        fs::remove_file(folder.path().join("b")).expect("removes");
        fs::write(folder.path().join("c"), "").expect("writes");
        let (packets, damage) = order(&mut open(&captures));
        assert_eq!(packets, [(1, 0, 1)]);
        assert!(damage[0].what.starts_with("can't be read: "), "{damage:?}");
        assert_eq!((damage[0].name.as_str(), damage[1].what.as_str()), ("b", "empty now"));
    }

    #[test]
    fn a_capture_that_grew_is_read_to_its_new_end() {
        let (folder, captures) = captures(&[("a", at(&[1]))]);
        fs::write(folder.path().join("a"), at(&[1, 2, 3])).expect("writes");
        assert_eq!(order(&mut open(&captures)).0.len(), 3);
    }

    #[test]
    fn remarks_of_each_capture_are_told_once_it_is_read() {
        let undated = Ng::new(Order::Little).interface(1, 0, &[]).simple(1, b"a").bytes;
        let (_folder, captures) = captures(&[("a", undated), ("b", at(&[2]))]);
        let mut merge = open(&captures);
        assert!(merge.take_remarks().is_empty());
        order(&mut merge);
        let remarks = merge.take_remarks();
        assert_eq!(remarks.iter().map(|remark| remark.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert!(merge.take_remarks().is_empty());
    }

    #[test]
    fn taps_are_numbered_from_the_first_one_given() {
        let (_folder, captures) = captures(&[("a", at(&[1])), ("b", at(&[2]))]);
        let mut merge = Merge::open(&captures, TapId(7)).expect("opens");
        assert_eq!(order(&mut merge).0, [(1, 7, 1), (2, 8, 1)]);
        let last = Merge::open(&captures, TapId(u16::MAX));
        assert!(matches!(last.err(), Some(InputError::TooMany { captures: 2 })));
    }

    #[test]
    fn progress_counts_bytes_on_disk_up_to_all_of_them() {
        let (_folder, captures) = captures(&[("a", at(&[1, 2])), ("b", at(&[2, 3]))]);
        let mut merge = open(&captures);
        assert_eq!((merge.bytes_read(), merge.bytes_total()), (0, 2 * (24 + 2 * 17)));
        order(&mut merge);
        assert_eq!(merge.bytes_read(), merge.bytes_total());
    }

    #[test]
    fn many_captures_at_once_are_read_through_smaller_buffers() {
        let files: Vec<_> = (0..40).map(|i| (format!("{i:02}"), at(&[1, 2]))).collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        let (_folder, captures) = captures(&files);
        let (seen, damage): (Vec<Seen>, _) = drain(&mut open(&captures));
        assert_eq!((seen.len(), damage), (80, None));
    }
}
