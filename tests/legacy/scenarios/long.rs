//! Long runs: thousands of increments of one session by several clients, each sending the next when the last is answered.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::applications::Page;
use crate::http::Client;

use super::Way;
use super::load::{Fate, Reply, ask};

/// How many increments by how many clients, and how long they may take at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) increments: usize,
    pub(crate) clients: usize,
    /// No increment begins later than this.
    pub(crate) within: Duration,
}

/// What came of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Long {
    /// Answered with 200.
    pub(crate) served: usize,
    /// Everything else.
    pub(crate) failed: usize,
    /// Answered with 200, but not in the counter.
    pub(crate) lost: i64,
    /// Times that the application saw two writers of the session at once.
    pub(crate) overlaps: u64,
    pub(crate) total: Duration,
    /// The one that took longest.
    pub(crate) longest: Duration,
}

impl Long {
    /// Runs them.
    pub(crate) fn measure(way: Way<'_>, size: Size) -> io::Result<Self> {
        let user = way.user()?;
        let clients = way.connections(&user, size.clients)?;
        let (before, path) = (way.counter(&user)?, way.page(Page::Write, 0));
        way.application.reset()?;
        let (left, began) = (AtomicUsize::new(size.increments), Instant::now());
        let replies: Vec<Reply> = thread::scope(|scope| {
            let threads: Vec<_> = clients
                .into_iter()
                .map(|client| {
                    let (left, path) = (&left, &path);
                    scope.spawn(move || increments(client, path, left, began + size.within))
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("a load thread does not panic"))
                .collect()
        });
        let total = began.elapsed();
        let overlaps = way.application.stats()?.overlaps;
        let counted = way.counter(&user)? - before;
        let served = replies
            .iter()
            .filter(|reply| reply.fate == Fate::Served)
            .count();
        let took = replies.iter().map(|reply| reply.took);
        Ok(Self {
            served,
            failed: replies.len() - served,
            lost: served as i64 - counted,
            overlaps,
            total,
            longest: took.max().unwrap_or_default(),
        })
    }

    /// The total for each increment.
    pub(crate) fn each(&self) -> Duration {
        self.total.div_f64(self.served.max(1) as f64)
    }
}

fn increments(mut client: Client, path: &str, left: &AtomicUsize, deadline: Instant) -> Vec<Reply> {
    let mut replies = Vec::new();
    let take_one = |left: usize| left.checked_sub(1);
    while Instant::now() < deadline
        && left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one)
            .is_ok()
    {
        replies.push(ask(&mut client, path));
    }
    replies
}
