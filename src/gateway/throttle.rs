//! The throttle on a request's way: at the door, behind its body, and before it waits.
//!
//! Guarantees: a request is in the application, as the rules count it, from its admission until the application has
//! finished with it, though its client has left, and not while it or its body is waited for; in observe mode nobody is refused.
//! Does not do: measure; `throttle` does.

use http::StatusCode;

use super::Visit;
use super::alarm::now;
use super::exchange::Ended;
use super::refusal::{Manner, Reason, Refusal};
use crate::client::ClientNetwork;
use crate::metrics::ThrottleDecision as Decided;
use crate::route::Mode;
use crate::session::Session;
use crate::throttle::{
    Action, Exceeded, Measured, Mode as RuleMode, Place, Rule, Standing, Verdict, WaitingPlace,
};

/// Where a request is counted while it waits; dropping it ends that.
#[derive(Debug, Default)]
pub(super) struct Waits {
    _rules: Vec<Place>,
    /// Where no rule bounds the waiting requests of a client.
    _share: Option<WaitingPlace>,
}

impl Visit<'_> {
    /// Asks the lists of clients, and each rule that is for the request's route.
    ///
    /// # Errors
    /// [`Ended::Refused`].
    pub(super) fn throttle(&mut self) -> Result<(), Ended> {
        match self.standing() {
            Standing::Allowed => return Ok(()),
            Standing::Denied if self.terms.mode == Mode::Observe => {
                self.decided(None, Decided::WouldThrottle);
            }
            Standing::Denied => {
                self.decided(None, Decided::Refused);
                return Err(Reason::Denied.into());
            }
            Standing::Ordinary => {}
        }
        let policy = self.policy;
        if policy.throttle.is_empty() {
            return Ok(());
        }
        let (client, now) = (self.network(), now());
        for (index, rule) in policy.throttle.iter().enumerate() {
            if rule.limits_arrivals() && rule.is_for(self.route) {
                let place = self.heed(index, rule, rule.arrive(client, now))?;
                self.stay.add(index, place.flatten());
            }
        }
        Ok(())
    }

    /// Asks those rules again that count what is in the application, when the body has come: who began a hundred uploads
    /// may not end them all at once.
    ///
    /// # Errors
    /// [`Ended::Refused`].
    pub(super) fn throttle_again(&mut self) -> Result<(), Ended> {
        for index in self.stay.arrive(now()) {
            if let Some(rule) = self.policy.throttle.iter().nth(index) {
                self.exceeds(index, rule, Exceeded::Concurrent)?;
            }
        }
        Ok(())
    }

    /// Gives the request its place among those that wait. It is not in the application any more.
    ///
    /// # Errors
    /// [`Ended::Refused`]: its client has too many waiting requests.
    pub(super) fn begin_to_wait(&mut self, session: &Session<'_>) -> Result<Waits, Ended> {
        self.stay.pause();
        let mut waits = Waits::default();
        if self.standing() == Standing::Allowed {
            return Ok(waits);
        }
        let policy = self.policy;
        let (client, now) = (self.network(), now());
        let mut bounded = false;
        for (index, rule) in policy.throttle.iter().enumerate() {
            if rule.limits_waiting() && rule.is_for(self.route) {
                let place = self.heed(index, rule, rule.wait(client, now))?;
                waits._rules.extend(place);
                bounded |= rule.mode == RuleMode::Enforce;
            }
        }
        if !bounded {
            let share = policy.max_waiting_per_client;
            let place = self.gateway.waiters.admit(client, share);
            waits._share = Some(place.map_err(|_| self.full(Reason::TooManyWaiting, session))?);
        }
        Ok(waits)
    }

    /// What follows from the verdict of a rule, counted: None when it would have refused and only observes.
    fn heed<T>(&self, index: usize, rule: &Rule, verdict: Verdict<T>) -> Result<Option<T>, Ended> {
        if verdict.measured == Measured::Together {
            self.gateway.metrics.throttled_together();
        }
        match verdict.outcome {
            Ok(place) => {
                self.decided(Some(index), Decided::Admitted);
                Ok(Some(place))
            }
            Err(exceeded) => self.exceeds(index, rule, exceeded).map(|()| None),
        }
    }

    /// What follows from a request that exceeds a limit of a rule, counted: nothing when that only observes.
    fn exceeds(&self, index: usize, rule: &Rule, exceeded: Exceeded) -> Result<(), Ended> {
        if rule.mode == RuleMode::Enforce && self.terms.mode == Mode::Enforce {
            self.decided(Some(index), Decided::Refused);
            Err(self.throttled(rule.action, exceeded).into())
        } else {
            self.decided(Some(index), Decided::WouldThrottle);
            Ok(())
        }
    }

    fn throttled(&self, action: Action, exceeded: Exceeded) -> Refusal {
        let (reason, retry_after) = match exceeded {
            Exceeded::Rate { retry_after } => (Reason::RateLimited, Some(retry_after)),
            Exceeded::Concurrent => (Reason::TooManyConcurrent, None),
            Exceeded::Waiting => {
                let lanes = &self.gateway.lanes;
                let wait = self.lane().and_then(|lane| lanes.estimate(lane));
                (Reason::TooManyWaiting, wait)
            }
        };
        let manner = match action {
            Action::Unauthorized => Manner::Status(StatusCode::UNAUTHORIZED),
            Action::Forbidden => Manner::Status(StatusCode::FORBIDDEN),
            Action::NotFound => Manner::Status(StatusCode::NOT_FOUND),
            // A proxy's connection carries the requests of others too.
            Action::Abort if self.ip == self.client.peer.client() => Manner::Silent,
            Action::Abort | Action::TooManyRequests => Manner::Usual,
        };
        Refusal::new(reason).retry_after(retry_after).manner(manner)
    }

    /// Counts a decision of the rule at `index`, or of the deny list.
    fn decided(&self, index: Option<usize>, decision: Decided) {
        let place = index.map_or(0, |index| index + 1);
        let series = self.policy.series.throttle_rule(place);
        self.gateway.metrics.throttled(series, decision);
    }

    /// What the lists of `client:` say of who asks.
    fn standing(&self) -> Standing {
        let lists = &self.policy.client;
        if lists.allow.contains(self.ip) {
            Standing::Allowed
        } else if lists.deny.contains(self.ip) {
            Standing::Denied
        } else {
            Standing::Ordinary
        }
    }

    /// What limits count who asks as.
    fn network(&self) -> ClientNetwork {
        self.policy.client.network(self.ip)
    }
}

/// What the deny list is called among the rules, in metrics and the configuration.
pub const DENY_LIST: &str = "deny";
