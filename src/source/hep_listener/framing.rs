//! HEP3 messages cut from one agent's TCP stream.
//!
//! What makes no sense is passed over up to the next message; who sends only such is given up.

use crate::wire::hep;

/// The end of a stream that isn't a whole message yet.
#[derive(Default)]
pub(super) struct Framing {
    rest: Vec<u8>,
    /// Bytes passed over since the last message.
    astray: usize,
}

/// Something in the stream made no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rubbish {
    /// So much of it that the rest isn't worth reading.
    pub given_up: bool,
}

impl Framing {
    /// Takes the next bytes and hands out the messages they complete.
    pub fn read(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), Rubbish> {
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let (used, sound) = self.walk(&whole, out);
        whole.drain(..used.min(whole.len()));
        self.rest = whole;
        if sound { Ok(()) } else { Err(Rubbish { given_up: self.astray > MOST_RUBBISH }) }
    }

    /// How many bytes were used, and whether all of them made sense.
    fn walk(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> (usize, bool) {
        let (mut used, mut sound) = (0, true);
        while let Some(rest) = bytes.get(used..)
            && let Some(start) = rest.first_chunk::<12>()
        {
            match hep::stated_len(start).map(|len| rest.get(..len)) {
                Some(Some(message)) => {
                    out(message);
                    self.astray = 0;
                    used += message.len();
                }
                Some(None) => break,
                None => {
                    let next = rest.windows(4).skip(1).position(hep::has_magic).map(|at| at + 1);
                    let passed = next.unwrap_or(rest.len() - 3);
                    self.astray += passed;
                    used += passed;
                    sound = false;
                }
            }
        }
        (used, sound)
    }
}

/// More than the longest message in one piece.
const MOST_RUBBISH: usize = 65_536;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(payload: &[u8]) -> Vec<u8> {
        let total = (12 + payload.len()) as u16;
        let mut message = b"HEP3".to_vec();
        message.extend(total.to_be_bytes());
        message.extend([0, 0, 0, 15]);
        message.extend((total - 6).to_be_bytes());
        message.extend(payload);
        message
    }

    fn read(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<Rubbish>) {
        let (mut framing, mut messages, mut rubbish) = (Framing::default(), Vec::new(), Vec::new());
        for piece in pieces {
            rubbish.extend(framing.read(piece, &mut |message| messages.push(message.to_vec())).err());
            assert!(framing.rest.len() < 65_536 + 12);
        }
        (messages, rubbish)
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_is() {
        let (one, two) = (message(b"one"), message(b"second"));
        let stream = [one.clone(), two.clone()].concat();
        for cut in 0..stream.len() {
            let (messages, rubbish) = read(&[&stream[..cut], &stream[cut..]]);
            assert_eq!((messages, rubbish), (vec![one.clone(), two.clone()], vec![]), "{cut}");
        }
    }

    #[test]
    fn rubbish_is_passed_over_and_too_much_of_it_given_up() {
        let one = message(b"one");
        let (messages, rubbish) = read(&[&[b"rubbish and more", one.as_slice()].concat()]);
        assert_eq!((messages.len(), rubbish), (1, vec![Rubbish { given_up: false }]));
        let (messages, rubbish) = read(&[b"rubbish and more", &one, &one]);
        assert_eq!((messages.len(), rubbish), (2, vec![Rubbish { given_up: false }; 2]));
        let (_, rubbish) = read(&[&[0; 40_000], &[0; 40_000]]);
        assert_eq!(rubbish.iter().map(|r| r.given_up).collect::<Vec<_>>(), [false, true]);
    }

    proptest! {
        #[test]
        fn any_stream_is_read_within_bounds(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..10),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            read(&pieces);
        }
    }
}
