//! A request without its session, in all of its lanes, and its response without the one that was made for nobody.
//!
//! Also a response without the session that was made for an id that another one had replaced.
//!
//! Guarantees: a request whose ids are hidden has no session, by the rules that found one; what is not a session's
//! cookie stays byte for byte. Does not do: hide what is in a URL or another header: the application would be asked for
//! something else.

use std::sync::Arc;

use http::HeaderMap;
use http::header::SET_COOKIE;
use http::request::Parts;

use super::source::{OldId, Source};
use super::{CookieName, LaneNumber, Sessions, without_cookie, without_set_cookie};

impl Sessions {
    /// Whether nothing but cookies names the sessions of `request`, so that [`Sessions::hide`] leaves it without any.
    #[must_use]
    pub fn can_hide(&self, request: &Parts) -> bool {
        let mut others = self
            .sources()
            .filter(|source| source.place.cookie().is_none());
        !others.any(|source| matches!(source.find(request), Some(Ok(_))))
    }

    /// Takes the cookies of all lanes out of a request: not that of its first lane alone, since the application would
    /// wait for the lock of another; and of each source, since it may take a second cookie where the first is missing.
    pub fn hide(&self, request: &mut HeaderMap) {
        for cookie in self.cookies() {
            without_cookie(request, cookie);
        }
    }

    /// Takes what sets one of these cookies out of the response to such a request, so that the user keeps his sessions.
    pub fn hide_issued(&self, response: &mut HeaderMap) {
        for cookie in self.cookies() {
            without_set_cookie(response, cookie);
        }
    }

    /// Whether the application of this lane forgets an id when a response sets another one.
    #[must_use]
    pub fn forgets(&self, lane: LaneNumber) -> bool {
        self.forgotten(lane).next().is_some()
    }

    /// Takes what sets, or deletes, the cookie of these lanes out of the response to a request whose ids were forgotten,
    /// so that the user keeps the newer ones. Gives the number of lines.
    pub fn withhold(&self, lanes: &[LaneNumber], response: &mut HeaderMap) -> usize {
        let count = |response: &HeaderMap| response.get_all(SET_COOKIE).iter().count();
        let before = count(response);
        for cookie in lanes.iter().flat_map(|lane| self.forgotten(*lane)) {
            without_set_cookie(response, cookie);
        }
        before - count(response)
    }

    /// The cookies of a lane whose ids are forgotten when others replace them.
    fn forgotten(&self, number: LaneNumber) -> impl Iterator<Item = &Arc<CookieName>> {
        let lanes = self.lanes.iter().filter(move |lane| lane.number == number);
        let sources = lanes.flat_map(|lane| &lane.sources);
        sources
            .filter(|source| source.old_id == OldId::Forgotten)
            .filter_map(|source| source.place.cookie())
    }

    fn cookies(&self) -> impl Iterator<Item = &Arc<CookieName>> {
        self.sources().filter_map(|source| source.place.cookie())
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        self.lanes.iter().flat_map(|lane| &lane.sources)
    }
}
