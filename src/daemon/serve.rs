//! Listening for others: a thread that accepts, a thread for each connection, both bounded in number and time.
//!
//! A peer that is slow, silent or sends too much costs one of few places for a few seconds, and nothing else.

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::time::Span;

/// A connection whose peer isn't waited for without end.
pub trait Peer: Read {
    /// No reading or writing waits for longer.
    fn wait_at_most(&self, longest: Duration) -> io::Result<()>;
}

impl Peer for TcpStream {
    fn wait_at_most(&self, longest: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(longest))?;
        self.set_write_timeout(Some(longest))
    }
}

impl Peer for UnixStream {
    fn wait_at_most(&self, longest: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(longest))?;
        self.set_write_timeout(Some(longest))
    }
}

/// Why a peer's words weren't read to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It took too long.
    Slow,
    /// It sent more than is taken.
    Long,
    /// It went away.
    Gone,
}

/// Accepts for as long as the process runs; at most [`MOST`] connections are attended to at once, others are closed.
///
/// # Errors
/// The system has no threads left.
pub fn serve<S: Send + 'static>(
    name: &'static str,
    mut accept: impl FnMut() -> io::Result<S> + Send + 'static,
    attend: impl Fn(S) + Send + Sync + 'static,
) -> io::Result<()> {
    let attend = Arc::new(attend);
    let busy = Arc::new(AtomicUsize::new(0));
    let run = move || {
        loop {
            match accept() {
                Ok(stream) if busy.load(Ordering::Acquire) < MOST => {
                    let (attend, place) = (attend.clone(), Place::take(&busy));
                    let one = move || {
                        let _place = place;
                        attend(stream);
                    };
                    // Without threads the peer is sent away, as when there are too many.
                    drop(thread::Builder::new().name(name.to_owned()).spawn(one));
                }
                Ok(too_many) => drop(too_many),
                // There are no descriptors left; some may come free.
                Err(_) => thread::sleep(BREATH),
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Reads until `is_whole` says so.
///
/// # Errors
/// It isn't whole within [`PATIENCE`] and `most` bytes.
pub fn read(
    stream: &mut impl Peer,
    clock: &dyn Clock,
    most: usize,
    is_whole: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>, Cut> {
    let until = clock.boottime() + PATIENCE;
    let mut taken = Vec::new();
    let mut piece = [0; PIECE];
    while !is_whole(&taken) {
        let left = until.as_micros().saturating_sub(clock.boottime().as_micros());
        let left = u64::try_from(left).ok().filter(|left| *left > 0).ok_or(Cut::Slow)?;
        stream.wait_at_most(Duration::from_micros(left)).map_err(|_| Cut::Gone)?;
        let read = match stream.read(&mut piece) {
            Ok(0) => return Err(Cut::Gone),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(Cut::Slow);
            }
            Err(_) => return Err(Cut::Gone),
        };
        taken.extend(piece.iter().take(read));
        if taken.len() > most {
            return Err(Cut::Long);
        }
    }
    // An answer is waited for as long as a question.
    stream.wait_at_most(Duration::from_micros(PATIENCE.as_micros().unsigned_abs())).map_err(|_| Cut::Gone)?;
    Ok(taken)
}

/// One of the places, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(busy: &Arc<AtomicUsize>) -> Place {
        busy.fetch_add(1, Ordering::AcqRel);
        Place(busy.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// So many bytes are taken at once.
pub const PIECE: usize = 16 << 10;
/// So many connections at once.
const MOST: usize = 16;
/// A question must come within this.
const PATIENCE: Span = Span::from_secs(3);
const BREATH: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;

    fn line(stream: &mut UnixStream) -> Result<Vec<u8>, Cut> {
        read(stream, &SystemClock, 16, |taken| taken.ends_with(b"\n"))
    }

    #[test]
    fn what_is_too_long_or_ends_too_soon_is_not_taken() {
        for (sent, wanted) in [
            (&b"a line\n"[..], Ok(b"a line\n".to_vec())),
            (b"no end", Err(Cut::Gone)),
            (b"more than sixteen bytes of it\n", Err(Cut::Long)),
        ] {
            let (mut near, mut far) = UnixStream::pair().expect("a pair");
            far.write_all(sent).expect("written");
            drop(far);
            assert_eq!(line(&mut near), wanted);
        }
    }

    #[test]
    fn a_peer_that_says_nothing_is_left() {
        let (mut near, _far) = UnixStream::pair().expect("a pair");
        assert_eq!(line(&mut near), Err(Cut::Slow));
    }

    #[test]
    fn only_so_many_are_attended_to_at_once() {
        let (knock, knocks) = mpsc::channel::<UnixStream>();
        let (end, ends) = mpsc::channel::<()>();
        let ends = std::sync::Mutex::new(ends);
        let accept = move || knocks.recv().map_err(io::Error::other);
        let attend = move |mut stream: UnixStream| {
            stream.write_all(b"!").expect("written");
            let _ = ends.lock().expect("unbroken").recv();
        };
        serve("test", accept, attend).expect("a thread");
        let open = || {
            let (near, far) = UnixStream::pair().expect("a pair");
            knock.send(far).expect("is heard");
            near
        };
        let attended = |stream: &mut UnixStream| stream.read(&mut [0; 1]).expect("read") == 1;
        let mut kept: Vec<UnixStream> = (0..MOST).map(|_| open()).collect();
        assert!(kept.iter_mut().all(attended));
        assert!(!attended(&mut open()), "one too many");
        drop(end);
    }
}
