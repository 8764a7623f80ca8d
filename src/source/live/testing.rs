//! A feed without a thread, for the tests of what feeds it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bell::Bell;
use super::feed::{Feed, Shared};
use super::queue::{Item, Queue};
use super::tally::{Tally, TapCounts};
use crate::clock::HandClock;
use crate::time::{Span, Timestamp};
use crate::wire::packet::{Body, TapId};

/// What came out of a feed.
pub(in crate::source) struct Collected {
    pub clock: Arc<HandClock>,
    queue: Arc<Queue>,
    tally: Arc<Tally>,
}

/// A feed, and its other end; the wall clock shows `now` until it is moved.
pub(in crate::source) fn feed(now: Timestamp) -> (Feed, Collected) {
    let clock = Arc::new(HandClock::at(now));
    let shared = Shared { clock: clock.clone(), queue: Arc::new(Queue::new(1)), wish: Arc::default() };
    let (bell, tally) = (Arc::new(Bell::new().expect("a descriptor")), Arc::<Tally>::default());
    let feed = Feed::new(TapId(0), "test", &shared, bell, tally.clone());
    (feed, Collected { clock, queue: shared.queue, tally })
}

impl Collected {
    /// The packets that came since the last call: when each was captured, and its bytes.
    pub fn packets(&mut self) -> Vec<(Timestamp, Vec<u8>)> {
        let mut items = VecDeque::new();
        self.queue.take(&mut items, Span::ZERO);
        let mut packets = Vec::new();
        for item in items {
            let Item::Packets(tap, batch, _) = item else { continue };
            for n in 0..batch.len() {
                let packet = batch.packet(n, tap).expect("a packet");
                let bytes = match packet.body {
                    Body::Frame { bytes, .. } => bytes,
                    Body::Datagram(datagram) => datagram.payload,
                };
                packets.push((packet.at, bytes.to_vec()));
            }
        }
        packets
    }

    pub fn counts(&self) -> TapCounts {
        self.tally.read()
    }
}
