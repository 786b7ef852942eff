//! The map from session to lane.
//!
//! Guarantees: a lane is in the table exactly while it is not empty; it is made, changed and removed under one lock, so
//! that nobody can join a lane that is being removed; time in a lane never goes back; the memory of a burst of lanes
//! comes back when they are gone.
//! Does not do: hand out references or guards; wait. What a change does to others is done after the lock is released.
//! Further names of a lane are made in [`super::names`].

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::names::{Alias, Names};
use super::note::Notes;
use super::queue::Queue;
use crate::session::SessionKey;

/// The lanes that exist, by session.
#[derive(Debug)]
pub(super) struct Table<W> {
    pub(super) slots: DashMap<SessionKey, Slot<W>, BuildHasherDefault<DigestHasher>>,
    /// Lanes and aliases.
    len: AtomicUsize,
    pub(super) aliases: AtomicUsize,
    /// The most slots at a time since the map was last made smaller.
    peak: AtomicUsize,
    /// Held by whoever makes an alias; for less than 3 us in a build that is not even optimized. So it is free for far
    /// more new ids a second than there are responses, and two locks in canonical order would save nothing.
    pub(super) naming: Mutex<()>,
    /// What tells the lanes that had aliases apart.
    pub(super) lives: AtomicU64,
}

/// What a key stands for.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are lanes, and another allocation for each would cost every request"
)]
pub(super) enum Slot<W> {
    /// Another name of a lane.
    Alias(Alias),
    /// A lane of its own.
    Lane(Lane<W>),
}

/// A lane, as the table keeps it.
#[derive(Debug)]
pub(super) struct Lane<W> {
    queue: Queue<W>,
    /// Its other names, once it had one.
    pub(super) names: Option<Box<Names>>,
    pub(super) notes: Notes,
}

/// Takes a session key nearly for its own hash: it is a keyed digest, so nobody can choose keys that collide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DigestHasher(u64);

impl<W> Table<W> {
    /// Changes the lane of `key`, which is made for that if it does not exist and removed if it is empty afterwards.
    /// `change` is told which lane that is: `key`'s own, or the one that `key` is another name of. It runs under a lock
    /// that the lane shares with others: it must be short, and must not come back here.
    pub(super) fn visit<T>(
        &self,
        key: SessionKey,
        change: impl FnOnce(&mut Lane<W>, Instant, SessionKey) -> T,
    ) -> T {
        let mut change = change;
        loop {
            let alias = match self.visit_slot(key, change) {
                Ok(result) => return result,
                Err((alias, back)) => {
                    change = back;
                    alias
                }
            };
            change = match self.visit_alias(alias, change) {
                Ok(result) => return result,
                Err(back) => back,
            };
            self.forget(key, alias); // its lane is gone, and the key has a lane of its own from now on
        }
    }

    /// As [`Table::visit`], unless `key` is another name of a lane.
    fn visit_slot<T, C>(&self, key: SessionKey, change: C) -> Result<T, (Alias, C)>
    where
        C: FnOnce(&mut Lane<W>, Instant, SessionKey) -> T,
    {
        match self.slots.entry(key) {
            Entry::Occupied(mut entry) => {
                let lane = match entry.get_mut() {
                    Slot::Lane(lane) => lane,
                    Slot::Alias(alias) => return Err((*alias, change)),
                };
                let result = change(lane, now(), key);
                if lane.queue.is_empty() {
                    let gone = entry.remove();
                    self.shrink();
                    self.bury(key, gone);
                }
                Ok(result)
            }
            Entry::Vacant(entry) => {
                let now = now();
                let mut lane = Lane {
                    queue: Queue::begun(now),
                    names: None,
                    notes: Notes::default(),
                };
                let result = change(&mut lane, now, key);
                if !lane.queue.is_empty() {
                    self.grow();
                    drop(entry.insert(Slot::Lane(lane)));
                }
                Ok(result)
            }
        }
    }

    /// Changes the lane that `alias` stands for, unless it is gone.
    fn visit_alias<T, C>(&self, alias: Alias, change: C) -> Result<T, C>
    where
        C: FnOnce(&mut Lane<W>, Instant, SessionKey) -> T,
    {
        let Entry::Occupied(mut entry) = self.slots.entry(alias.lane) else {
            return Err(change);
        };
        let lane = match entry.get_mut() {
            Slot::Lane(lane) if lane.is(alias.life) => lane,
            Slot::Alias(_) | Slot::Lane(_) => return Err(change),
        };
        let result = change(lane, now(), alias.lane);
        if lane.queue.is_empty() {
            let gone = entry.remove();
            self.shrink();
            self.bury(alias.lane, gone);
        }
        Ok(result)
    }

