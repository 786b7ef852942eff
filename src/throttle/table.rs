//! The clients of one rule: a bounded table of meters.
//!
//! Guarantees: never more than [`TRACKED`] networks; the meter of a network is kept as long as it differs from a new
//! one, whatever comes; a count ends exactly once; time is an argument; under one lock there is work for a few
//! entries, or for one shard at most ten times a second.
//!
//! When the table is full of networks that owe or are inside, a newcomer has no meter of its own. It is measured together
//! with other newcomers, each time with the rule's own limits: first in one of [`GROUPS`] meters chosen by its network,
//! then in one of as many chosen by its neighbourhood (IPv6 /32, IPv4 /16). Either may admit it. So a flood from one
//! block uses up the first meters and one of the second, and newcomers from elsewhere still find theirs; one network
//! that hammers uses up two meters of many; and all newcomers together get no more than twice [`GROUPS`] times the
//! limits.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::meter::{Exceeded, Limits, Meter, Whereabouts};
use super::view::Recent;
use crate::client::ClientNetwork;

/// The meters of one rule's clients.
pub(super) struct Table {
    limits: Limits,
    /// The first moment the table was told of.
    origin: OnceLock<Instant>,
    hasher: RandomState,
    pub(super) shards: Box<[Mutex<Shard>]>,
    /// By network, then by neighbourhood.
    shared: Mutex<Box<[Meter]>>,
}

#[derive(Default)]
pub(super) struct Shard {
    pub(super) clients: HashMap<ClientNetwork, Meter>,
    pub(super) refused: Recent,
    /// When it was last swept, nanoseconds from the origin.
    swept: u64,
}

/// Which meter a request was counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Its network's own.
    Own,
    /// One of those that newcomers share.
    Shared(usize),
}

/// One request that is counted; dropping it ends the count.
#[derive(Debug)]
#[must_use = "dropping the place ends the count"]
pub struct Place {
    table: Arc<Table>,
    client: ClientNetwork,
    whereabouts: Whereabouts,
    /// None while it is not counted.
    seat: Option<Seat>,
}

impl Table {
    /// Without any client.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            origin: OnceLock::new(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shared: Mutex::new(vec![Meter::default(); 2 * GROUPS].into()),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A request of `client` arrives. Gives its place when requests in the application are counted, and the meter that
    /// decided.
    pub(super) fn arrive(
        self: &Arc<Self>,
        client: ClientNetwork,
        now: Instant,
    ) -> (Result<Option<Place>, Exceeded>, Seat) {
        let at = self.at(now);
        let (outcome, seat) = self.decide(client, at, |meter| meter.arrive(&self.limits, at));
        let counts = self.limits.concurrent.is_some();
        let place = || self.place(client, Whereabouts::Inside, seat);
        (outcome.map(|()| counts.then(place)), seat)
    }

    /// What an arrival of `client` would exceed.
    pub(super) fn would_exceed(&self, client: ClientNetwork, now: Instant) -> Option<Exceeded> {
        let at = self.at(now);
        let try_it = |meter: &mut Meter| {
            let mut copy = *meter;
            copy.arrive(&self.limits, at)
        };
        self.decide(client, at, try_it).0.err()
    }

    /// A request of `client` is about to wait.
    pub(super) fn wait(
        self: &Arc<Self>,
        client: ClientNetwork,
        now: Instant,
    ) -> (Result<Place, Exceeded>, Seat) {
        let (outcome, seat) = self.decide(client, self.at(now), |meter| meter.wait(&self.limits));
        let place = || self.place(client, Whereabouts::Waiting, seat);
        (outcome.map(|()| place()), seat)
    }

