//! Permits, passes and the table's memory: what holding costs others, and what is left of it.

use std::sync::Arc;

use tokio::time::advance;
use tokio_test::{assert_ready, task};

use super::super::{
    Full, Hold, Joined, Lanes, Limits, Observed, OnHoldLimit, Overdue, Pass, Permit, Waiting,
};
use super::{One, limits, seconds};
use crate::session::SessionKey;
use Hold::Exclusive;

fn with(on_hold_limit: OnHoldLimit) -> Limits {
    let (hold_limit, wait_timeout) = (seconds(10), seconds(20));
    Limits {
        hold_limit,
        wait_timeout,
        on_hold_limit,
        ..limits()
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_knows_its_time() {
    let one = One::new();
    let first = one.granted(Exclusive, &with(OnHoldLimit::Release));
    let second = one.waiting(Exclusive, &with(OnHoldLimit::Release));
    advance(seconds(4)).await;
    let granted = first.granted_at() + seconds(4);
    drop(first);
    let second = assert_ready!(task::spawn(second.turn()).poll()).unwrap();
    assert_eq!(second.granted_at(), granted);
    assert_eq!(
        second.hold_deadline(),
        granted + seconds(10),
        "from the grant"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hold_limit_that_releases_or_aborts_lets_the_next_go_and_is_counted_once() {
    for (action, says, counts) in [
        (OnHoldLimit::Release, Overdue::Released, (1, 0)),
        (OnHoldLimit::Abort, Overdue::Aborted, (0, 1)),
    ] {
        let one = One::new();
        let mut old = one.granted(Exclusive, &with(action));
        let mut next = task::spawn(one.waiting(Exclusive, &with(action)).turn());
        advance(seconds(9)).await;
        assert_eq!(old.overdue(), Overdue::NotYet);
        advance(seconds(1)).await;
        assert_eq!(old.overdue(), says);
        assert_eq!(old.overdue(), says, "as often as it is asked");
        let next = assert_ready!(next.poll()).unwrap();
        let counted = one.lanes.counts();
        assert_eq!(
            (counted.hold_limit_released, counted.hold_limit_aborted),
            counts
        );
        assert_eq!(counted.holding, 1);
        drop(next);
        assert!(one.is_gone(), "a stale permit is nobody in the lane");
        drop(old);
        assert_eq!(one.lanes.counts().ended, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_permit_cannot_disturb_a_later_holder_of_the_lane_or_of_one_made_anew() {
    let one = One::new();
    let mut stale = one.granted(Exclusive, &with(OnHoldLimit::Release));
    advance(seconds(10)).await;
    assert_eq!(stale.overdue(), Overdue::Released);
    assert!(one.is_gone());
    let mut anew = one.granted(Exclusive, &with(OnHoldLimit::Release));
    assert_eq!(stale.overdue(), Overdue::Released);
    drop(stale);
    assert_eq!(anew.overdue(), Overdue::NotYet);
    assert_eq!(one.lanes.counts().holding, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hold_limit_that_waits_keeps_the_lane_and_is_counted_once() {
    let one = One::new();
    let mut old = one.granted(Exclusive, &with(OnHoldLimit::Wait));
    let mut next = task::spawn(one.waiting(Exclusive, &limits()).turn());
    advance(seconds(10)).await;
    assert_eq!([old.overdue(), old.overdue()], [Overdue::Kept; 2]);
    assert!(!next.is_woken());
    assert_eq!(one.lanes.counts().hold_limit_kept, 1);
    drop(old);
    drop(assert_ready!(next.poll()).unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_holder_learns_its_hold_limit_also_when_a_waiters_timer_applied_it() {
    for (action, says) in [
        (OnHoldLimit::Release, Overdue::Released),
        (OnHoldLimit::Abort, Overdue::Aborted),
    ] {
        let one = One::new();
        let mut silent = one.granted(Exclusive, &with(action));
        let next = one.waiting(Exclusive, &with(action));
        advance(seconds(20)).await;
        let next = assert_ready!(task::spawn(next.turn()).poll());
        let next = next.expect("the lane was free before the wait timed out");
        assert_eq!(silent.overdue(), says);
        let counts = one.lanes.counts();
        assert_eq!(counts.hold_limit_released + counts.hold_limit_aborted, 1);
        drop(next);
    }
}

#[tokio::test(start_paused = true)]
async fn passes_are_counted_bounded_and_in_nobodys_way() {
    let one = One::new();
    let two = Limits {
        max_passed: 2,
        ..limits()
    };
    let passes = [
        one.lanes.pass(one.key, &two).unwrap(),
        one.lanes.pass(one.key, &two).unwrap(),
    ];
    assert_eq!(one.lanes.pass(one.key, &two).unwrap_err(), Full::Passed);
    drop(one.granted(Exclusive, &limits()));
    assert_eq!(one.lanes.counts().lanes, 1);
    drop(passes);
    assert!(one.is_gone());
    drop(one.lanes.pass(one.key, &two).unwrap());
    assert_eq!(one.lanes.counts().passed, 3);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_refused_pass_makes_no_lane() {
    let one = One::new();
    let none = Limits {
        max_passed: 0,
        ..limits()
    };
    assert_eq!(one.lanes.pass(one.key, &none).unwrap_err(), Full::Passed);
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_many_lanes_comes_back_when_they_are_gone() {
    let lanes = Arc::new(Lanes::default());
    let permits: Vec<_> = (0..10_000)
        .map(
            |n| match lanes.join(SessionKey::for_test(n), Exclusive, &limits(), 0) {
                Ok(Joined::Granted(permit)) => permit,
                other => panic!("expected a permit, not {other:?}"),
            },
        )
        .collect();
    assert_eq!(lanes.counts().lanes, 10_000);
    assert!(lanes.capacity() >= 10_000);
    drop(permits);
    assert_eq!(lanes.counts().lanes, 0);
    assert!(
        lanes.capacity() < 4_000,
        "memory is left for {} lanes",
        lanes.capacity()
    );
}

#[test]
fn what_one_has_in_a_lane_may_move_to_another_core() {
    fn moves<T: Send + 'static>() {}
    moves::<Permit>();
    moves::<Waiting>();
    moves::<Pass>();
    moves::<Observed>();
}

#[test]
fn a_permit_is_printed_without_the_table() {
    let one = One::new();
    let printed = format!("{:?}", one.granted(Exclusive, &limits()));
    assert!(
        printed.contains("Ticket(0)") && !printed.contains("Lanes"),
        "{printed}"
    );
}
