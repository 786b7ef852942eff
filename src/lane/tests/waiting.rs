//! Waits, poll by poll, with the clock stopped: who is woken, by what, and what is left when a wait is given up.

use std::future::Future;
use std::sync::Arc;

use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::super::{Full, Hold, Joined, Limits, Permit, WaitEnded, Waiting};
use super::{One, limits, seconds};
use crate::session::SessionKey;
use Hold::{Exclusive, Shared};

type Turn = task::Spawn<Box<dyn Future<Output = Result<Permit, WaitEnded>> + Unpin>>;

/// The wait of `waiting`, polled once.
fn queued(waiting: Waiting) -> Turn {
    let turn: Box<dyn Future<Output = _> + Unpin> = Box::new(Box::pin(waiting.turn()));
    let mut turn = task::spawn(turn);
    assert_pending!(turn.poll());
    turn
}

#[tokio::test(start_paused = true)]
async fn a_free_lane_is_granted_at_once_and_forgotten_when_its_holder_leaves() {
    let one = One::new();
    let permit = one.granted(Exclusive, &limits());
    assert_eq!(
        (one.lanes.counts().lanes, one.lanes.counts().holding),
        (1, 1)
    );
    drop(permit);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_when_its_turn_comes_and_not_before() {
    let one = One::new();
    let first = one.granted(Exclusive, &limits());
    let mut second = queued(one.waiting(Exclusive, &limits()));
    let mut third = queued(one.waiting(Exclusive, &limits()));
    advance(seconds(1)).await;
    assert!(!second.is_woken());
    drop(first);
    assert!(second.is_woken());
    let permit = assert_ready!(second.poll()).unwrap();
    assert!(!third.is_woken());
    drop(permit);
    drop(assert_ready!(third.poll()).unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_knows_how_many_are_ahead() {
    let one = One::new();
    let _readers = [
        one.granted(Shared, &limits()),
        one.granted(Shared, &limits()),
    ];
    let first = one.waiting(Exclusive, &limits());
    let second = one.waiting(Exclusive, &limits());
    assert_eq!((first.position(), second.position()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_queued_writer_that_times_out_lets_the_readers_behind_it_go() {
    let one = One::new();
    let reader = one.granted(Shared, &limits());
    let impatient = Limits {
        wait_timeout: seconds(5),
        ..limits()
    };
    let mut writer = queued(one.waiting(Exclusive, &impatient));
    let mut behind = queued(one.waiting(Shared, &limits()));
    advance(seconds(5)).await;
    assert!(writer.is_woken());
    assert!(!behind.is_woken());
    assert_eq!(
        assert_ready!(writer.poll()).unwrap_err(),
        WaitEnded::TimedOut
    );
    assert!(behind.is_woken());
    drop(assert_ready!(behind.poll()).unwrap());
    drop(reader);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_wait_times_out_at_its_deadline_and_not_before() {
    let one = One::new();
    let _first = one.granted(Exclusive, &limits());
    let mut second = queued(one.waiting(Exclusive, &limits()));
    advance(seconds(119)).await;
    assert!(!second.is_woken());
    assert_pending!(second.poll());
    advance(seconds(1)).await;
    assert_eq!(
        assert_ready!(second.poll()).unwrap_err(),
        WaitEnded::TimedOut
    );
    assert_eq!(one.lanes.counts().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn the_wait_timeout_runs_from_the_arrival_also_when_the_wait_is_first_polled_late() {
    let one = One::new();
    let _first = one.granted(Exclusive, &limits());
    let waiting = one.waiting(Exclusive, &limits());
    advance(seconds(120)).await;
    assert_eq!(
        assert_ready!(task::spawn(waiting.turn()).poll()).unwrap_err(),
        WaitEnded::TimedOut
    );
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_came_before_the_timer_was_seen_stands() {
    let one = One::new();
    let first = one.granted(Exclusive, &limits());
    let mut second = queued(one.waiting(Exclusive, &limits()));
    advance(seconds(120)).await;
    drop(first); // The timer has fired, but nobody has looked.
    let permit = assert_ready!(second.poll()).unwrap();
    assert_eq!(one.lanes.counts().holding, 1);
    drop(permit);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn another_ones_timer_ends_every_wait_that_is_due() {
    let one = One::new();
    let _first = one.granted(Exclusive, &limits());
    let mut second = queued(one.waiting(Exclusive, &limits()));
    let mut third = queued(one.waiting(Exclusive, &limits()));
    advance(seconds(120)).await;
    assert_eq!(
        assert_ready!(third.poll()).unwrap_err(),
        WaitEnded::TimedOut
    );
    assert_eq!(one.lanes.counts().waiting, 0);
    assert_eq!(
        assert_ready!(second.poll()).unwrap_err(),
        WaitEnded::TimedOut
    );
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_before_or_during_its_wait_leaves_the_line() {
    let one = One::new();
    let first = one.granted(Exclusive, &limits());
    let unpolled = one.waiting(Exclusive, &limits());
    let polled = queued(one.waiting(Exclusive, &limits()));
    let mut last = queued(one.waiting(Exclusive, &limits()));
    drop(unpolled);
    drop(polled);
    assert_eq!(one.lanes.counts().waiting, 1);
    drop(first);
    drop(assert_ready!(last.poll()).unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_takes_goes_to_the_next_in_line() {
    let one = One::new();
    let first = one.granted(Exclusive, &limits());
    let second = queued(one.waiting(Exclusive, &limits()));
    let unpolled = one.waiting(Exclusive, &limits());
    let mut fourth = queued(one.waiting(Exclusive, &limits()));
    drop(first);
    assert!(!fourth.is_woken());
    drop(second); // Granted, not polled since.
    assert!(!fourth.is_woken());
    drop(unpolled); // Granted, never polled.
    assert!(fourth.is_woken());
    drop(assert_ready!(fourth.poll()).unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn the_readers_at_the_head_are_woken_together() {
    let one = One::new();
    let writer = one.granted(Exclusive, &limits());
    let mut readers: Vec<_> = (0..3)
        .map(|_| queued(one.waiting(Shared, &limits())))
        .collect();
    let mut next = queued(one.waiting(Exclusive, &limits()));
    drop(writer);
    let permits: Vec<_> = readers
        .iter_mut()
        .map(|reader| assert_ready!(reader.poll()).unwrap())
        .collect();
    assert!(!next.is_woken());
    drop(permits);
    drop(assert_ready!(next.poll()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn sessions_do_not_wait_for_each_other() {
    let one = One::new();
    let other = One {
        key: SessionKey::for_test(2),
        lanes: Arc::clone(&one.lanes),
    };
    let _permits = [
        one.granted(Exclusive, &limits()),
        other.granted(Exclusive, &limits()),
    ];
    assert_eq!(one.lanes.counts().lanes, 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_refuses_and_is_as_before() {
    let one = One::new();
    let none = Limits {
        waiters: 0,
        ..limits()
    };
    let permit = one.granted(Exclusive, &none);
    assert_eq!(
        one.join(Exclusive, &none).unwrap_err(),
        Full::Lane { waiting: 0 }
    );
    assert_eq!(one.lanes.counts().waiting, 0);
    drop(permit);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn the_waiters_of_all_lanes_together_are_capped_however_they_end() {
    let one = One::new();
    let join = |hold| one.lanes.join(one.key, hold, &limits(), 1);
    let place = || match join(Exclusive) {
        Ok(Joined::Waiting(waiting)) => {
            assert_eq!(join(Exclusive).unwrap_err(), Full::AllLanes);
            waiting
        }
        other => panic!("expected a place in the line, not {other:?}"),
    };
    let permit = one.granted(Exclusive, &limits());

    drop(place()); // It leaves.

    let mut timed_out = queued(place());
    advance(seconds(120)).await;
    assert_eq!(
        assert_ready!(timed_out.poll()).unwrap_err(),
        WaitEnded::TimedOut
    );

    let granted = place();
    drop(permit);
    let permit = assert_ready!(task::spawn(granted.turn()).poll()).unwrap();

    let closed = place();
    one.lanes.close();
    assert_eq!(
        assert_ready!(task::spawn(closed.turn()).poll()).unwrap_err(),
        WaitEnded::Closed
    );
    drop(permit);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_all_waiting_now_and_in_future_and_leaves_the_holders() {
    let one = One::new();
    let permit = one.granted(Exclusive, &limits());
    let mut before = queued(one.waiting(Exclusive, &limits()));
    one.lanes.close();
    assert!(before.is_woken());
    assert_eq!(assert_ready!(before.poll()).unwrap_err(), WaitEnded::Closed);
    let after = one.waiting(Shared, &limits());
    assert_eq!(
        assert_ready!(task::spawn(after.turn()).poll()).unwrap_err(),
        WaitEnded::Closed
    );
    assert_eq!(
        (one.lanes.counts().holding, one.lanes.counts().waiting),
        (1, 0)
    );
    drop(permit);
    drop(one.granted(Exclusive, &limits()));
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn the_estimate_speaks_of_a_lane_that_exists() {
    let one = One::new();
    assert_eq!(one.lanes.estimate(one.key), None);
    let _permit = one.granted(Exclusive, &limits());
    advance(seconds(3)).await;
    assert_eq!(one.lanes.estimate(one.key), Some(seconds(3)));
}
