//! Where a stream's packets lie in time: by their RTP timestamps, held to the times they were captured at.
//!
//! A timestamp says how far a packet is from the one before, so jitter, loss and pauses don't move sound. The
//! capture's clock says where the stream lies, and stands in where timestamps jump: at a new source, or
//! where a sender stops its media clock while it is silent. Packets seen twice are told.

use crate::time::{Span, Timestamp};
use crate::wire::rtp::RtpPacket;

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its first sample belongs here; `fresh` if it begins a stream that has nothing to do with the one before.
    At {
        /// When its first sample was sent, by the capture's clock.
        at: Timestamp,
        /// A new source, or a new beginning of the old one.
        fresh: bool,
    },
    /// It was there before.
    Seen,
}

/// One direction of a session.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    stream: Option<Stream>,
    received: u32,
    lost_before: u32,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// The highest sequence number, and which of the 64 up to it were seen.
    newest: u16,
    seen: u64,
    /// Sequence numbers passed since the stream began, and how many of them came.
    passed: u32,
    came: u32,
    /// A timestamp and where it lies.
    timestamp: u32,
    at: Timestamp,
}

impl Placement {
    /// Places a packet captured at `at`, whose clock runs at 8 kHz (G.711, and G.722 by RFC 3551 4.5.2).
    pub fn place(&mut self, at: Timestamp, packet: &RtpPacket<'_>) -> Place {
        self.received = self.received.saturating_add(1);
        match &mut self.stream {
            Some(stream) if stream.ssrc == packet.ssrc => match stream.order(packet.sequence) {
                Order::Seen => Place::Seen,
                Order::Newest => Place::At { at: stream.move_on(at, packet.timestamp), fresh: false },
                Order::Older => Place::At { at: stream.lies(packet.timestamp).unwrap_or(at), fresh: false },
                Order::Elsewhere => self.begin(at, packet),
            },
            _ => self.begin(at, packet),
        }
    }

    /// Packets received, those seen twice among them.
    pub fn received(&self) -> u32 {
        self.received
    }

    /// Packets that were sent, by the sequence numbers, and never came.
    pub fn lost(&self) -> u32 {
        self.lost_before.saturating_add(self.stream.map_or(0, |s| s.passed.saturating_sub(s.came)))
    }

    fn begin(&mut self, at: Timestamp, packet: &RtpPacket<'_>) -> Place {
        self.lost_before = self.lost();
        self.stream = Some(Stream {
            ssrc: packet.ssrc,
            newest: packet.sequence,
            seen: 1,
            passed: 1,
            came: 1,
            timestamp: packet.timestamp,
            at,
        });
        Place::At { at, fresh: true }
    }
}

/// How a sequence number stands to those before.
enum Order {
    Newest,
    Older,
    Seen,
    Elsewhere,
}

impl Stream {
    fn order(&mut self, sequence: u16) -> Order {
        let ahead = sequence.wrapping_sub(self.newest);
        if ahead == 0 {
            return Order::Seen;
        }
        if ahead <= MAX_AHEAD {
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.newest = sequence;
            self.passed = self.passed.saturating_add(u32::from(ahead));
            self.came = self.came.saturating_add(1);
            return Order::Newest;
        }
        let Some(bit) = 1_u64.checked_shl(u32::from(ahead.wrapping_neg())) else { return Order::Elsewhere };
        if self.seen & bit != 0 {
            return Order::Seen;
        }
        self.seen |= bit;
        self.came = self.came.saturating_add(1);
        Order::Older
    }

    /// Where a timestamp lies by the media clock alone.
    fn lies(&self, timestamp: u32) -> Option<Timestamp> {
        let samples = i64::from(timestamp.wrapping_sub(self.timestamp).cast_signed());
        let span = Span::from_micros(samples.saturating_mul(MICROS_A_SAMPLE));
        (span.as_micros().abs() < MAX_LEAP.as_micros()).then(|| self.at + span)
    }

    /// Places the newest packet, and measures the next ones from it.
    ///
    /// A packet can't be captured before it was sent: if it seems so, the packets before it were the late ones.
    fn move_on(&mut self, at: Timestamp, timestamp: u32) -> Timestamp {
        let lies = self.lies(timestamp).unwrap_or(at);
        let late = at.since(lies);
        let trusted = late >= Span::ZERO && late <= MAX_LATE;
        (self.timestamp, self.at) = (timestamp, if trusted { lies } else { at });
        self.at
    }
}

