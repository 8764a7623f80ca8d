//! A bounded map with keyed hashing that knows which entry was used longest ago.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use siphasher::sip::SipHasher13;

/// Hashing that strangers can't steer, with a key from the engine's seed.
#[derive(Clone)]
pub(super) struct Keyed {
    seed: u64,
}

impl Keyed {
    pub(super) fn new(seed: u64) -> Keyed {
        Keyed { seed }
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.seed, self.seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15)
    }
}

/// Entries in a chain from the one used longest ago to the newest, found by key.
pub(super) struct Table<K, V> {
    index: HashMap<K, usize, Keyed>,
    slots: Vec<Slot<K, V>>,
    free: Vec<usize>,
    oldest: Option<usize>,
    newest: Option<usize>,
}

struct Slot<K, V> {
    entry: Option<(K, V)>,
    older: Option<usize>,
    newer: Option<usize>,
}

impl<K: Hash + Eq + Copy, V> Table<K, V> {
    pub(super) fn new(keyed: Keyed) -> Table<K, V> {
        Table {
            index: HashMap::with_hasher(keyed),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: None,
            newest: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The entry, without making it newer.
    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        let at = *self.index.get(key)?;
        self.slots.get_mut(at)?.entry.as_mut().map(|(_, value)| value)
    }

    /// The entry, which becomes the newest.
    pub(super) fn touch(&mut self, key: &K) -> Option<&mut V> {
        let at = *self.index.get(key)?;
        if self.newest != Some(at) {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slots.get_mut(at)?.entry.as_mut().map(|(_, value)| value)
    }

    /// Puts an entry in as the newest, in place of one with the same key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        let slot = Slot { entry: Some((key, value)), older: None, newer: None };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.index.insert(key, at);
        self.link_newest(at);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.index.remove(key)?;
        self.unlink(at);
        self.free.push(at);
        self.slots.get_mut(at)?.entry.take().map(|(_, value)| value)
    }

    /// The key of the entry used longest ago.
    pub(super) fn oldest(&self) -> Option<(&K, &V)> {
        self.slots.get(self.oldest?)?.entry.as_ref().map(|(key, value)| (key, value))
    }

    /// Makes an entry the first to go.
    pub(super) fn demote(&mut self, key: &K) {
        let Some(&at) = self.index.get(key) else { return };
        self.unlink(at);
        self.link_oldest(at);
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref().map(|(_, value)| value))
    }

    fn unlink(&mut self, at: usize) {
        let (older, newer) = (self.slots[at].older.take(), self.slots[at].newer.take());
        match older {
            Some(older) => self.slots[older].newer = newer,
            None => self.oldest = newer,
        }
        match newer {
            Some(newer) => self.slots[newer].older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, at: usize) {
        self.slots[at].older = self.newest;
        match self.newest {
            Some(newest) => self.slots[newest].newer = Some(at),
            None => self.oldest = Some(at),
        }
        self.newest = Some(at);
    }

    fn link_oldest(&mut self, at: usize) {
        self.slots[at].newer = self.oldest;
        match self.oldest {
            Some(oldest) => self.slots[oldest].older = Some(at),
            None => self.newest = Some(at),
        }
        self.oldest = Some(at);
    }
}
