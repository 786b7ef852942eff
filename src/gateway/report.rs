//! What a request did to its session, as far as somebody saw it: the application's word, and observe mode.
//!
//! The application is asked by `X-Onelane-Report: wrote`, beside the secret, and answers by `X-Onelane-Wrote: 0` or `1`.
//! Guarantees: it is believed only about a request that it was asked about; a `read` route that wrote is a warning and a
//! metric, and by `on_read_wrote: write` a write from the next request on; where nobody is asked and nothing observed,
//! nothing is done. Does not do: take the answer off the response (`headers` does); keep evidence (`evidence` does).

use std::time::{Duration, Instant};

use http::header::HeaderMap;
use http::{Method, Uri, request};

use super::Visit;
use super::account::Passed;
use super::alarm::now;
use super::headers::X_ONELANE_WROTE;
use super::policy::OnReadWrote;
use crate::evidence::{self, Meeting, Observation, Page, Report};
use crate::lane::{Arrival, Stay};
use crate::route::{Access, Demoted, Mode};
use crate::session::Session;

/// What the application is asked about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    /// Whether it changed its session.
    Wrote,
}

/// What is kept of a request for the evidence.
#[derive(Debug)]
pub(super) struct Witnessed {
    method: Method,
    uri: Uri,
    asked: Asked,
    /// Whether a writer of its session was inside when it came; None when nobody observes.
    arrival: Option<Arrival>,
    /// What was answered; None when it was not asked, or the application has not answered at all.
    report: Option<Report>,
}

impl Visit<'_> {
    /// Keeps what the evidence needs of a request that is about to be sent, if somebody will see what it does.
    pub(super) fn witness(&mut self, head: &request::Parts) {
        let enforced = self.terms.mode == Mode::Enforce;
        // Who passes without it has another session in the application, which that page perhaps starts.
        let has_session =
            self.notes.session.is_some() && self.notes.passed != Passed::WithoutSession;
        let asked = if enforced && self.policy.application.is_asked() && has_session {
            Asked::Wrote
        } else {
            Asked::Nothing
        };
        let arrival = self.entry.arrival();
        if asked == Asked::Wrote || arrival.is_some() {
            self.notes.witnessed = Some(Witnessed {
                method: head.method.clone(),
                uri: head.uri.clone(),
                asked,
                arrival,
                report: None,
            });
        }
    }

    /// What the application is to be asked.
    pub(super) fn asked(&self) -> Asked {
        let witnessed = self.notes.witnessed.as_ref();
        witnessed.map_or(Asked::Nothing, |witnessed| witnessed.asked)
    }

    /// Hears what the application says of a request that it was asked about.
    pub(super) fn hear(&mut self, headers: &HeaderMap) {
        let Some(witnessed) = &mut self.notes.witnessed else {
            return;
        };
        if witnessed.asked == Asked::Nothing {
            return;
        }
        let report = report(headers);
        witnessed.report = Some(report);
        let metrics = &self.gateway.metrics;
        metrics.reported(self.series, report as usize);
        if report == Report::Wrote && self.terms.access == Access::Read {
            metrics.read_wrote(self.series);
            self.read_wrote();
        }
    }

    /// Adds the request, which has ended, to the evidence: an observed one, or one that was answered.
    pub(super) fn testify(&self) {
        let Some(witnessed) = &self.notes.witnessed else {
            return;
        };
        if witnessed.arrival.is_none() && witnessed.report.is_none() {
            return;
        }
        self.gateway.evidence.record(&Observation {
            route: self.route,
            access: self.terms.access,
            method: &witnessed.method,
            path: witnessed.uri.path(),
            case: self.policy.routes.case(),
            report: witnessed.report,
            meeting: match (witnessed.arrival, self.entry.stay()) {
                (_, Stay::Nested) => Meeting::Nested,
                (Some(Arrival::WouldWait | Arrival::WouldBeRefused), _) => Meeting::Met,
                (Some(Arrival::Free) | None, Stay::Ordinary) => Meeting::None,
            },
            waited: self.notes.waited.unwrap_or_default(),
            held: self.entry.hold().unwrap_or(Duration::ZERO),
        });
    }

    /// Adds a wait, which has ended, to what the page that was inside for most of it has made others wait. With one
    /// request ahead that is the one that was inside when it `joined`.
    pub(super) fn blame(&self, head: &request::Parts, session: &Session<'_>, joined: Instant) {
        let (Some(first), Some(waited)) = (&self.notes.behind, self.notes.waited) else {
            return;
        };
        let longest = if self.notes.position > 1 {
            self.gateway.lanes.held_longest(session.key, joined)
        } else {
            None
        };
        let behind = longest.as_ref().unwrap_or(first);
        let case = self.policy.routes.case();
        let page = |route, method: &Method, path| Page::of(route, method, path, case);
        let waiter = page(self.route, &head.method, head.uri.path());
        let blocker = page(&behind.route, &behind.method, behind.target.path());
        self.gateway.evidence.blame(blocker, waiter, waited);
    }

    /// A `read` wrote: what it wrote may be lost, and the next requests of its route must not be taken for reads.
    fn read_wrote(&self) {
        let demoted = match self.policy.application.on_read_wrote {
            OnReadWrote::Warn => Demoted::Before,
            OnReadWrote::Write => self.policy.routes.demote(self.place),
        };
        // A route that is demoted is said so even if another one was warned of a moment ago.
        if demoted == Demoted::Before && !self.gateway.warnings.read_wrote.may(now()) {
            return;
        }
        let consequence = match self.policy.application.on_read_wrote {
            OnReadWrote::Warn => "its writes may be lost: write access: write for it",
            OnReadWrote::Write => {
                "it counts as write until the next reload: write access: write for it"
            }
        };
        let witnessed = self.notes.witnessed.as_ref();
        tracing::warn!(
            route = %self.route,
            method = witnessed.map(|witnessed| witnessed.method.as_str()),
            path = witnessed.and_then(|witnessed| evidence::shape(
                witnessed.uri.path(),
                self.policy.routes.case(),
            )),
            "a request of a route that is read has changed its session; {consequence} (warned once a minute)"
        );
    }
}

/// What a response says. Several answers are none.
fn report(headers: &HeaderMap) -> Report {
    let mut answers = headers.get_all(X_ONELANE_WROTE).iter();
    match (
        answers.next().map(|answer| answer.as_bytes()),
        answers.next(),
    ) {
        (Some(b"1"), None) => Report::Wrote,
        (Some(b"0"), None) => Report::Unchanged,
        _ => Report::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_clear_answer_is_an_answer() {
        let said = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_ONELANE_WROTE, value.parse().unwrap());
            }
            report(&headers)
        };
        assert_eq!(said(&["1"]), Report::Wrote);
        assert_eq!(said(&["0"]), Report::Unchanged);
        for unclear in [
            &[][..],
            &[""],
            &["2"],
            &["true"],
            &["0, 1"],
            &["0", "0"],
            &["1", "0"],
        ] {
            assert_eq!(said(unclear), Report::Silent, "{unclear:?}");
        }
    }
}
