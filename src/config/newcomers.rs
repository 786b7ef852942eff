//! `session.without_session` and `session.by_client_window`: what becomes of requests without a session.
//!
//! Guarantees: a window belongs to `by_client` alone. Does not do: say what a session is; `session` does.

use super::defaults;
use super::reader::{Section, Value};
use crate::gateway::WithoutSession;

/// What the section `session` says, if there is one.
pub(super) fn read(session: Option<&Section<'_>>) -> WithoutSession {
    let Some(session) = session else {
        return defaults::WITHOUT_SESSION;
    };
    let window = session
        .read("by_client_window", Value::timeout)
        .unwrap_or(defaults::BY_CLIENT_WINDOW);
    let choices = [
        ("pass", WithoutSession::Pass),
        ("by_client", WithoutSession::ByClient { window }),
    ];
    session
        .read("without_session", |value| value.choice(&choices))
        .unwrap_or(defaults::WITHOUT_SESSION)
}
