//! Writes of one session at once: how long they take together, what they cost the store, what gets lost.

use std::io;
use std::time::{Duration, Instant};

use crate::applications::{Page, Stats};

use super::Way;
use super::load::{Fate, Volley, ask, together};

/// How many writes of what length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) writes: usize,
    /// What the application works in each.
    pub(crate) ms: u64,
}

/// What came of them.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    size: Size,
    volley: Volley,
    stats: Stats,
    /// What the counter rose by.
    counted: i64,
}

impl Writes {
    /// Sends them, each on a connection of its own.
    pub(crate) fn measure(way: Way<'_>, size: Size) -> io::Result<Self> {
        let user = way.user()?;
        let clients = way.connections(&user, size.writes)?;
        let before = way.counter(&user)?;
        way.application.reset()?;
        let volley = together(clients, &way.page(Page::Write, size.ms));
        let stats = way.application.stats()?;
        let counted = way.counter(&user)? - before;
        Ok(Self {
            size,
            volley,
            stats,
            counted,
        })
    }

    /// From the first request to the last answer.
    pub(crate) fn total(&self) -> Duration {
        self.volley.total()
    }

    /// The total, in units of [`Size::ideal`].
    pub(crate) fn over(&self, ideal: Duration) -> f64 {
        self.total().as_secs_f64() / ideal.as_secs_f64()
    }

    /// Calls of the session store that get a session, for each request.
    pub(crate) fn gets_each(&self) -> f64 {
        self.stats.gets as f64 / self.size.writes as f64
    }

    /// Requests that were answered with 200, but are not in the counter.
    pub(crate) fn lost(&self) -> i64 {
        self.number(Fate::Served) as i64 - self.counted
    }

    /// Requests with this fate.
    pub(crate) fn number(&self, fate: Fate) -> usize {
        self.volley.number(fate)
    }

    /// Times that the application saw two writers of the session at once.
    pub(crate) fn overlaps(&self) -> u64 {
        self.stats.overlaps
    }
}

impl Size {
    /// The time of these writes when nobody contends: the time of one, as one client finds it who sends [`ALONE`] of them one
    /// after another to the application itself, for each of them. A slow machine slows it as it slows everything else.
    ///
    /// # Errors
    /// When one of them fails.
    pub(crate) fn ideal(self, bare: Way<'_>) -> io::Result<Duration> {
        let mut user = bare.user()?;
        let path = bare.page(Page::Write, self.ms);
        let began = Instant::now();
        for _ in 0..ALONE {
            if ask(&mut user, &path).fate != Fate::Served {
                return Err(io::Error::other("a write that was alone failed"));
            }
        }
        Ok(began.elapsed().mul_f64(self.writes as f64 / ALONE as f64))
    }
}

/// Writes of one client, one after another.
pub(crate) const ALONE: usize = 10;
