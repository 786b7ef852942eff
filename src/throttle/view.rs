//! What operators see of a rule's clients, and how they forgive one.
//!
//! Guarantees: one shard is locked at a time; what is copied and kept is bounded; of who was refused lately a few are
//! known for each shard, the latest, at no cost to who is admitted.
//! Does not do: know whom newcomers without a meter of their own are.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::Rule;
use super::table::{Table, lock};
use crate::client::ClientNetwork;

/// A client under a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub client: ClientNetwork,
    /// Its requests in the application, where the rule counts them.
    pub inside: u32,
    /// Its requests that wait, where the rule counts them.
    pub waiting: u32,
    /// How often it was refused of late.
    pub refused: u32,
    /// When last; None when not of late.
    pub refused_ago: Option<Duration>,
}

/// Who was refused last, in one shard.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Refusals>);

#[derive(Debug)]
struct Refusals {
    client: ClientNetwork,
    count: u32,
    /// Nanoseconds from the table's origin.
    last: u64,
}

impl Rule {
    /// At most `limit` of its clients: who was refused last, then who has most requests inside or waiting.
    pub fn seen(&self, limit: usize, now: Instant) -> Vec<Seen> {
        self.table.seen(limit, now)
    }

    /// Takes from `client` what it owes of the rate, and forgets its refusals; what it has inside or waiting still
    /// counts. Gives whether anything was known of it.
    pub fn forget(&self, client: ClientNetwork) -> bool {
        self.table.pardon(client)
    }
}

impl Recent {
    /// Counts a refusal; the client that was refused longest ago goes when there are too many.
    pub(super) fn add(&mut self, client: ClientNetwork, now: u64) {
        if let Some(known) = self.0.iter_mut().find(|known| known.client == client) {
            known.count = known.count.saturating_add(1);
            known.last = now;
            return;
        }
        if self.0.len() >= RECENT {
            let oldest = (0..self.0.len()).min_by_key(|at| self.0[*at].last);
            oldest.map(|at| self.0.swap_remove(at));
        }
        self.0.push(Refusals {
            client,
            count: 1,
            last: now,
        });
    }
}

impl Table {
    fn seen(&self, limit: usize, now: Instant) -> Vec<Seen> {
        let at = self.at(now);
        let ago = |last: u64| Duration::from_nanos(at.saturating_sub(last));
        let mut seen = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.refused.0.retain(|known| ago(known.last) < LATELY);
            let recent = shard.refused.0.iter();
            seen.extend(recent.map(|known| Seen {
                client: known.client,
                refused: known.count,
                refused_ago: Some(ago(known.last)),
                ..shard.counts(known.client)
            }));
            let refused = |client| shard.refused.0.iter().any(|known| known.client == client);
            let busy = shard.clients.keys().filter(|client| !refused(**client));
            let busy = busy.map(|client| shard.counts(*client));
            seen.extend(busy.filter(|seen| seen.inside > 0 || seen.waiting > 0));
            drop(shard);
            if seen.len() > 4 * limit {
                first(&mut seen, limit);
            }
        }
        first(&mut seen, limit);
        seen
    }

    fn pardon(&self, client: ClientNetwork) -> bool {
        let mut shard = self.shard(client);
        let refusals = shard.refused.0.len();
        shard.refused.0.retain(|known| known.client != client);
        let was_refused = shard.refused.0.len() < refusals;
        let Some(meter) = shard.clients.get_mut(&client) else {
            return was_refused;
        };
        meter.pardon();
        if meter.is_fresh(0) {
            shard.clients.remove(&client);
        }
        true
    }
}

impl super::table::Shard {
    /// What counts of a client, without its refusals.
    fn counts(&self, client: ClientNetwork) -> Seen {
        let meter = self.clients.get(&client).copied().unwrap_or_default();
        let (inside, waiting) = meter.counts();
        Seen {
            client,
            inside,
            waiting,
            refused: 0,
            refused_ago: None,
        }
    }
}

/// Leaves the first `limit`.
fn first(seen: &mut Vec<Seen>, limit: usize) {
    seen.sort_by_key(|seen| {
        let ago = seen.refused_ago.unwrap_or(Duration::MAX);
        (ago, Reverse(seen.waiting.saturating_add(seen.inside)))
    });
    seen.truncate(limit);
}

/// Clients that are known to have been refused, of each of 64 shards.
const RECENT: usize = 8;

/// What was longer ago is history.
const LATELY: Duration = Duration::from_secs(600);