const MICROS_A_SAMPLE: i64 = 125;

/// Further ahead than this, a sequence number is a new beginning.
const MAX_AHEAD: u16 = 3_000;

/// Jitter up to this is jitter; beyond, the sender's media clock stood still.
const MAX_LATE: Span = Span::from_millis(400);

/// A leap of the media clock beyond this is a new clock.
const MAX_LEAP: Span = Span::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> RtpPacket<'static> {
        RtpPacket { kind: 0, sequence, timestamp, ssrc, marker: false, payload: &[] }
    }

    fn ms(place: Place) -> i64 {
        match place {
            Place::At { at, .. } => at.since(START).as_millis(),
            Place::Seen => -1,
        }
    }

    fn at(ms: i64) -> Timestamp {
        START + Span::from_millis(ms)
    }

    #[test]
    fn jitter_moves_no_sound() {
        let mut p = Placement::default();
        for (n, jitter) in [0, 15, 180, 170, 3, 90].into_iter().enumerate() {
            let n = u16::try_from(n).expect("small");
            let place = p.place(at(i64::from(n) * 20 + jitter), &packet(7, n, u32::from(n) * 160));
            assert_eq!(ms(place), i64::from(n) * 20);
        }
    }

    #[test]
    fn a_late_first_packet_is_found_out_by_the_next() {
        let mut p = Placement::default();
        assert_eq!(ms(p.place(at(90), &packet(7, 1, 0))), 90);
        assert_eq!(ms(p.place(at(20), &packet(7, 2, 160))), 20);
        assert_eq!(ms(p.place(at(47), &packet(7, 3, 320))), 40);
    }

    #[test]
    fn sequence_and_timestamp_wrap() {
        let mut p = Placement::default();
        p.place(at(0), &packet(7, 65_535, u32::MAX - 79));
        assert_eq!(ms(p.place(at(20), &packet(7, 0, 80))), 20);
        assert_eq!(p.lost(), 0);
    }

    #[test]
    fn reordered_packets_find_their_place_and_twice_seen_ones_none() {
        let mut p = Placement::default();
        p.place(at(0), &packet(7, 10, 0));
        p.place(at(60), &packet(7, 13, 480));
        assert_eq!(ms(p.place(at(61), &packet(7, 11, 160))), 20);
        assert_eq!(p.place(at(62), &packet(7, 11, 160)), Place::Seen);
        assert_eq!(p.place(at(62), &packet(7, 13, 480)), Place::Seen);
        assert_eq!((p.received(), p.lost()), (5, 1));
    }

    #[test]
    fn a_pause_is_as_long_as_the_timestamps_say() {
        let mut p = Placement::default();
        p.place(at(0), &packet(7, 1, 0));
        assert_eq!(ms(p.place(at(5_020), &packet(7, 2, 40_000))), 5_000);
    }

    #[test]
    fn a_media_clock_that_stood_still_gives_way_to_the_capture() {
        let mut p = Placement::default();
        p.place(at(0), &packet(7, 1, 0));
        assert_eq!(ms(p.place(at(5_000), &packet(7, 2, 160))), 5_000);
        assert_eq!(ms(p.place(at(5_021), &packet(7, 3, 320))), 5_020);
    }

    #[test]
    fn a_new_source_begins_where_it_is_captured() {
        let mut p = Placement::default();
        p.place(at(0), &packet(7, 1, 0));
        let place = p.place(at(100), &packet(8, 900, 123_456));
        assert_eq!(place, Place::At { at: at(100), fresh: true });
    }

    #[test]
    fn hostile_timestamps_never_leave_the_capture() {
        let mut p = Placement::default();
        let mut stamp = 1_u32;
        for n in 0..5_000_u16 {
            stamp = stamp.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let now = at(i64::from(n) * 20);
            if let Place::At { at, .. } = p.place(now, &packet(7, n, stamp)) {
                assert!(now.since(at) >= Span::ZERO && now.since(at) <= MAX_LATE);
            }
        }
    }
}
