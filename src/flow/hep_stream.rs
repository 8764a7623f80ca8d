//! HEP3 messages cut from a byte stream by their total length.

use super::demux::Sink;
use super::reader::Step;
use crate::wire::hep;

/// Where the framing of one direction stands.
#[derive(Default)]
pub(super) struct HepStream {
    astray: bool,
}

impl HepStream {
    pub(super) fn step(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        let Some(start) = rest.first_chunk::<12>() else { return Step::Wait };
        let Some(total) = hep::stated_len(start) else { return self.resync(rest, sink) };
        let Some(message) = rest.get(..total) else { return Step::Wait };
        sink.hep(message);
        self.astray = false;
        Step::Used(total)
    }

    pub(super) fn gap(&mut self) {
        self.astray = true;
    }

    /// Skips to what may be a message, or to the last bytes, which may be the start of one.
    fn resync(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Step {
        if !self.astray {
            sink.counters.hep_bad += 1;
        }
        self.astray = true;
        let next = rest.windows(4).skip(1).position(hep::has_magic).map(|at| at + 1);
        Step::Used(next.unwrap_or(rest.len() - 3))
    }
}