    /// Looks at the lane of `key`, if it exists.
    pub(super) fn look<T>(
        &self,
        key: SessionKey,
        read: impl Fn(&Lane<W>, Instant) -> T,
    ) -> Option<T> {
        let at = |key: SessionKey, life: Option<u64>| {
            self.slots.view(&key, |_, slot| match slot {
                Slot::Lane(lane) if life.is_none_or(|life| lane.is(life)) => Ok(read(lane, now())),
                Slot::Lane(_) => Err(None),
                Slot::Alias(alias) => Err(Some(*alias)),
            })
        };
        match at(key, None)? {
            Ok(result) => Some(result),
            Err(alias) => {
                let Alias { lane, life } = alias?;
                at(lane, Some(life))?.ok()
            }
        }
    }

    /// Looks at the lane whose own key is `key`, if it exists.
    pub(super) fn examine<T>(
        &self,
        key: SessionKey,
        read: impl Fn(&Lane<W>, SessionKey, Instant) -> T,
    ) -> Option<T> {
        let read = |_: &_, slot: &Slot<W>| match slot {
            Slot::Lane(lane) => Some(read(lane, key, now())),
            Slot::Alias(_) => None,
        };
        self.slots.view(&key, read)?
    }

    /// Changes every lane, in no order. A lane that is made meanwhile may be left out.
    pub(super) fn visit_all(&self, mut change: impl FnMut(&mut Queue<W>)) {
        let mut gone = Vec::new();
        self.slots.retain(|key, slot| {
            let Slot::Lane(lane) = slot else { return true };
            change(&mut lane.queue);
            let used = !lane.queue.is_empty();
            if !used {
                self.len.fetch_sub(1, Ordering::Relaxed);
                gone.extend(lane.names.take().map(|names| (*key, names)));
            }
            used
        });
        for (key, names) in gone {
            self.forget_all(&names, key);
        }
    }

    /// Number of lanes that exist.
    pub(super) fn len(&self) -> usize {
        let aliases = self.aliases.load(Ordering::Relaxed);
        self.len.load(Ordering::Relaxed).saturating_sub(aliases)
    }

    /// Number of lanes that there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Counts a slot that is about to be inserted.
    pub(super) fn grow(&self) {
        let len = self.len.fetch_add(1, Ordering::Relaxed) + 1;
        if len > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(len, Ordering::Relaxed);
        }
    }

    /// Counts a slot that was removed. When few are left of many, the map is made to fit them; that costs as much as
    /// inserting those few again, and so next to nothing for each of the many that were removed since.
    pub(super) fn shrink(&self) {
        let len = self.len.fetch_sub(1, Ordering::Relaxed) - 1;
        let peak = self.peak.load(Ordering::Relaxed);
        let sparse = peak >= WORTH_SHRINKING && len <= peak / FEW;
        if sparse
            && self
                .peak
                .compare_exchange(peak, len, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.slots.shrink_to_fit();
        }
    }

    /// Ends what was removed from the table; to be called without a lock.
    fn bury(&self, key: SessionKey, gone: Slot<W>) {
        if let Slot::Lane(Lane {
            names: Some(names), ..
        }) = gone
        {
            self.forget_all(&names, key);
        }
    }
}

impl<W> Lane<W> {
    /// Whether it is the one that has this `life`.
    pub(super) fn is(&self, life: u64) -> bool {
        self.names.as_ref().is_some_and(|names| names.life == life)
    }
}

impl<W> Deref for Lane<W> {
    type Target = Queue<W>;

    fn deref(&self) -> &Queue<W> {
        &self.queue
    }
}

impl<W> DerefMut for Lane<W> {
    fn deref_mut(&mut self) -> &mut Queue<W> {
        &mut self.queue
    }
}

impl<W> Default for Table<W> {
    fn default() -> Self {
        Self {
            slots: DashMap::default(),
            len: AtomicUsize::new(0),
            aliases: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            naming: Mutex::default(),
            lives: AtomicU64::new(0),
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
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Below this many lanes their memory is not worth the trouble.
const WORTH_SHRINKING: usize = 1024;
/// Few are left when it is this part of the peak.
const FEW: usize = 8;
/// 2^64 over the golden ratio: brings every bit of a word to the upper ones, which choose the shard.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
