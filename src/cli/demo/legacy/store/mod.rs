//! The session store, and the lock that ASP.NET's session module keeps in it.
//!
//! Guarantees: what `SessionStateModule` does, with its names (System.Web, .NET 4.8): a writer locks the session for
//! the whole of its page by `GetItemExclusive`; whoever finds it locked asks again every 500 ms, in no order, and
//! nobody is told when it is free; a reader waits for a writer but locks nothing. Every question to the store is
//! counted. Two writers of one session at a time are counted too, and must never be.
//! Does not do: break old locks (ASP.NET does after executionTimeout, 110 s; no page here takes that long), expire
//! sessions, or take time for a call (a real store does, so the real application is slower than this one).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::session_id::SessionId;

#[cfg(test)]
mod tests;

/// Whether the store locks sessions; the real ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    /// Nobody ever finds a session locked: the control of the tests.
    #[cfg(test)]
    Off,
    /// As ASP.NET.
    On,
}

/// All sessions of the application.
#[derive(Debug)]
pub(super) struct Store {
    locking: Locking,
    sessions: Mutex<HashMap<SessionId, Item>>,
    overlaps: AtomicU64,
}

/// What was asked of the store.
#[derive(Debug, Default)]
pub(super) struct StoreCalls {
    gets: AtomicU64,
    sets: AtomicU64,
}

/// A session locked by the page that holds this; dropping it unlocks the session without saving
/// (`ReleaseItemExclusive`).
#[derive(Debug)]
#[must_use = "dropping it unlocks the session"]
pub(super) struct Writing<'a> {
    store: Arc<Store>,
    id: SessionId,
    calls: &'a StoreCalls,
    visits: u64,
    gets: u64,
    saved: Option<u64>,
}

/// A session as a reader found it; nothing is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The session's visitor counter.
    pub(super) visits: u64,
    /// Store calls it took to read it.
    pub(super) gets: u64,
}

#[derive(Debug, Default)]
struct Item {
    visits: u64,
    writers: usize,
}

/// What `GetItem` and `GetItemExclusive` answer.
enum Found {
    Free(u64),
    Locked,
    Missing,
}

impl Store {
    pub(super) fn new(locking: Locking) -> Arc<Self> {
        Arc::new(Self {
            locking,
            sessions: Mutex::default(),
            overlaps: AtomicU64::new(0),
        })
    }

    /// Waits for the session and locks it: `GetItemExclusive`, and every 500 ms again while it is locked. A session
    /// that does not exist costs `CreateUninitializedItem` and a second `GetItemExclusive`.
    ///
    /// Cancel safe: dropping the future locks nothing.
    pub(super) async fn write<'a>(
        self: &Arc<Self>,
        id: &SessionId,
        calls: &'a StoreCalls,
    ) -> Writing<'a> {
        let mut poll = poll_timer();
        let mut gets = 0;
        loop {
            gets += calls.count_get();
            match self.get_item_exclusive(id) {
                Found::Free(visits) => {
                    let (store, id) = (Arc::clone(self), id.clone());
                    return Writing {
                        store,
                        id,
                        calls,
                        visits,
                        gets,
                        saved: None,
                    };
                }
                Found::Locked => {
                    poll.tick().await;
                }
                Found::Missing => {
                    gets += calls.count_get();
                    self.create_item(id, 0);
                }
            }
        }
    }

    /// Waits for a writer and reads the session: `GetItem`, and every 500 ms again while it is locked.
    ///
    /// Cancel safe.
    pub(super) async fn read(&self, id: &SessionId, calls: &StoreCalls) -> Reading {
        let mut poll = poll_timer();
        let mut gets = 0;
        loop {
            gets += calls.count_get();
            match self.get_item(id) {
                Found::Free(visits) => return Reading { visits, gets },
                Found::Locked => {
                    poll.tick().await;
                }
                Found::Missing => return Reading { visits: 0, gets },
            }
        }
    }

    /// Saves a session that was not there when its page began: `SetAndReleaseItemExclusive` with `newItem`. ASP.NET
    /// locks nothing for it.
    pub(super) fn insert(&self, id: &SessionId, visits: u64, calls: &StoreCalls) {
        calls.count_set();
        self.create_item(id, visits);
    }

    /// How often a writer was let in while another one of its session was inside.
    pub(super) fn overlaps(&self) -> u64 {
        self.overlaps.load(Ordering::Relaxed)
    }

    fn get_item_exclusive(&self, id: &SessionId) -> Found {
        let mut sessions = self.sessions();
        let Some(item) = sessions.get_mut(id) else {
            return Found::Missing;
        };
        if item.writers > 0 {
            if self.locking == Locking::On {
                return Found::Locked;
            }
            self.overlaps.fetch_add(1, Ordering::Relaxed);
        }
        item.writers += 1;
        Found::Free(item.visits)
    }

    fn get_item(&self, id: &SessionId) -> Found {
        match self.sessions().get(id) {
            None => Found::Missing,
            Some(item) if item.writers > 0 && self.locking == Locking::On => Found::Locked,
            Some(item) => Found::Free(item.visits),
        }
    }

    fn create_item(&self, id: &SessionId, visits: u64) {
        let mut sessions = self.sessions();
        if sessions.len() >= MAX_SESSIONS {
            sessions.retain(|_, item| item.writers > 0);
        }
        sessions
            .entry(id.clone())
            .or_insert(Item { visits, writers: 0 });
    }

    fn release(&self, id: &SessionId, saved: Option<u64>) {
        if let Some(item) = self.sessions().get_mut(id) {
            item.writers -= 1;
            item.visits = saved.unwrap_or(item.visits);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Item>> {
        self.sessions
            .lock()
            .expect("nothing panics while it holds this lock")
    }
}

impl StoreCalls {
    /// Calls of `GetItem`, `GetItemExclusive` and `CreateUninitializedItem`.
    pub(super) fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    /// Calls of `SetAndReleaseItemExclusive` and `ReleaseItemExclusive`.
    pub(super) fn sets(&self) -> u64 {
        self.sets.load(Ordering::Relaxed)
    }

    fn count_get(&self) -> u64 {
        self.gets.fetch_add(1, Ordering::Relaxed);
        1
    }

    fn count_set(&self) {
        self.sets.fetch_add(1, Ordering::Relaxed);
    }
}

impl Writing<'_> {
    /// The session's visitor counter, as it was when the page began.
    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    /// Store calls it took to get the lock.
    pub(super) fn gets(&self) -> u64 {
        self.gets
    }

    /// Saves the counter and unlocks the session: `SetAndReleaseItemExclusive`.
    pub(super) fn set_and_release(mut self, visits: u64) {
        self.saved = Some(visits);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.calls.count_set();
        self.store.release(&self.id, self.saved);
    }
}

/// `new Timer(callback, id, 500, 500)`: the first question after 500 ms, then each 500 ms; a late one delays the next.
fn poll_timer() -> Interval {
    let mut timer = interval_at(Instant::now() + POLLING_INTERVAL, POLLING_INTERVAL);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// ASP.NET's `LOCKED_ITEM_POLLING_INTERVAL`.
const POLLING_INTERVAL: Duration = Duration::from_millis(500);

/// Beyond it, all sessions that no page holds are forgotten, as when IIS recycles an application: `--keep` may stay
/// up for long.
const MAX_SESSIONS: usize = 10_000;