    /// Forgets clients whose meter is as good as a new one, and gives memory back. Does something about once a second,
    /// however often it is called.
    pub(super) fn sweep(&self, now: Instant) {
        let now = self.at(now);
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.sweep(now, SWEEP_EVERY);
            if shard.clients.capacity() > 4 * shard.clients.len() + SMALL {
                let room = 2 * shard.clients.len();
                shard.clients.shrink_to(room);
            }
        }
    }

    /// Networks that have a meter of their own.
    pub(super) fn len(&self) -> usize {
        let clients = |shard| lock::<Shard>(shard).clients.len();
        self.shards.iter().map(clients).sum()
    }

    /// Networks that there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let capacity = |shard| lock::<Shard>(shard).clients.capacity();
        self.shards.iter().map(capacity).sum()
    }

    /// Lets `act` change the meter of `client`; what it refuses it must leave as it was.
    fn decide(
        &self,
        client: ClientNetwork,
        now: u64,
        mut act: impl FnMut(&mut Meter) -> Result<(), Exceeded>,
    ) -> (Result<(), Exceeded>, Seat) {
        {
            let mut shard = self.shard(client);
            if let Some(meter) = shard.clients.get_mut(&client) {
                let outcome = act(meter);
                if outcome.is_err() {
                    shard.refused.add(client, now);
                }
                return (outcome, Seat::Own);
            }
            if shard.clients.len() >= TRACKED_PER_SHARD {
                shard.sweep(now, MAKE_ROOM_EVERY);
            }
            if shard.clients.len() < TRACKED_PER_SHARD {
                let mut meter = Meter::default();
                let outcome = act(&mut meter);
                if outcome.is_err() {
                    shard.refused.add(client, now);
                }
                if !meter.is_fresh(now) {
                    shard.clients.insert(client, meter);
                }
                return (outcome, Seat::Own);
            }
        }
        let group = |key| reduce(self.hash(key), GROUPS);
        let (network, block) = (group(client), GROUPS + group(client.neighbourhood()));
        let mut shared = lock(&self.shared);
        let Err(first) = act(&mut shared[network]) else {
            return (Ok(()), Seat::Shared(network));
        };
        let outcome = act(&mut shared[block]).map_err(|second| sooner(first, second));
        (outcome, Seat::Shared(block))
    }

    /// Counts a request that was counted before, whatever the limit.
    fn enter(&self, client: ClientNetwork, whereabouts: Whereabouts, now: u64) -> Seat {
        let enter = |meter: &mut Meter| {
            meter.enter(whereabouts);
            Ok(())
        };
        self.decide(client, now, enter).1
    }

    /// As [`Table::enter`], for a request that is to be inside and may exceed no limit.
    fn try_enter(&self, client: ClientNetwork, now: u64) -> Result<Seat, Exceeded> {
        let (outcome, seat) = self.decide(client, now, |meter| meter.come_inside(&self.limits));
        outcome.map(|()| seat)
    }

    fn leave(&self, client: ClientNetwork, whereabouts: Whereabouts, seat: Seat) {
        match seat {
            Seat::Shared(index) => lock(&self.shared)[index].leave(whereabouts),
            Seat::Own => {
                if let Entry::Occupied(mut entry) = self.shard(client).clients.entry(client) {
                    entry.get_mut().leave(whereabouts);
                    // Without a rate nothing is left of it; with one, the sweep forgets it in time.
                    if entry.get().is_fresh(0) {
                        entry.remove();
                    }
                }
            }
        }
    }

    fn place(
        self: &Arc<Self>,
        client: ClientNetwork,
        whereabouts: Whereabouts,
        seat: Seat,
    ) -> Place {
        Place {
            table: Arc::clone(self),
            client,
            whereabouts,
            seat: Some(seat),
        }
    }

    pub(super) fn shard(&self, client: ClientNetwork) -> MutexGuard<'_, Shard> {
        lock(&self.shards[reduce(self.hash(client), SHARDS)])
    }

    fn hash(&self, key: ClientNetwork) -> u64 {
        self.hasher.hash_one(key)
    }

    /// `now` in nanoseconds from the origin.
    pub(super) fn at(&self, now: Instant) -> u64 {
        let origin = *self.origin.get_or_init(|| now);
        u64::try_from(now.saturating_duration_since(origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Shard {
    /// Forgets what is as good as new, unless that was done less than `every` nanoseconds ago.
    fn sweep(&mut self, now: u64, every: Duration) {
        if Duration::from_nanos(now.saturating_sub(self.swept)) >= every {
            self.swept = now;
            self.clients.retain(|_, meter| !meter.is_fresh(now));
        }
    }
}

impl Place {
    /// Ends the count; does nothing the second time.
    pub(super) fn leave(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.table.leave(self.client, self.whereabouts, seat);
        }
    }

    /// Counts again after [`Place::leave`], whatever the limit.
    pub(super) fn enter(&mut self, now: Instant) {
        if self.seat.is_none() {
            let now = self.table.at(now);
            self.seat = Some(self.table.enter(self.client, self.whereabouts, now));
        }
    }

    /// Counts a request inside again after [`Place::leave`], unless that would exceed the limit.
    ///
    /// # Errors
    /// [`Exceeded`]; it is not counted then.
    pub(super) fn try_enter(&mut self, now: Instant) -> Result<(), Exceeded> {
        if self.seat.is_none() {
            let now = self.table.at(now);
            self.seat = Some(self.table.try_enter(self.client, now)?);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Of two refusals, the one that ends first.
fn sooner(first: Exceeded, second: Exceeded) -> Exceeded {
    match (first, second) {
        (Exceeded::Rate { retry_after: a }, Exceeded::Rate { retry_after: b }) => Exceeded::Rate {
            retry_after: a.min(b),
        },
        (first, _) => first,
    }
}

/// A hash to an index below `count`, a power of two.
fn reduce(hash: u64, count: usize) -> usize {
    usize::try_from(hash % count as u64).unwrap_or_default()
}

/// Nothing within a lock can leave a meter half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Many times the cores of a machine, so that two requests rarely want the same lock; and a sweep of one is short.
const SHARDS: usize = 64;
/// 64 * 1,600. Far more clients than are active at once on a site of one server; each shard's table then has 2,048 slots
/// of 41 bytes: 5.4 MB for a full table.
const TRACKED_PER_SHARD: usize = 1_600;
/// The most networks that have a meter of their own, for one rule.
pub(super) const TRACKED: usize = SHARDS * TRACKED_PER_SHARD;
/// Meters by network that newcomers share while the table is full, and as many by neighbourhood: 128 KiB.
pub(super) const GROUPS: usize = 4_096;
/// As often as a core asks.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A flood of newcomers would otherwise sweep for each of them. A shard takes about 10 us, so this is 1 % of one core.
const MAKE_ROOM_EVERY: Duration = Duration::from_millis(100);
/// Below so many entries it is not worth to give memory back.
const SMALL: usize = 16;
