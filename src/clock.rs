//! The only file that reads the machine's clocks: the wall clock, and one that never goes back.
//!
//! Packets are stamped by the wall clock; how long something takes is told by the other, which counts while
//! the machine sleeps and isn't moved when somebody sets the time. It stands still while a host pauses its virtual machine;
//! the clock with a battery, or what the host gives for one, doesn't. `HandClock` stands in where a test has to say what
//! time it is.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::time::{Span, Timestamp};

/// What tells the time.
pub trait Clock: Send + Sync {
    /// The time on the wall, which may jump.
    fn now(&self) -> Timestamp;

    /// The time since the machine started, which never goes back.
    fn boottime(&self) -> Span;

    /// What tells this run of the machine from others; none if nothing does.
    fn boot(&self) -> Option<String>;

    /// What the clock with a battery shows, which goes on whatever the machine does, in whole seconds; none if there is none.
    /// It may be off by hours: only how it moves says anything.
    fn battery(&self) -> Option<Timestamp> {
        None
    }
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(micros(clock_gettime(ClockId::Realtime)))
    }

    fn boottime(&self) -> Span {
        Span::from_micros(micros(clock_gettime(ClockId::Boottime)))
    }

    fn boot(&self) -> Option<String> {
        // proc(5); a hardened unit doesn't see it, and passes systemd's %b, which is the same without dashes
        let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let id = read.or_else(|| std::env::var("RINGBACK_BOOT_ID").ok())?;
        Some(id.trim().replace('-', "")).filter(|id| !id.is_empty() && !id.contains(' '))
    }

    fn battery(&self) -> Option<Timestamp> {
        // Documentation/ABI/testing/sysfs-class-rtc of the kernel
        let secs = std::fs::read_to_string("/sys/class/rtc/rtc0/since_epoch").ok()?;
        Some(Timestamp::from_parts(secs.trim().parse().ok()?, 0))
    }
}

/// Clocks that stand still until they are moved by hand.
#[derive(Debug, Default)]
pub struct HandClock {
    wall: AtomicI64,
    boot: AtomicI64,
    boots: AtomicI64,
    battery: AtomicI64,
    has_none: AtomicBool,
}

impl HandClock {
    /// The wall shows `now`, the machine has just started.
    pub fn at(now: Timestamp) -> HandClock {
        let (wall, battery) = (AtomicI64::new(now.as_micros()), AtomicI64::new(now.as_micros()));
        HandClock { wall, battery, ..HandClock::default() }
    }

    /// From now on there is none with a battery.
    pub fn lose_battery(&self) {
        self.has_none.store(true, Ordering::SeqCst);
    }

    /// Lets time pass while the machine's host has it paused.
    pub fn pause(&self, span: Span) {
        self.battery.fetch_add(span.as_micros(), Ordering::SeqCst);
    }

    /// Lets time pass on all.
    pub fn pass(&self, span: Span) {
        self.pause(span);
        self.wall.fetch_add(span.as_micros(), Ordering::SeqCst);
        self.boot.fetch_add(span.as_micros(), Ordering::SeqCst);
    }

    /// Starts the machine anew, with the wall showing `now`.
    pub fn restart(&self, now: Timestamp) {
        self.set(now);
        self.boot.store(0, Ordering::SeqCst);
        self.boots.fetch_add(1, Ordering::SeqCst);
    }

    /// Sets the wall clock, as people and time servers do.
    pub fn set(&self, now: Timestamp) {
        self.wall.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Span {
        Span::from_micros(self.boot.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Option<String> {
        Some(format!("by-hand-{}", self.boots.load(Ordering::SeqCst)))
    }

    fn battery(&self) -> Option<Timestamp> {
        let shown = self.battery.load(Ordering::SeqCst);
        (!self.has_none.load(Ordering::SeqCst)).then(|| Timestamp::from_micros(shown - shown % 1_000_000))
    }
}

fn micros(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_shows_this_century_and_the_other_moves_on() {
        let clock = SystemClock;
        assert!(clock.now() > Timestamp::from_parts(1_700_000_000, 0));
        let before = clock.boottime();
        assert!(before > Span::ZERO && clock.boottime() >= before);
    }

    #[test]
    fn a_clock_set_by_hand_moves_only_the_wall() {
        let clock = HandClock::at(Timestamp::from_parts(100, 0));
        clock.pass(Span::from_secs(5));
        clock.set(Timestamp::from_parts(50, 0));
        assert_eq!((clock.now(), clock.boottime()), (Timestamp::from_parts(50, 0), Span::from_secs(5)));
    }
}
