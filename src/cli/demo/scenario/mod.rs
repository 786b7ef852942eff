//! What is sent, what it would take at best, and what was measured.
//!
//! Guarantees: both ways get exactly the same requests at the same times, each way with sessions of its own that exist
//! already; the ideal is computed from the requests alone.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::legacy::{Application, Page};
use super::load::{Answer, Answered, Call, NoSession, Outcome, fire, first_visit};

#[cfg(test)]
mod tests;

/// One thing to compare.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// The key in JSON.
    pub(super) name: &'static str,
    /// One line for people.
    pub(super) title: &'static str,
    /// What one session sends.
    pub(super) burst: Vec<Step>,
    /// What other users do meanwhile.
    pub(super) others: Option<Browsing>,
}

/// One request of the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// When, after the start; steps are in this order.
    pub(super) at: Duration,
    pub(super) kind: Kind,
    /// How long the page takes.
    pub(super) takes: Duration,
}

/// What a step does to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// Other users at a steady pace, one session each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Browsing {
    pub(super) users: u32,
    /// Between two requests of one user.
    pub(super) every: Duration,
    /// Requests of each user.
    pub(super) requests: u32,
}

/// One way's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measured {
    /// From the first request to the last answer that was served.
    pub(super) total: Duration,
    /// What the served ones would take at best.
    pub(super) ideal_total: Duration,
    /// Time beyond the page's own, of those served.
    pub(super) wait: Spread,
    /// Of reads, the time from when the writes before them ended, at best, until they were let in; none without reads.
    pub(super) lost: Option<Spread>,
    pub(super) served: usize,
    pub(super) refused: usize,
    /// Each failure's reason.
    pub(super) failed: Vec<String>,
    /// Requests of the session that reached the application.
    pub(super) reached: u64,
    /// Their store calls to get the session.
    pub(super) gets: u64,
    /// Their store calls to give it back.
    pub(super) sets: u64,
    /// Writers of one session that were in the application together.
    pub(super) overlaps: u64,
    pub(super) others: Option<Others>,
}

/// What other users saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Others {
    pub(super) latency: Spread,
    pub(super) served: usize,
    /// Reasons of those that were not served.
    pub(super) failed: Vec<String>,
}

/// The middle and the worst of some durations; zero when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) median: Duration,
    pub(super) worst: Duration,
}

/// What a scenario would take with no time lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ideal {
    pub(super) total: Duration,
    pub(super) wait: Spread,
}

impl Scenario {
    /// What the demonstration shows, in its order.
    pub(super) fn all() -> [Self; 3] {
        [
            Self::writes(20, Duration::from_millis(50)),
            Self::reads_behind_a_write(),
            Self::flood(),
        ]
    }

    /// Writes of one session, all at once.
    pub(super) fn writes(count: usize, takes: Duration) -> Self {
        let write = Step {
            at: Duration::ZERO,
            kind: Kind::Write,
            takes,
        };
        Self {
            name: "writes",
            title: "20 writes of 50 ms, one session, all at once",
            burst: vec![write; count],
            others: None,
        }
    }

    /// Reads that come one after another while a slow page writes: straight they end 0 to 500 ms after it, wherever
    /// their polling happens to be, so their arrivals are spread over one polling interval and more.
    fn reads_behind_a_write() -> Self {
        let write = Step {
            at: Duration::ZERO,
            kind: Kind::Write,
            takes: Duration::from_secs(2),
        };
        let read = |n: u64| Step {
            at: Duration::from_millis(50 + 100 * n),
            kind: Kind::Read,
            takes: Duration::from_millis(20),
        };
        Self {
            name: "reads",
            title: "10 reads of 20 ms, while one page writes to their session for 2 s",
            burst: std::iter::once(write).chain((0..10).map(read)).collect(),
            others: None,
        }
    }

    fn flood() -> Self {
        let write = Step {
            at: Duration::ZERO,
            kind: Kind::Write,
            takes: Duration::from_millis(150),
        };
        Self {
            name: "flood",
            title: "60 writes of 150 ms flood one session, while 10 other users browse",
            burst: vec![write; 60],
            others: Some(Browsing {
                users: 10,
                every: Duration::from_millis(500),
                requests: 10,
            }),
        }
    }

    /// Requests in all.
    pub(super) fn requests(&self) -> usize {
        self.burst.len()
            + self
                .others
                .map_or(0, |others| (others.users * others.requests) as usize)
    }

    /// What the whole burst would take at best.
    pub(super) fn ideal(&self) -> Ideal {
        ideal(&self.burst).1
    }

