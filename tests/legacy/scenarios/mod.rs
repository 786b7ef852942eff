//! What is compared, each as a function of a way to an application and a size: what it measures, and nothing of whether
//! that is good.
//!
//! Guarantees: the load is the same whatever the way; connections are open, and pages compiled, before a clock runs; what
//! went wrong is counted, never left out. Does not do: judge, or start anything (that is `plan`'s).

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::applications::{Application, Page};
use crate::http::Client;

pub(crate) mod browser; // real Chromium, and its own resource timings
pub(crate) mod leavers; // clients that leave while they wait
pub(crate) mod load; // the load generator
pub(crate) mod long; // thousands of increments
pub(crate) mod others; // other users, while one session floods
pub(crate) mod reads; // reads during a slow write
mod webdriver; // the little of WebDriver that is needed
pub(crate) mod writes; // writes of one session at once

/// An application, and where its users connect: to itself, or to what stands in front of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    application: &'a Application,
    address: SocketAddr,
}

impl<'a> Way<'a> {
    /// To the application itself.
    pub(crate) fn bare(application: &'a Application) -> Self {
        Self {
            application,
            address: application.address,
        }
    }

    /// Through what listens on `address`.
    pub(crate) fn through(application: &'a Application, address: SocketAddr) -> Self {
        Self {
            application,
            address,
        }
    }

    /// Where users connect.
    pub(crate) fn address(self) -> SocketAddr {
        self.address
    }

    /// A new user, with a session.
    pub(crate) fn user(self) -> io::Result<Client> {
        self.application.user(self.address)
    }

    /// `number` connections of one user, open already.
    pub(crate) fn connections(self, user: &Client, number: usize) -> io::Result<Vec<Client>> {
        (0..number)
            .map(|_| {
                let mut client = user.again(self.address);
                client.get(&self.page(Page::None, 0))?;
                Ok(client)
            })
            .collect()
    }

    /// The path of a page that works for so many milliseconds.
    pub(crate) fn page(self, page: Page, ms: u64) -> String {
        self.application.page(page, ms)
    }

    /// The counter in the user's session, as the application itself has it.
    pub(crate) fn counter(self, user: &Client) -> io::Result<i64> {
        let mut direct = user.again(self.application.address);
        let answer = direct.get(&self.page(Page::Read, 0))?;
        let number = answer.body.trim().parse();
        number.map_err(|_| {
            let (status, body) = (answer.status, answer.body);
            io::Error::other(format!("not a counter: {status} {body:.200}"))
        })
    }
}

/// The value in the middle; of an even number the higher one of two.
pub(crate) fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations
        .get(durations.len() / 2)
        .copied()
        .unwrap_or_default()
}

/// Does nothing for a while. It stops its thread, which must have nothing else to do.
pub(crate) fn pause(duration: Duration) {
    let end = Instant::now() + duration;
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        if rest.is_zero() {
            return;
        }
        thread::park_timeout(rest);
    }
}
