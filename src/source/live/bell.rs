//! Wakes a tap's thread out of its wait: something is wanted that wasn't, or it has to stop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::time::Span;

/// One tap's bell.
pub(in crate::source) struct Bell {
    fd: OwnedFd,
}

impl Bell {
    /// # Errors
    /// What the system says; it has no descriptors left.
    pub fn new() -> io::Result<Bell> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Bell { fd })
    }

    /// Ends the wait of whoever waits, or the next one.
    pub fn ring(&self) {
        // It fails only when it has been rung 2^64 times and nobody looked.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }

    /// Waits until it is rung or one of `fds` is ready; what `ready` tells of each is left in it.
    ///
    /// # Errors
    /// What the system says, but that it was interrupted.
    pub fn wait(
        &self,
        fds: &[(BorrowedFd<'_>, PollFlags)],
        longest: Span,
        ready: &mut Vec<PollFlags>,
    ) -> io::Result<()> {
        let bell = PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN);
        let others = fds.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags));
        let mut polled: Vec<PollFd<'_>> = std::iter::once(bell).chain(others).collect();
        let micros = longest.as_micros().max(0);
        let longest = Timespec { tv_sec: micros / 1_000_000, tv_nsec: micros % 1_000_000 * 1_000 };
        match poll(&mut polled, Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let rung = polled.first().is_some_and(|bell| !bell.revents().is_empty());
        if rung {
            let _ = rustix::io::read(&self.fd, &mut [0; 8]);
        }
        ready.clear();
        ready.extend(polled.iter().skip(1).map(PollFd::revents));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_rung_before_the_wait_ends_it_and_only_it() {
        let bell = Bell::new().expect("a descriptor");
        bell.ring();
        bell.ring();
        let mut ready = Vec::new();
        bell.wait(&[], Span::from_secs(3_600), &mut ready).expect("waits");
        let mut polled = [PollFd::new(&bell.fd, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(poll(&mut polled, Some(&now)).expect("polls"), 0);
    }
}
