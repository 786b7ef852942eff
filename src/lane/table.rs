//! The map from session to lane.
//!
//! Guarantees: a lane is in the table exactly while it is not empty; it is made, changed and removed under one lock, so
//! that nobody can join a lane that is being removed; time in a lane never goes back; the memory of a burst of lanes
//! comes back when they are gone.
//! Does not do: hand out references or guards; wait. What a change does to others is done after the lock is released.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::queue::Queue;
use crate::session::SessionKey;

/// The lanes that exist, by session.
#[derive(Debug)]
pub(super) struct Table<W> {
    lanes: DashMap<SessionKey, Queue<W>, BuildHasherDefault<DigestHasher>>,
    len: AtomicUsize,
    /// The most lanes at a time since the map was last made smaller.
    peak: AtomicUsize,
}

/// Takes a session key nearly for its own hash: it is a keyed digest, so nobody can choose keys that collide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DigestHasher(u64);

impl<W> Table<W> {
    /// Changes the lane of `key`, which is made for that if it does not exist and removed if it is empty afterwards.
    /// `change` runs under a lock that it shares with other lanes: it must be short, and must not come back here.
    pub(super) fn visit<T>(
        &self,
        key: SessionKey,
        change: impl FnOnce(&mut Queue<W>, Instant) -> T,
    ) -> T {
        match self.lanes.entry(key) {
            Entry::Occupied(mut entry) => {
                let result = change(entry.get_mut(), now());
                if entry.get().is_empty() {
                    let gone = entry.remove();
                    self.shrink();
                    drop(gone);
                }
                result
            }
            Entry::Vacant(entry) => {
                let now = now();
                let mut lane = Queue::begun(now);
                let result = change(&mut lane, now);
                if !lane.is_empty() {
                    self.grow();
                    drop(entry.insert(lane));
                }
                result
            }
        }
    }

    /// Looks at the lane of `key`, if it exists.
    pub(super) fn look<T>(
        &self,
        key: SessionKey,
        read: impl FnOnce(&Queue<W>, Instant) -> T,
    ) -> Option<T> {
        self.lanes.view(&key, |_, lane| read(lane, now()))
    }

    /// Changes every lane, in no order. A lane that is made meanwhile may be left out.
    pub(super) fn visit_all(&self, mut change: impl FnMut(&mut Queue<W>)) {
        self.lanes.retain(|_, lane| {
            change(lane);
            let used = !lane.is_empty();
            if !used {
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
            used
        });
    }

    /// Number of lanes that exist.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Number of lanes that there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.lanes.capacity()
    }

    /// Counts a lane that is about to be inserted.
    fn grow(&self) {
        let len = self.len.fetch_add(1, Ordering::Relaxed) + 1;
        if len > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(len, Ordering::Relaxed);
        }
    }

    /// Counts a lane that was removed. When few are left of many, the map is made to fit them; that costs as much as
    /// inserting those few again, and so next to nothing for each of the many that were removed since.
    fn shrink(&self) {
        let len = self.len.fetch_sub(1, Ordering::Relaxed) - 1;
        let peak = self.peak.load(Ordering::Relaxed);
        let sparse = peak >= WORTH_SHRINKING && len <= peak / FEW;
        if sparse
            && self
                .peak
                .compare_exchange(peak, len, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.lanes.shrink_to_fit();
        }
    }
}

impl<W> Default for Table<W> {
    fn default() -> Self {
        Self {
            lanes: DashMap::default(),
            len: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }
}

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    }

    /// The length of the key: the same for all.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Tokio's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Below this many lanes their memory is not worth the trouble.
const WORTH_SHRINKING: usize = 1024;
/// Few are left when it is this part of the peak.
const FEW: usize = 8;
/// 2^64 over the golden ratio: brings every bit of a word to the upper ones, which choose the shard.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