    /// Sends everything to `address`, which is `application` or leads to it.
    ///
    /// # Errors
    /// [`NoSession`], before anything was measured.
    pub(super) async fn run(
        &self,
        address: SocketAddr,
        application: &Application,
        deadline: Instant,
        answered: &Answered,
    ) -> Result<Measured, NoSession> {
        let mut calls = Vec::with_capacity(self.requests());
        let session = first_visit(address, deadline).await?;
        calls.extend(self.burst.iter().map(|step| Call {
            at: step.at,
            target: step.target(),
            cookie: session.clone(),
        }));
        if let Some(browsing) = self.others {
            for user in 0..browsing.users {
                let cookie = first_visit(address, deadline).await?;
                let visit = |at| Call {
                    at,
                    target: "/browse".to_owned(),
                    cookie: cookie.clone(),
                };
                calls.extend(browsing.times(user).map(visit));
            }
        }
        let before = application.counts();
        let mut burst = fire(address, calls, deadline, answered).await;
        let others = burst.split_off(self.burst.len());
        let counts = application.counts().since(&before);

        let (slow, report) = (counts.of(Page::Slow), counts.of(Page::Report));
        Ok(Measured {
            reached: slow.requests + report.requests,
            gets: slow.gets + report.gets,
            sets: slow.sets + report.sets,
            overlaps: counts.overlaps,
            others: self.others.map(|_| Others::of(&others)),
            ..self.summary(&burst)
        })
    }

    /// The figures that the burst's answers give.
    fn summary(&self, answers: &[Answer]) -> Measured {
        let served = self
            .burst
            .iter()
            .zip(answers)
            .filter(|(_, answer)| answer.outcome == Outcome::Served);
        let (steps, latencies): (Vec<_>, Vec<_>) =
            served.map(|(step, answer)| (*step, answer.latency)).unzip();
        let (due, ideal) = ideal(&steps);
        let waits: Vec<_> = steps
            .iter()
            .zip(&latencies)
            .map(|(step, latency)| latency.saturating_sub(step.takes))
            .collect();
        let reads = steps
            .iter()
            .zip(&waits)
            .zip(&due)
            .filter(|((step, _), _)| step.kind == Kind::Read);
        let lost: Vec<_> = reads
            .map(|((_, wait), due)| wait.saturating_sub(*due))
            .collect();
        Measured {
            total: steps
                .iter()
                .zip(&latencies)
                .map(|(step, latency)| step.at + *latency)
                .max()
                .unwrap_or_default(),
            ideal_total: ideal.total,
            served: steps.len(),
            refused: answers
                .iter()
                .filter(|answer| answer.outcome == Outcome::Refused)
                .count(),
            failed: answers.iter().filter_map(Answer::failure).collect(),
            wait: Spread::of(waits),
            lost: if lost.is_empty() {
                None
            } else {
                Some(Spread::of(lost))
            },
            reached: 0,
            gets: 0,
            sets: 0,
            overlaps: 0,
            others: None,
        }
    }
}

impl Step {
    fn target(&self) -> String {
        let page = match self.kind {
            Kind::Read => "/report",
            Kind::Write => "/slow",
        };
        format!("{page}?ms={}", self.takes.as_millis())
    }
}

impl Browsing {
    /// When one user sends; users are spread over the interval.
    fn times(self, user: u32) -> impl Iterator<Item = Duration> {
        let first = self.every * (user + 1) / (self.users + 1);
        (0..self.requests).map(move |n| first + self.every * n)
    }
}

impl Others {
    fn of(answers: &[Answer]) -> Self {
        let served = || {
            answers
                .iter()
                .filter(|answer| answer.outcome == Outcome::Served)
        };
        let refused = answers
            .iter()
            .filter(|answer| answer.outcome == Outcome::Refused);
        let refused = refused.map(|_| "status 503".to_owned());
        Self {
            latency: Spread::of(served().map(|answer| answer.latency).collect()),
            served: served().count(),
            failed: answers
                .iter()
                .filter_map(Answer::failure)
                .chain(refused)
                .collect(),
        }
    }
}

impl Spread {
    fn of(mut sorted: Vec<Duration>) -> Self {
        sorted.sort();
        let (Some(&worst), count) = (sorted.last(), sorted.len()) else {
            return Self::default();
        };
        Self {
            median: (sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
            worst,
        }
    }
}

/// Writes one after another in order of arrival, each read when the writes before it have ended, nothing in between:
/// each step's wait, and the whole.
fn ideal(steps: &[Step]) -> (Vec<Duration>, Ideal) {
    let (mut free, mut total, mut waits) = (
        Duration::ZERO,
        Duration::ZERO,
        Vec::with_capacity(steps.len()),
    );
    for step in steps {
        let start = free.max(step.at);
        let end = start + step.takes;
        if step.kind == Kind::Write {
            free = end;
        }
        total = total.max(end);
        waits.push(start - step.at);
    }
    let wait = Spread::of(waits.clone());
    (waits, Ideal { total, wait })
}
