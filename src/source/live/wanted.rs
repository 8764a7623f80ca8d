//! Which RTP is worth taking out of the kernel.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Which RTP the reader wants. SIP is always wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// None.
    None,
    /// RTP to these UDP ports, whatever the address; of more than a hundred, all.
    Ports(BTreeSet<u16>),
    /// All of it.
    #[default]
    All,
}

/// What is wanted now, for all taps to see.
#[derive(Default)]
pub(in crate::source) struct Wish {
    wanted: Mutex<Wanted>,
    version: AtomicU64,
}

impl Wish {
    /// Changes it; false if it is that already.
    pub fn change(&self, wanted: Wanted) -> bool {
        let mut now = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = *now != wanted;
        if changes {
            *now = wanted;
            self.version.fetch_add(1, Ordering::SeqCst);
        }
        changes
    }

    /// What is wanted now.
    pub fn get(&self) -> Wanted {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wanted, if that isn't what it was at `seen`, which is brought up to date.
    pub fn newer(&self, seen: &mut u64) -> Option<Wanted> {
        let version = self.version.load(Ordering::SeqCst);
        (std::mem::replace(seen, version) != version).then(|| self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once_and_no_change_never() {
        let (wish, mut seen) = (Wish::default(), 0);
        assert!(!wish.change(Wanted::All));
        assert_eq!(wish.newer(&mut seen), None);
        assert!(wish.change(Wanted::None));
        assert_eq!((wish.newer(&mut seen), wish.newer(&mut seen)), (Some(Wanted::None), None));
    }
}
