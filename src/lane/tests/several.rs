//! Several lanes for one request, by example: all or none, one wait, one hold, one count.

use std::sync::Arc;

use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

use super::super::{
    Arrival, Full, Hold, Joined, Lanes, Limits, OnHoldLimit, Overdue, Permit, Stay, WaitEnded,
    Waiting,
};
use super::{limits, seconds};
use crate::session::SessionKey;
use Hold::{Exclusive, Shared};

/// Lanes named by letters; a request with several names them in one word.
#[derive(Default)]
struct Town(Arc<Lanes>);

fn key(letter: char) -> SessionKey {
    SessionKey::for_test(u64::from(letter))
}

fn keys(word: &str) -> (SessionKey, Vec<SessionKey>) {
    let mut keys = word.chars().map(key);
    (keys.next().unwrap(), keys.collect())
}

impl Town {
    fn join(&self, word: &str, hold: Hold, limits: &Limits) -> Result<Joined, Full> {
        let (key, also) = keys(word);
        self.0.join_all(key, &also, hold, limits, 2)
    }

    fn granted(&self, word: &str) -> Permit {
        match self.join(word, Exclusive, &limits()) {
            Ok(Joined::Granted(permit)) => permit,
            other => panic!("{word} should be granted: {other:?}"),
        }
    }

    fn waiting(&self, word: &str, limits: &Limits) -> Waiting {
        match self.join(word, Exclusive, limits) {
            Ok(Joined::Waiting(waiting)) => waiting,
            other => panic!("{word} should wait: {other:?}"),
        }
    }

