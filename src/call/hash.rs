//! Keyed hashing of what came from the network, so that no sender can choose where it lands in a map.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip::SipHasher13;

/// Makes keys from network bytes with the engine's seed.
#[derive(Clone, Copy, Debug)]
pub struct Keyer {
    seed: (u64, u64),
}

/// A keyed hash of network bytes: who doesn't know the seed can't make two of them equal but by chance, which
/// is one in 2^64 for each pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key(u64);

/// A map by `Key`. The keys are hashes already, so they are used as they are; it is never iterated.
pub type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<Taken>>;

impl Keyer {
    /// A keyer with the engine's seed.
    pub fn new(seed: u64) -> Keyer {
        Keyer { seed: (seed, seed.rotate_left(32) ^ 0x7269_6e67_6261_636b) }
    }

    /// The key of bytes within the name space `kind`.
    pub fn key(&self, kind: u8, bytes: &[u8]) -> Key {
        Key(SipHasher13::new_with_keys(self.seed.0, self.seed.1 ^ u64::from(kind)).hash(bytes))
    }

    /// A cheap keyed fingerprint of a number and some bytes, for telling few things apart that one peer sends within
    /// its own leg: who makes two of them equal fools nobody but itself.
    #[inline]
    pub fn fingerprint<const N: usize>(&self, number: u64, parts: [&[u8]; N]) -> u32 {
        let mut state = mixed(self.seed.0 ^ SPREAD, number);
        for part in parts {
            let (words, tail) = part.as_chunks::<8>();
            for word in words {
                state = mixed(state, u64::from_le_bytes(*word));
            }
            let tail = match part.last_chunk::<8>() {
                Some(last) if !tail.is_empty() => u64::from_le_bytes(*last),
                Some(_) => 0,
                None => tail.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            state = mixed(mixed(state, tail), part.len() as u64);
        }
        (state ^ (state >> 32)) as u32
    }
}

impl Key {
    /// The key of a thing that `Keyer::fingerprint` tells from others, to be used with another key only.
    pub fn of_fingerprint(fingerprint: u32) -> Key {
        Key(u64::from(fingerprint))
    }

    /// The key of this and another one together, within the name space `kind`. Both being keyed hashes, nobody
    /// can choose what comes of them.
    pub fn with(self, kind: u8, other: Key) -> Key {
        let (this, other) = (self.0.wrapping_mul(SPREAD), other.0.rotate_left(32));
        Key(mixed(this ^ u64::from(kind), other))
    }
}

fn mixed(state: u64, word: u64) -> u64 {
    (state ^ word).wrapping_mul(SPREAD).rotate_left(29)
}

/// An odd number with well mixed bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hasher of what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash.wrapping_mul(SPREAD);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_seeds_and_order_tell_keys_apart() {
        let keyer = Keyer::new(7);
        assert_ne!(keyer.key(0, b"ab"), keyer.key(1, b"ab"));
        assert_ne!(keyer.key(0, b"ab"), Keyer::new(8).key(0, b"ab"));
        let (a, b) = (keyer.key(0, b"a"), keyer.key(0, b"b"));
        assert_ne!(a.with(1, b), b.with(1, a));
        assert_ne!(a.with(1, b), a.with(2, b));
    }

    #[test]
    fn a_fingerprint_minds_every_byte_and_where_parts_end() {
        let keyer = Keyer::new(7);
        let long = [7; 21];
        for at in 0..long.len() {
            let mut other = long;
            other[at] = 8;
            assert_ne!(keyer.fingerprint(0, [&long]), keyer.fingerprint(0, [&other]), "{at}");
        }
        assert_ne!(keyer.fingerprint(0, [b"ab", b"c"]), keyer.fingerprint(0, [b"a", b"bc"]));
        assert_ne!(keyer.fingerprint(0, [b"ab"]), keyer.fingerprint(1, [b"ab"]));
    }
}
