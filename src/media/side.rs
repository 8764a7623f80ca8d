//! One direction of a leg's media: packets in, runs of sound, tones and digits out.
//!
//! Packets are placed, decoded in stretches of 20 ms, put in order and heard. Of G.722 the lower band is enough. Nothing
//! that depends on what the other side says is decided here.

use super::activity::{Activity, Run};
use super::placement::{Place, Placement};
use super::shelf::{Left, Shelf};
use super::sound::{MAX_STRETCH, SILENT, Sound};
use super::tone::{Tone, Tones, key};
use crate::limits;
use crate::time::{Span, Timestamp};
use crate::wire::g711;
use crate::wire::g722::G722;
use crate::wire::rtp::{Codec, RtpPacket};

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The caller, as the trunk brings it.
    FromCaller,
    /// The PBX, or whoever answered behind it.
    FromPbx,
}

/// One direction.
#[derive(Clone, Debug)]
pub struct Side {
    placement: Placement,
    decoder: Option<Box<G722>>,
    shelf: Shelf,
    hearing: Hearing,
    /// Packets of a codec that can't be read.
    unreadable: u32,
    encrypted: u32,
    /// Digits that came as events, and the timestamp of the last of them.
    events: Vec<Digit>,
    event: Option<u32>,
}

/// What is done with ticks once they are in order.
#[derive(Clone, Debug)]
struct Hearing {
    activity: Activity,
    tones: Tones,
}

/// Everything one direction had to tell.
#[derive(Clone, Debug)]
pub struct Told {
    /// Runs of sound that is no tone, in ticks.
    pub speech: Vec<Run>,
    /// Tones, in order.
    pub tones: Vec<Tone>,
    /// Digits, by event or by tone, in order.
    pub digits: Vec<Digit>,
    /// Packets received, that can't be read, and that never came.
    pub received: u32,
    /// Packets whose codec can't be read.
    pub unreadable: u32,
    /// Those of them that were encrypted.
    pub encrypted: u32,
    /// Packets that never came, by their sequence numbers.
    pub lost: u32,
}

/// A key the caller pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// When it began.
    pub tick: u32,
    /// Which, by its event (RFC 4733 3.2): 0 to 9, 10 is `*`, 11 is `#`, then A to D.
    pub key: u8,
}

/// The keys that aren't figures.
pub const STAR: u8 = 10;
pub const POUND: u8 = 11;

impl Side {
    /// Nothing heard yet.
    pub fn new() -> Side {
        Side {
            placement: Placement::default(),
            decoder: None,
            shelf: Shelf::new(),
            hearing: Hearing { activity: Activity::new(), tones: Tones::new() },
            unreadable: 0,
            encrypted: 0,
            events: Vec::new(),
            event: None,
        }
    }

    /// Hears one packet; ticks are counted from `origin`.
    pub fn hear(&mut self, origin: Timestamp, at: Timestamp, codec: Codec, packet: &RtpPacket<'_>) {
        let Place::At { at, fresh } = self.placement.place(at, packet) else { return };
        let Some(tick) = tick_of(origin, at) else { return };
        match codec {
            Codec::Pcmu => self.decode(tick, packet.payload, g711::ulaw),
            Codec::Pcma => self.decode(tick, packet.payload, g711::alaw),
            Codec::G722 => {
                let kept = self.decoder.take().filter(|_| !fresh);
                let mut decoder = kept.unwrap_or_default();
                self.decode(tick, packet.payload, |byte| decoder.decode_low(byte));
                self.decoder = Some(decoder);
            }
            Codec::TelephoneEvent => self.event(tick, packet),
            Codec::ComfortNoise => {}
            Codec::Other | Codec::Encrypted => {
                self.unreadable = self.unreadable.saturating_add(1);
                self.encrypted = self.encrypted.saturating_add(u32::from(codec == Codec::Encrypted));
            }
        }
    }