    /// Lanes, waiters, holders.
    fn now(&self) -> (usize, usize, u64) {
        let counts = self.0.counts();
        (counts.lanes, counts.waiting, counts.holding)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_several_lanes_is_alone_in_each_and_counted_once() {
    let town = Town::default();
    let both = town.granted("ab");
    assert_eq!(town.now(), (2, 0, 1));
    let mut a = task::spawn(town.waiting("a", &limits()).turn());
    let mut b = task::spawn(town.waiting("b", &limits()).turn());
    assert_pending!(a.poll());
    assert_pending!(b.poll());
    drop(both);
    let inside = (
        assert_ready!(a.poll()).unwrap(),
        assert_ready!(b.poll()).unwrap(),
    );
    assert_eq!(town.now(), (2, 0, 2));
    drop(inside);
    assert_eq!(town.now(), (0, 0, 0));
    assert_eq!((town.0.counts().granted, town.0.counts().ended), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn it_goes_inside_when_the_last_lane_has_granted() {
    let town = Town::default();
    let (a, b) = (town.granted("a"), town.granted("b"));
    let mut both = task::spawn(town.waiting("ab", &limits()).turn());
    assert_pending!(both.poll());
    drop(b);
    assert_pending!(both.poll());
    assert_eq!(town.now(), (2, 1, 1), "it still waits, in one lane");
    drop(a);
    drop(assert_ready!(both.poll()).unwrap());
    assert_eq!(town.now(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_order_in_which_a_request_names_its_lanes_does_not_matter() {
    let town = Town::default();
    let first = town.granted("ab");
    let mut second = task::spawn(town.waiting("ba", &limits()).turn());
    let mut third = task::spawn(town.waiting("ab", &limits()).turn());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    drop(first);
    let second = assert_ready!(second.poll()).unwrap();
    assert_pending!(third.poll());
    drop(second);
    drop(assert_ready!(third.poll()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_in_one_lane_is_in_none() {
    let town = Town::default();
    let none = Limits {
        waiters: 0,
        ..limits()
    };
    let b = town.granted("b");
    let refused = town.join("ab", Exclusive, &none).unwrap_err();
    assert_eq!(refused, Full::Lane { waiting: 0 });
    let a = town.granted("a");
    drop((a, b));
    assert_eq!(town.now(), (0, 0, 0));
    assert_eq!((town.0.counts().granted, town.0.counts().ended), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_in_several_lanes_counts_once_against_the_cap() {
    let town = Town::default(); // at most two wait
    let all = town.granted("abc");
    let first = town.waiting("abc", &limits());
    let second = town.waiting("abc", &limits());
    assert_eq!(town.now().1, 2);
    let third = town.join("abc", Exclusive, &limits()).unwrap_err();
    assert_eq!(third, Full::AllLanes);
    drop(first);
    assert_eq!(town.now().1, 1);
    drop((all, second));
    assert_eq!(town.now(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_hold_begins_when_all_lanes_have_granted() {
    let town = Town::default();
    let short = Limits {
        hold_limit: seconds(10),
        ..limits()
    };
    let b = town.granted("b");
    let mut both = task::spawn(town.waiting("ab", &short).turn());
    let mut behind = task::spawn(town.waiting("a", &limits()).turn());
    assert_pending!(both.poll());
    assert_pending!(behind.poll());
    advance(seconds(60)).await;
    drop(b);
    let mut permit = assert_ready!(both.poll()).unwrap();
    assert_eq!(permit.granted_at(), Instant::now().into_std());
    assert_eq!(
        permit.hold_deadline() - permit.granted_at(),
        seconds(10),
        "though its first lane was reserved 60 s ago"
    );
    assert_eq!(permit.overdue(), Overdue::NotYet);
    assert_pending!(behind.poll());
}

#[tokio::test(start_paused = true)]
async fn a_reserved_lane_goes_on_when_the_wait_times_out() {
    let town = Town::default();
    let impatient = Limits {
        wait_timeout: seconds(20),
        ..limits()
    };
    let _b = town.granted("b");
    let mut both = task::spawn(town.waiting("ab", &impatient).turn());
    let mut behind = task::spawn(town.waiting("a", &limits()).turn());
    assert_pending!(both.poll());
    assert_pending!(behind.poll());
    advance(seconds(20)).await;
    assert_eq!(assert_ready!(both.poll()).unwrap_err(), WaitEnded::TimedOut);
    drop(assert_ready!(behind.poll()).unwrap());
    assert_eq!(town.now(), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn also_when_nobody_polls_the_one_that_waits() {
    let town = Town::default();
    let impatient = Limits {
        wait_timeout: seconds(20),
        ..limits()
    };
    let b = town.granted("b");
    let stuck = town.waiting("ab", &impatient);
    advance(seconds(10)).await;
    let mut behind = task::spawn(town.waiting("a", &impatient).turn());
    assert_pending!(behind.poll());
    advance(seconds(20)).await;
    let permit = assert_ready!(behind.poll()).expect("the lane was free before its wait timed out");
    drop(b);
    let ended = assert_ready!(task::spawn(stuck.turn()).poll()).unwrap_err();
    assert_eq!(ended, WaitEnded::TimedOut);
    drop(permit);
    assert_eq!(town.now(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hold_limit_is_applied_in_all_lanes_and_counted_once() {
    for (action, says) in [
        (OnHoldLimit::Release, Overdue::Released),
        (OnHoldLimit::Abort, Overdue::Aborted),
        (OnHoldLimit::Wait, Overdue::Kept),
    ] {
        let town = Town::default();
        let limits = Limits {
            hold_limit: seconds(10),
            on_hold_limit: action,
            ..limits()
        };
        let Ok(Joined::Granted(mut permit)) = town.join("ab", Exclusive, &limits) else {
            panic!("the lanes are free");
        };
        advance(seconds(10)).await;
        assert_eq!(permit.overdue(), says);
        let counts = town.0.counts();
        let counted =
            counts.hold_limit_aborted + counts.hold_limit_kept + counts.hold_limit_released;
        assert_eq!(counted, 1);
        let kept = action == OnHoldLimit::Wait;
        assert_eq!(town.now(), if kept { (2, 0, 1) } else { (0, 0, 0) });
        drop(permit);
        assert_eq!(town.now(), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn readers_share_each_lane() {
    let town = Town::default();
    let share = |word| match town.join(word, Shared, &limits()) {
        Ok(Joined::Granted(permit)) => permit,
        other => panic!("{word} should be granted: {other:?}"),
    };
    let readers = [share("ab"), share("bc"), share("b")];
    let mut writer = task::spawn(town.waiting("abc", &limits()).turn());
    for reader in readers {
        assert_pending!(writer.poll());
        drop(reader);
    }
    drop(assert_ready!(writer.poll()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_named_twice_is_taken_once() {
    let town = Town::default();
    let pass = town.0.pass(key('a'), &limits()).unwrap(); // keeps the lane alive
    town.0.name(key('a'), key('z'));
    for word in ["aab", "azb", "zab"] {
        drop(town.granted(word));
        let (key, also) = keys(word);
        let observed = town.0.observe_all(key, &also, Exclusive, &limits());
        assert_eq!(observed.arrival(), Arrival::Free, "{word}");
        assert_eq!(observed.end(), Stay::Ordinary);
        let one_more = Limits {
            max_passed: 2,
            ..limits()
        };
        drop(town.0.pass_all(key, &also, &one_more).unwrap());
    }
    drop(pass);
    assert_eq!(town.now(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pass_needs_a_place_beside_each_lane() {
    let town = Town::default();
    let one = Limits {
        max_passed: 1,
        ..limits()
    };
    let pass = town.0.pass(key('b'), &one).unwrap();
    let (a, b) = keys("ab");
    assert_eq!(town.0.pass_all(a, &b, &one).unwrap_err(), Full::Passed);
    assert_eq!(town.now().0, 1, "it has none beside the other lane either");
    drop(pass);
    drop(town.0.pass_all(a, &b, &one).unwrap());
    assert_eq!((town.0.counts().passed, town.now().0), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_observed_request_is_in_the_shadows_of_all_its_lanes() {
    let town = Town::default();
    let observe = |word| {
        let (key, also) = keys(word);
        town.0.observe_all(key, &also, Exclusive, &limits())
    };
    let (first, other) = (observe("ab"), observe("c"));
    let second = observe("cb");
    assert_eq!(
        [first.arrival(), other.arrival(), second.arrival()],
        [Arrival::Free, Arrival::Free, Arrival::WouldWait]
    );
    assert_eq!(town.0.counts().would_wait, 1, "once");
    assert_eq!(second.end(), Stay::Nested);
    assert_eq!(town.0.counts().nested, 1, "once");
    drop((first, other));
    assert_eq!(town.now(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_the_wait_in_all_lanes() {
    let town = Town::default();
    let b = town.granted("b");
    let mut before = task::spawn(town.waiting("abc", &limits()).turn());
    assert_pending!(before.poll());
    town.0.close();
    assert_eq!(assert_ready!(before.poll()).unwrap_err(), WaitEnded::Closed);
    let after = town.waiting("ab", &limits());
    let after = assert_ready!(task::spawn(after.turn()).poll());
    assert_eq!(after.unwrap_err(), WaitEnded::Closed);
    assert_eq!(town.now(), (1, 0, 1));
    drop(b);
    drop(town.granted("ab"));
    assert_eq!(town.now(), (0, 0, 0));
}
