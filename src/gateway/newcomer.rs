//! Requests without a session that would take a lane: beside all lanes, or for a short time in one of their client's.
//!
//! A lane exists only while it is used, so its age tells when the first of those in it came, and nothing else has to be
//! remembered: however many clients there are, there are no more lanes than requests inside.
//!
//! Guarantees: nobody is refused for want of a session, and nobody waits in such a lane for longer than the window: a
//! request whose window is over, or that finds no room, goes on as if there were no lane. Who says by forwarding
//! headers that it is no client, without being trusted, is not taken for one.
//! Does not do: give anybody another one's session; the application makes one for each request without.

use std::time::Duration;

use http::request;
use smallvec::SmallVec;

use super::Visit;
use super::alarm::now;
use super::entry::{Entry, Place};
use super::exchange::Ended;
use super::refusal::Reason;
use super::upload::RequestBody;
use crate::client::Via;
use crate::lane::{Admission, Hold, Joined, Limits, WaitEnded};
use crate::route::Mode;
use crate::session::{Session, SessionKey};

/// What becomes of a request without a session that would take a lane (`session.without_session`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutSession {
    /// Those of one client address and user agent share a lane.
    ByClient {
        /// For so long from the first of them.
        window: Duration,
    },
    /// It has no lane.
    Pass,
}

impl WithoutSession {
    /// Whether there is a lane for it.
    pub fn shares_a_lane(self) -> bool {
        matches!(self, Self::ByClient { .. })
    }
}

impl Visit<'_> {
    /// Gives a request without a session its place in the application.
    ///
    /// # Errors
    /// [`Ended`]: its client left, or may not have so many waiting requests; Onelane is shutting down.
    pub(super) async fn enter_as_newcomer(
        &mut self,
        hold: Hold,
        head: &request::Parts,
        body: &mut RequestBody,
    ) -> Result<(), Ended> {
        let WithoutSession::ByClient { window } = self.policy.without_session else {
            return self.enter_without_lane(body).await;
        };
        let (terms, lanes) = (self.terms, &self.gateway.lanes);
        let key = self.policy.sessions.of_client(self.ip.address(), head);
        if self.via == Via::Spoofed || lanes.age(key) >= window {
            return self.enter_without_lane(body).await;
        }
        if terms.mode == Mode::Observe {
            let shadow = lanes.observe(key, hold, &terms.limits);
            self.would(shadow.arrival());
            self.entry = Entry::beside(Place::Together(shadow), now());
            return Ok(());
        }
        self.read_ahead(body).await?;
        let left = window.saturating_sub(lanes.age(key));
        if left.is_zero() {
            return Ok(());
        }
        let limits = Limits {
            wait_timeout: terms.limits.wait_timeout.min(left),
            admission: Admission::Off,
            ..terms.limits.clone()
        };
        self.newcomer = Some(key);
        let (max, note) = (self.policy.max_waiting, self.note(head));
        let permit = match lanes.join_noted(key, &[], hold, &limits, max, note) {
            Ok(Joined::Granted(permit)) => permit,
            Ok(Joined::Waiting(waiting)) => {
                let lane = Session {
                    key,
                    also: SmallVec::new(),
                    numbers: SmallVec::new(),
                    cookie: None,
                };
                match self.wait(waiting, &lane, head).await? {
                    Ok(permit) => permit,
                    Err(WaitEnded::Closed) => return Err(Reason::Draining.into()),
                    Err(WaitEnded::TimedOut) => return Ok(()),
                }
            }
            Err(_) => return Ok(()),
        };
        self.entry = self.held(permit);
        Ok(())
    }

    /// The lane that the request has joined, or is about to: its session's or, without one, its client's.
    pub(super) fn lane(&self) -> Option<SessionKey> {
        self.notes.session.or(self.newcomer)
    }
}
