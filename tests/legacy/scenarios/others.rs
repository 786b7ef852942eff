//! Other users, while one session floods: how long their requests take.

use std::io;
use std::thread;
use std::time::Duration;

use crate::applications::Page;

use super::load::{Fate, Reply, ask, together};
use super::{Way, median, pause};

/// How many requests one session sends at once, and what each of them works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    pub(crate) requests: usize,
    pub(crate) ms: u64,
}

/// What the others saw.
#[derive(Clone, Debug)]
pub(crate) struct Others {
    replies: Vec<Reply>,
}

impl Others {
    /// [`USERS`] users with a session each, who come one after another, [`APART`], each with one write of [`WORK`]; None: on
    /// an idle server.
    pub(crate) fn measure(way: Way<'_>, flood: Option<Flood>) -> io::Result<Self> {
        let mut others = Vec::new();
        for _ in 0..USERS {
            others.extend(way.connections(&way.user()?, 1)?);
        }
        let (flooders, path) = match flood {
            Some(flood) => (
                way.connections(&way.user()?, flood.requests)?,
                way.page(Page::Write, flood.ms),
            ),
            None => (Vec::new(), String::new()),
        };
        let work = way.page(Page::Write, WORK);
        let replies = thread::scope(|scope| {
            let flood = scope.spawn(|| together(flooders, &path));
            pause(SETTLE);
            let threads: Vec<_> = (1..)
                .zip(others)
                .map(|(place, mut user)| {
                    let work = &work;
                    scope.spawn(move || {
                        pause(APART * place);
                        ask(&mut user, work)
                    })
                })
                .collect();
            let replies = threads
                .into_iter()
                .map(|thread| thread.join().expect("a load thread does not panic"))
                .collect();
            drop(flood.join().expect("a load thread does not panic"));
            replies
        });
        Ok(Self { replies })
    }

    /// The median of their times.
    pub(crate) fn median(&self) -> Duration {
        median(self.replies.iter().map(|reply| reply.took).collect())
    }

    /// The longest of their times.
    pub(crate) fn longest(&self) -> Duration {
        let took = self.replies.iter().map(|reply| reply.took);
        took.max().unwrap_or_default()
    }

    /// Those that were not answered with 200.
    pub(crate) fn failed(&self) -> usize {
        let served = |reply: &&Reply| reply.fate != Fate::Served;
        self.replies.iter().filter(served).count()
    }
}

/// Other users.
pub(crate) const USERS: usize = 20;
/// What a request of theirs works, ms.
pub(crate) const WORK: u64 = 20;
/// Between two of them.
const APART: Duration = Duration::from_millis(50);
/// Long enough for the flood to arrive.
const SETTLE: Duration = Duration::from_millis(300);
