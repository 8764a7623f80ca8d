//! Keyed hashing of what came from the network, so that no sender can choose where it lands in a map.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

/// Makes keys from network bytes with the engine's seed.
#[derive(Clone, Copy, Debug)]
pub struct Keyer {
    seed: (u64, u64),
}

/// A keyed 128-bit hash of network bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u128);

/// A map by `Key`. The keys are hashes already, so they are used as they are; it is never iterated.
pub type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<Taken>>;

impl Keyer {
    /// A keyer with the engine's seed.
    pub fn new(seed: u64) -> Keyer {
        Keyer { seed: (seed, seed.rotate_left(32) ^ 0x7269_6e67_6261_636b) }
    }

    /// The key of `parts`, told apart by their lengths, within the name space `kind`.
    pub fn key(&self, kind: u8, parts: &[&[u8]]) -> Key {
        let hasher = SipHasher13::new_with_keys(self.seed.0, self.seed.1);
        let mut room = [0; ROOM];
        match joined(&mut room, kind, parts) {
            Some(bytes) => Key(hasher.hash(bytes).as_u128()),
            None => Key(streamed(hasher, kind, parts)),
        }
    }
}

impl Keyer {
    /// A cheap keyed fingerprint for telling few things apart that one peer sends within its own leg: who
    /// makes two of them equal fools nobody but itself.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> u32 {
        let mut state = self.seed.0 ^ SPREAD;
        for part in parts {
            let (words, tail) = part.as_chunks::<8>();
            for word in words {
                state = mixed(state, u64::from_le_bytes(*word));
            }
            let tail = tail.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            state = mixed(mixed(state, tail), part.len() as u64);
        }
        (state ^ (state >> 32)) as u32
    }
}

fn mixed(state: u64, word: u64) -> u64 {
    (state ^ word).wrapping_mul(SPREAD).rotate_left(29)
}

/// Enough for all but long identifiers.
const ROOM: usize = 128;

/// An odd number with well mixed bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// All that is hashed in one piece, which hashes faster; nothing if it doesn't fit.
fn joined<'r>(room: &'r mut [u8; ROOM], kind: u8, parts: &[&[u8]]) -> Option<&'r [u8]> {
    room[0] = kind;
    let mut end = 1;
    for part in parts {
        let start = end + 4;
        room.get_mut(end..start)?.copy_from_slice(&(part.len() as u32).to_le_bytes());
        end = start + part.len();
        room.get_mut(start..end)?.copy_from_slice(part);
    }
    room.get(..end)
}

fn streamed(mut hasher: SipHasher13, kind: u8, parts: &[&[u8]]) -> u128 {
    hasher.write(&[kind]);
    for part in parts {
        hasher.write(&(part.len() as u32).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

/// A hasher that takes the low half of a `Key` for its hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
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
    fn long_parts_are_hashed_to_their_end() {
        let keyer = Keyer::new(7);
        let (mut a, mut b) = ([7; 1_000], [7; 1_000]);
        (a[999], b[999]) = (1, 2);
        assert_ne!(keyer.key(0, &[&a]), keyer.key(0, &[&b]));
    }

    #[test]
    fn parts_are_told_apart_by_their_lengths() {
        let keyer = Keyer::new(7);
        assert_ne!(keyer.key(0, &[b"ab", b"c"]), keyer.key(0, &[b"a", b"bc"]));
        assert_ne!(keyer.key(0, &[b"ab"]), keyer.key(1, &[b"ab"]));
        assert_ne!(keyer.key(0, &[b"ab"]), Keyer::new(8).key(0, &[b"ab"]));
    }
}
