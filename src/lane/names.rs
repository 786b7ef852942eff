//! Further names of a lane: the ids that responses gave a session while its lane lived.
//!
//! A lane knows its aliases, and each alias its lane and which life of it: a lane that is made anew under the same key is
//! another one. An alias is put into the table before its lane learns of it, and taken out again when that lane has gone
//! meanwhile; so none is left behind, and no two locks are held at once but the one of whoever makes aliases.
//!
//! Guarantees: who joins by an alias joins the lane that it was made for, as long as that lives; an alias goes with its
//! lane; a lane has at most [`MAX`] of them, of which the oldest goes first, and all lanes together [`MAX_IN_ALL`], beyond
//! which none is made; a key that has a lane of its own keeps it, and a key that is a name of another living lane remains
//! that, so that no lane is lost while it is used.
//! Does not do: keep a lane alive; say when an id has changed.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use dashmap::mapref::entry::Entry;

use super::table::{Slot, Table, now};
use crate::session::SessionKey;

/// A key that is another name of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias {
    /// The lane's own key.
    pub(super) lane: SessionKey,
    pub(super) life: u64,
}

/// The other names of one lane.
#[derive(Debug)]
pub(super) struct Names {
    /// Unique in the table: a lane that takes the place of this one has another.
    pub(super) life: u64,
    /// The oldest first.
    keys: VecDeque<SessionKey>,
    /// When the newest was added; None when none ever was.
    newest: Option<Instant>,
}

/// What became of another name for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// It is a name of the lane already, or its own key.
    Already,
    /// Whoever joins by the new key joins the lane, as long as that lives.
    Made,
    /// There is no such lane: nobody is in it, so that nothing has to be kept apart.
    NoLane,
    /// The new key has a living lane, which it keeps.
    Taken,
    /// There are too many such names.
    TooMany,
}

impl<W> Table<W> {
    /// Makes `new` another name of the lane of `key`.
    pub(super) fn name(&self, key: SessionKey, new: SessionKey) -> Naming {
        let one_at_a_time = self.naming.lock();
        let _one_at_a_time = one_at_a_time.unwrap_or_else(PoisonError::into_inner);
        let Some(alias) = self.alias_for(key) else {
            return Naming::NoLane;
        };
        if new == alias.lane {
            return Naming::Already;
        }
        let naming = self.claim(new, alias);
        if naming == Naming::Made {
            return self.enlist(new, alias);
        }
        naming
    }

    /// What stands for the lane of `key`, if it exists.
    fn alias_for(&self, key: SessionKey) -> Option<Alias> {
        let life = |lane, of: Option<u64>| {
            let mut slot = self.slots.get_mut(&lane)?;
            match &mut *slot {
                Slot::Alias(alias) => Some(*alias),
                Slot::Lane(found) if of.is_some_and(|life| !found.is(life)) => None,
                Slot::Lane(found) => {
                    let names = found.names.get_or_insert_with(|| {
                        Box::new(Names {
                            life: self.lives.fetch_add(1, Ordering::Relaxed),
                            keys: VecDeque::new(),
                            newest: None,
                        })
                    });
                    let life = names.life;
                    Some(Alias { lane, life })
                }
            }
        };
        let first = life(key, None)?;
        if first.lane == key {
            return Some(first);
        }
        life(first.lane, Some(first.life)).filter(|alias| *alias == first)
    }

    /// Puts `alias` into the slot of `new`, unless that stands for a living lane.
    fn claim(&self, new: SessionKey, alias: Alias) -> Naming {
        loop {
            let other = match self.slots.entry(new) {
                Entry::Vacant(_) if self.aliases.load(Ordering::Relaxed) >= MAX_IN_ALL => {
                    return Naming::TooMany;
                }
                Entry::Vacant(entry) => {
                    self.grow();
                    self.aliases.fetch_add(1, Ordering::Relaxed);
                    drop(entry.insert(Slot::Alias(alias)));
                    return Naming::Made;
                }
                Entry::Occupied(entry) => match entry.get() {
                    Slot::Lane(_) => return Naming::Taken,
                    Slot::Alias(other) if *other == alias => return Naming::Already,
                    Slot::Alias(other) => *other,
                },
            };
            if self.lives(other) {
                return Naming::Taken;
            }
            self.forget(new, other);
        }
    }

    /// Lets the lane of `alias` know that `new` is one of its names.
    fn enlist(&self, new: SessionKey, alias: Alias) -> Naming {
        let enlisted = self.slots.get_mut(&alias.lane).and_then(|mut slot| {
            let Slot::Lane(lane) = &mut *slot else {
                return None;
            };
            let names = lane.names.as_mut()?;
            (names.life == alias.life).then(|| names.add(new, now()))
        });
        match enlisted {
            Some(None) => Naming::Made,
            Some(Some(oldest)) => {
                self.forget(oldest, alias);
                Naming::Made
            }
            None => {
                self.forget(new, alias);
                Naming::NoLane
            }
        }
    }

    /// Whether the lane that `alias` was made for still lives.
    fn lives(&self, alias: Alias) -> bool {
        let lives = self.slots.view(&alias.lane, |_, slot| match slot {
            Slot::Alias(_) => false,
            Slot::Lane(lane) => lane.is(alias.life),
        });
        lives == Some(true)
    }

    /// Takes `alias` out of the slot of `key`, if it is there.
    pub(super) fn forget(&self, key: SessionKey, alias: Alias) {
        let is_it = |slot: &Slot<W>| matches!(slot, Slot::Alias(found) if *found == alias);
        if self.slots.remove_if(&key, |_, slot| is_it(slot)).is_some() {
            self.aliases.fetch_sub(1, Ordering::Relaxed);
            self.shrink();
        }
    }

    /// Takes the aliases of a lane that is gone out of the table; to be called without a lock.
    pub(super) fn forget_all(&self, names: &Names, lane: SessionKey) {
        let life = names.life;
        for key in &names.keys {
            self.forget(*key, Alias { lane, life });
        }
    }
}

impl Names {
    /// Whether a name was added at `time` or later.
    pub(super) fn since(&self, time: Instant) -> bool {
        self.newest.is_some_and(|newest| newest >= time)
    }

    /// Adds a name; gives the oldest when there are too many.
    fn add(&mut self, key: SessionKey, now: Instant) -> Option<SessionKey> {
        self.newest = Some(now);
        let oldest = if self.keys.len() >= MAX {
            self.keys.pop_front()
        } else {
            None
        };
        self.keys.push_back(key);
        oldest
    }
}

/// The most aliases of a lane. An application that changes the id with each response (Laravel) gives as many ids as
/// requests go through the lane; its client uses the newest ones.
pub(super) const MAX: usize = 64;
/// The most aliases of all lanes together: 40 MB at most, while their lanes live.
pub(super) const MAX_IN_ALL: usize = 65_536;
