//! A buffer that slides over a stream: callers look at the bytes in it and take them off its front.
//!
//! It reads 256 KB at a time and copies only what is left over from one read to the next. It grows when one
//! record needs more than it holds, never beyond what its callers ask for at once.

use std::io::{self, ErrorKind};

use super::stream::Stream;

/// The bytes between what was taken off and what was read from a stream.
pub struct Window {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes of the stream lie before `buffer`.
    before: u64,
    state: State,
}

enum State {
    Open,
    Ended,
    Failed(io::Error),
}

impl Window {
    /// A window over `stream` that reads up to `capacity` bytes at once.
    pub fn new(stream: Stream, capacity: usize) -> Window {
        Window { stream, buffer: vec![0; capacity], start: 0, end: 0, before: 0, state: State::Open }
    }

    /// The bytes in the window.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// True if the window holds at least `need` bytes, after reading more if it has to. What it holds moves
    /// inside the buffer, but is not lost.
    #[inline]
    pub fn has(&mut self, need: usize) -> bool {
        self.end - self.start >= need || self.read(need)
    }

    /// Takes up to `n` bytes of the window off its front.
    #[inline]
    pub fn take(&mut self, n: usize) {
        self.start = self.end.min(self.start.saturating_add(n));
    }

    /// Takes `n` bytes off the stream however many they are; false if it has fewer.
    pub fn skip(&mut self, mut n: u64) -> bool {
        loop {
            let held = self.bytes().len();
            if n <= held as u64 {
                self.take(usize::try_from(n).unwrap_or(held));
                return true;
            }
            n -= held as u64;
            self.take(held);
            if !self.has(1) {
                return false;
            }
        }
    }

    /// How many bytes have been taken off.
    pub fn offset(&self) -> u64 {
        self.before + self.start as u64
    }

    /// The stream below.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Why nothing more can be read, if that isn't simply the stream's end.
    pub fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            State::Open | State::Ended => None,
        }
    }

    /// Whether the stream had no more when it was read last.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Reads on where the stream ended: it may have grown.
    pub fn go_on(&mut self) {
        if self.has_ended() {
            self.state = State::Open;
        }
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    #[cold]
    fn read(&mut self, need: usize) -> bool {
        self.make_room(need);
        while self.end - self.start < need {
            if !matches!(self.state, State::Open) {
                return false;
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => self.state = State::Ended,
                Ok(n) => self.end = self.buffer.len().min(self.end + n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.state = State::Failed(error),
            }
        }
        true
    }

    fn make_room(&mut self, need: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.before += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < need {
            self.buffer.reserve_exact(need - self.buffer.len());
            self.buffer.resize(need, 0);
        }
    }
}
