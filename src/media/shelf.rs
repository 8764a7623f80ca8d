//! Puts stretches of sound in order: packets come late and early, detectors want them one after the other.
//!
//! The shelf is 64 places of 10 ms. What lies further back has left it for good; what would lie beyond its end pushes
//! the oldest out. A place nothing came for goes out empty.

use super::sound::Sound;
use crate::limits;

/// The 640 ms in which packets may change places.
#[derive(Clone, Debug)]
pub struct Shelf {
    places: [Option<Sound>; limits::SHELF as usize],
    /// The tick that leaves next; `None` before the first one came.
    next: Option<u32>,
}

/// What leaves the shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// One tick's sound.
    Sound(u32, Sound),
    /// So many ticks without any, from this one on.
    Nothing(u32, u32),
}

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Shelf {
        Shelf { places: [None; limits::SHELF as usize], next: None }
    }

    /// Puts a tick's sound on its place and hands on what has to leave; a tick that has left stays as it was.
    pub fn put(&mut self, tick: u32, sound: Sound, leave: &mut impl FnMut(Left)) {
        let next = *self.next.get_or_insert(tick.saturating_sub(SLACK));
        if tick < next {
            return;
        }
        let end = next.saturating_add(limits::SHELF);
        if tick >= end {
            self.leave_before(tick.saturating_sub(limits::SHELF - 1), leave);
        }
        if let Some(place) = self.places.get_mut((tick % limits::SHELF) as usize) {
            *place = Some(sound);
        }
    }

    /// Hands on everything that is left.
    pub fn clear(&mut self, leave: &mut impl FnMut(Left)) {
        if let Some(next) = self.next {
            self.leave_before(next.saturating_add(limits::SHELF), leave);
        }
    }

    fn leave_before(&mut self, end: u32, leave: &mut impl FnMut(Left)) {
        let Some(start) = self.next else { return };
        self.next = Some(end);
        for tick in start..end.min(start.saturating_add(limits::SHELF)) {
            match self.places.get_mut((tick % limits::SHELF) as usize).and_then(Option::take) {
                Some(sound) => leave(Left::Sound(tick, sound)),
                None => leave(Left::Nothing(tick, 1)),
            }
        }
        let beyond = start.saturating_add(limits::SHELF);
        if end > beyond {
            leave(Left::Nothing(beyond, end - beyond));
        }
    }
}

/// What may still come from before the first packet seen, in ticks.
const SLACK: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(level: u8) -> Sound {
        Sound { level, pitch: None }
    }

    fn run(ticks: &[u32]) -> Vec<u32> {
        let mut shelf = Shelf::new();
        let mut out = Vec::new();
        let mut leave = |left: Left| {
            if let Left::Sound(tick, _) = left {
                out.push(tick);
            }
        };
        for &tick in ticks {
            shelf.put(tick, sound(30), &mut leave);
        }
        shelf.clear(&mut leave);
        out
    }

    #[test]
    fn sounds_leave_in_the_order_of_time() {
        assert_eq!(run(&[100, 104, 102, 98, 130, 120]), [98, 100, 102, 104, 120, 130]);
    }

    #[test]
    fn what_comes_too_late_is_left_out() {
        assert_eq!(run(&[100, 300, 200]), [100, 300]);
    }

    #[test]
    fn every_tick_leaves_once_however_far_the_leap() {
        let mut shelf = Shelf::new();
        let mut expected = 80;
        let mut leave = |left: Left| {
            let (tick, count) = match left {
                Left::Sound(tick, _) => (tick, 1),
                Left::Nothing(tick, count) => (tick, count),
            };
            assert_eq!(tick, expected);
            expected = tick + count;
        };
        for tick in [100, 150, 9_000_000, 9_000_001] {
            shelf.put(tick, sound(9), &mut leave);
        }
        shelf.clear(&mut leave);
        assert!(expected > 9_000_001);
    }
}
