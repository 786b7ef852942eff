//! Many requests of one session at once, and what became of them.
//!
//! Guarantees: every answer is counted; nothing is tried again.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::applications::{Application, Page};
use crate::http::{Answer, Client, at_the_same_moment};
use crate::onelane::Onelane;

/// What was lost of increments that were made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Increments that were answered with 200 and that the session does not have.
    pub(crate) lost: usize,
    /// Answers with another status.
    pub(crate) refused: usize,
    /// Times that a writer met another one inside.
    pub(crate) overlaps: u64,
}

/// Nothing was lost, and everybody was answered.
pub(crate) const ALL_KEPT: Outcome = Outcome {
    lost: 0,
    refused: 0,
    overlaps: 0,
};

/// 100 increments at once: at least half of them are lost with the application alone, and none behind Onelane.
#[track_caller]
pub(crate) fn loses_updates_and_behind_onelane_none(application: &Application) {
    let (bare, behind) = bare_and_behind_onelane(application, 100, 40).unwrap();
    assert!(bare.lost >= 50 && bare.overlaps >= 50, "{bare:?}");
    assert_eq!(behind, ALL_KEPT, "bare: {bare:?}");
}

/// [`increments`] with the application alone, and behind Onelane.
pub(crate) fn bare_and_behind_onelane(
    application: &Application,
    count: usize,
    ms: u64,
) -> io::Result<(Outcome, Outcome)> {
    let bare = increments(application, application.address, count, ms)?;
    let onelane = onelane(application)?;
    let behind = increments(application, onelane.address(), count, ms)?;
    Ok((bare, behind))
}

/// Onelane in front of `application`, with room in a lane for everybody.
pub(crate) fn onelane(application: &Application) -> io::Result<Onelane> {
    let more = format!("{}queue: {{ limit: 1000 }}\n", application.yaml);
    Onelane::start(application.address, &more)
}

/// Sends `count` increments of one new session at once to `address`, each of which works for `ms` milliseconds.
fn increments(
    application: &Application,
    address: SocketAddr,
    count: usize,
    ms: u64,
) -> io::Result<Outcome> {
    application.reset()?;
    let mut user = application.user(address)?; // its first increment
    let answers = at_once(&user, address, &application.page(Page::Write, ms), count)?;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    Ok(Outcome {
        lost: (done + 1).saturating_sub(counter(application, &mut user)?),
        refused: count - done,
        overlaps: application.stats()?.overlaps,
    })
}

/// The counter of the user's session.
pub(crate) fn counter(application: &Application, user: &mut Client) -> io::Result<usize> {
    let page = application.page(Page::Read, 0);
    let body = user.get(&page)?.body;
    body.trim().parse().map_err(io::Error::other)
}

/// Sends `count` requests of the user's session at once, each on a connection of its own.
pub(crate) fn at_once(
    user: &Client,
    address: SocketAddr,
    path: &str,
    count: usize,
) -> io::Result<Vec<Answer>> {
    let browsers = (0..count).map(|_| user.again(address)).collect();
    let (_, answers) = at_the_same_moment(browsers, |mut browser| browser.get(path));
    answers.into_iter().collect()
}

/// Waits until something is so; the time is only there for the test to end.
#[track_caller]
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "it never came true: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Longer than anything takes on a busy machine: it only decides how long a failure takes.
const PATIENCE: Duration = Duration::from_secs(120);