    /// What was heard so far.
    pub fn told(&self) -> Told {
        let mut hearing = self.hearing.clone();
        self.shelf.clone().clear(&mut |left| hearing.take(left));
        let tones = hearing.tones.all();
        let mut digits = self.events.clone();
        digits.extend(
            tones.iter().filter_map(|tone| Some(Digit { tick: tone.run.start, key: key(tone.pitch)? })),
        );
        digits.sort_unstable_by_key(|digit| digit.tick);
        Told {
            speech: without(hearing.activity.runs(), &tones),
            tones,
            digits,
            received: self.placement.received(),
            unreadable: self.unreadable,
            encrypted: self.encrypted,
            lost: self.placement.lost(),
        }
    }

    /// Decodes and listens, 20 ms at a time; what is shorter than 5 ms is left out.
    fn decode(&mut self, tick: u32, payload: &[u8], mut sample: impl FnMut(u8) -> i16) {
        let mut room = [0.0_f32; MAX_STRETCH];
        let payload = payload.get(..limits::SOUND).unwrap_or(payload);
        for (n, bytes) in (0..).zip(payload.chunks(MAX_STRETCH)) {
            for (place, &byte) in room.iter_mut().zip(bytes) {
                *place = f32::from(sample(byte));
            }
            let heard = room.get(..bytes.len()).unwrap_or_default();
            if heard.len() >= SHORTEST_STRETCH {
                self.put(tick + n * TICKS_A_STRETCH, heard);
            }
        }
    }

    fn put(&mut self, tick: u32, samples: &[f32]) {
        let sound = Sound::of(samples);
        let ticks = if samples.len() > SAMPLES_A_TICK { 2 } else { 1 };
        for n in 0..ticks {
            self.shelf.put(tick + n, sound, &mut |left| self.hearing.take(left));
        }
    }

    /// A digit is a timestamp (RFC 4733 2.2.2), however many packets tell of it. Other events are none.
    fn event(&mut self, tick: u32, packet: &RtpPacket<'_>) {
        let Some(key) = packet.payload.first().copied().filter(|key| *key <= LAST_KEY) else { return };
        if self.event != Some(packet.timestamp) && self.events.len() < limits::KEYS_PRESSED {
            self.events.push(Digit { tick, key });
        }
        self.event = Some(packet.timestamp);
    }
}

impl Hearing {
    fn take(&mut self, left: Left) {
        match left {
            Left::Sound(tick, sound) => {
                self.tones.hear(tick, sound.pitch);
                self.activity.hear(tick, sound.level.min(SILENT), sound.pitch.is_some());
            }
            Left::Nothing(tick, count) => {
                self.tones.hear(tick.saturating_add(count - 1), None);
                self.activity.miss(tick, count);
            }
        }
    }
}

/// Runs with the tones cut out; what is left of a tone's edges is dropped.
fn without(runs: impl Iterator<Item = Run>, tones: &[Tone]) -> Vec<Run> {
    let mut out = Vec::new();
    for mut run in runs {
        for tone in tones.iter().map(|tone| tone.run) {
            if run.shared(tone) > 0 {
                push(&mut out, Run { start: run.start, end: tone.start });
                run.start = tone.end.min(run.end);
            }
        }
        push(&mut out, run);
    }
    out
}

fn push(runs: &mut Vec<Run>, run: Run) {
    if run.len() >= SHORTEST_REST {
        runs.push(run);
    }
}

fn tick_of(origin: Timestamp, at: Timestamp) -> Option<u32> {
    let tick = at.since(origin).as_micros().div_euclid(TICK.as_micros());
    u32::try_from(tick).ok().filter(|tick| *tick < LONGEST_CALL)
}

/// The unit of time here.
pub const TICK: Span = Span::from_millis(10);

/// The last event that is a key.
const LAST_KEY: u8 = 15;

const SAMPLES_A_TICK: usize = 80;
const TICKS_A_STRETCH: u32 = 2;

/// The shortest stretch that is listened to, in samples.
const SHORTEST_STRETCH: usize = 40;

/// What is left beside a tone and is shorter is its edge, in ticks.
const SHORTEST_REST: u32 = 8;

/// Ticks beyond a day are no call.
const LONGEST_CALL: u32 = 8_640_000;
