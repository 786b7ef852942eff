//! The rules of the line, one sentence each, with the time in hand.

use std::time::{Duration, Instant};

use super::super::queue::{
    Expired, Full, Grant, Left, Queue, Standing, Ticket, Turn, WaitEnded, Was,
};
use super::super::{Hold, Limits, OnHoldLimit};
use super::{limits, seconds};
use Hold::{Exclusive, Shared};

/// A queue, its clock, and requests named by numbers.
struct Scene {
    queue: Queue<u64>,
    start: Instant,
    now: Instant,
    limits: Limits,
}

/// Whose hold limit passed, and what it did.
type Limited = (u64, OnHoldLimit);

impl Scene {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            queue: Queue::default(),
            start,
            now: start,
            limits: limits(),
        }
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = self.start + Duration::from_secs(seconds);
        self
    }

    fn join(&mut self, name: u64, hold: Hold) -> Result<Turn<()>, Full> {
        self.queue
            .join(Ticket(name), hold, self.now, &self.limits, || {
                Ok((name, ()))
            })
    }

    fn holds(&mut self, name: u64, hold: Hold) -> Grant {
        match self.join(name, hold) {
            Ok(Turn::Now(grant)) => grant,
            other => panic!("{name} should hold at once: {other:?}"),
        }
    }

    /// Joins the line; gives the position.
    fn waits(&mut self, name: u64, hold: Hold) -> usize {
        match self.join(name, hold) {
            Ok(Turn::Later { position, .. }) => position,
            other => panic!("{name} should wait: {other:?}"),
        }
    }

    fn leave(&mut self, name: u64) -> Left<u64> {
        self.queue.leave(Ticket(name), self.now)
    }

    /// Leaves; gives who may go.
    fn then(&mut self, name: u64) -> Vec<u64> {
        let wakes = self.leave(name).wakes;
        wakes
            .iter()
            .filter(|wake| wake.outcome.is_ok())
            .map(|wake| wake.waiter)
            .collect()
    }

    /// Applies the deadlines; gives whose waits ended, and whether by a grant.
    fn expire(&mut self) -> (Vec<(u64, bool)>, Vec<Limited>) {
        let Expired { wakes, overdue } = self.queue.expire(self.now);
        let wakes = wakes
            .iter()
            .map(|wake| (wake.waiter, wake.outcome.is_ok()))
            .collect();
        (
            wakes,
            overdue
                .iter()
                .map(|(ticket, action)| (ticket.0, *action))
                .collect(),
        )
    }
}

#[test]
fn who_finds_the_lane_free_holds_it_until_the_hold_limit() {
    let mut scene = Scene::new();
    let grant = scene.holds(1, Exclusive);
    assert_eq!(
        grant,
        Grant {
            at: scene.start,
            deadline: scene.start + scene.limits.hold_limit
        }
    );
}

#[test]
fn writers_go_one_at_a_time_in_order_of_arrival() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    assert_eq!(
        [scene.waits(2, Exclusive), scene.waits(3, Exclusive)],
        [1, 2]
    );
    assert_eq!(scene.then(1), [2]);
    assert_eq!(scene.then(2), [3]);
    assert!(scene.then(3).is_empty());
    assert!(scene.queue.is_empty());
}

#[test]
fn readers_hold_together() {
    let mut scene = Scene::new();
    scene.holds(1, Shared);
    scene.holds(2, Shared);
}

#[test]
fn readers_at_the_head_of_the_line_go_together_and_a_writer_stops_those_behind_it() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    for (name, hold) in [(2, Shared), (3, Shared), (4, Exclusive), (5, Shared)] {
        scene.waits(name, hold);
    }
    assert_eq!(scene.then(1), [2, 3]);
    assert!(scene.then(3).is_empty());
    assert_eq!(scene.then(2), [4]);
    assert_eq!(scene.then(4), [5]);
}

#[test]
fn a_reader_behind_a_waiting_writer_waits() {
    let mut scene = Scene::new();
    scene.holds(1, Shared);
    scene.waits(2, Exclusive);
    assert_eq!(scene.waits(3, Shared), 2);
}

#[test]
fn a_waiter_that_leaves_changes_nobody_elses_order() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    for name in 2..=5 {
        scene.waits(name, Exclusive);
    }
    assert_eq!(scene.leave(3).was, Was::Waiting(3));
    assert_eq!(
        [scene.then(1), scene.then(2), scene.then(4)],
        [[2], [4], [5]]
    );
}

#[test]
fn a_waiting_writer_that_leaves_lets_the_readers_behind_it_join_the_readers_inside() {
    let mut scene = Scene::new();
    scene.holds(1, Shared);
    scene.waits(2, Exclusive);
    scene.waits(3, Shared);
    assert_eq!(scene.then(2), [3]);
}

#[test]
fn the_queue_limit_counts_waiters_and_not_holders() {
    let mut scene = Scene::new();
    scene.limits.waiters = 2;
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.waits(3, Shared);
    assert_eq!(scene.join(4, Exclusive), Err(Full::Lane { waiting: 2 }));
    scene.then(1);
    scene.waits(4, Exclusive);
}

#[test]
fn with_a_queue_limit_of_0_nobody_may_wait_but_a_free_lane_is_given() {
    let mut scene = Scene::new();
    scene.limits.waiters = 0;
    scene.holds(1, Shared);
    scene.holds(2, Shared);
    assert_eq!(scene.join(3, Exclusive), Err(Full::Lane { waiting: 0 }));
}

#[test]
fn each_arrival_is_measured_by_its_own_routes_limit() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.limits.waiters = 1;
    assert_eq!(scene.join(3, Exclusive), Err(Full::Lane { waiting: 1 }));
    scene.limits.waiters = 2;
    scene.waits(3, Exclusive);
}

#[test]
fn who_is_refused_by_its_caller_has_changed_nothing() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    let refuse = || Err::<(u64, ()), _>(Full::AllLanes);
    let refused = scene
        .queue
        .join(Ticket(2), Exclusive, scene.now, &scene.limits, refuse);
    assert_eq!(refused, Err(Full::AllLanes));
    assert_eq!(scene.leave(2).was, Was::Stale);
    assert_eq!(scene.waits(3, Exclusive), 1);
}

#[test]
fn a_waiter_times_out_at_its_own_deadline_wherever_it_stands() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.limits.wait_timeout = seconds(10);
    scene.waits(3, Exclusive);
    scene.limits.wait_timeout = seconds(120);
    scene.waits(4, Exclusive);
    assert_eq!(scene.queue.next_deadline(), Some(scene.start + seconds(10)));
    assert_eq!(scene.at(9).expire(), (vec![], vec![]));
    assert_eq!(scene.at(10).expire(), (vec![(3, false)], vec![]));
    assert_eq!(scene.leave(3).was, Was::Stale);
    assert_eq!([scene.then(1), scene.then(2)], [[2], [4]]);
}

#[test]
fn a_waiting_writer_that_times_out_lets_the_readers_behind_it_go() {
    let mut scene = Scene::new();
    scene.holds(1, Shared);
    scene.limits.wait_timeout = seconds(5);
    scene.waits(2, Exclusive);
    scene.limits.wait_timeout = seconds(50);
    scene.waits(3, Shared);
    assert_eq!(scene.at(5).expire(), (vec![(2, false), (3, true)], vec![]));
}

#[test]
fn the_hold_limit_runs_from_the_grant_and_moves_the_lane_on() {
    for action in [OnHoldLimit::Release, OnHoldLimit::Abort] {
        let mut scene = Scene::new();
        scene.limits.on_hold_limit = action;
        scene.limits.wait_timeout = seconds(1000);
        scene.holds(1, Exclusive);
        scene.waits(2, Exclusive);
        assert_eq!(scene.at(129).expire(), (vec![], vec![]));
        assert_eq!(scene.at(130).expire(), (vec![(2, true)], vec![(1, action)]));
        assert_eq!(scene.queue.standing(Ticket(1)), None);
        assert_eq!(scene.queue.standing(Ticket(2)), Some(Standing::InTime));
        assert_eq!(
            scene.queue.next_deadline(),
            Some(scene.start + seconds(260))
        );
    }
}

#[test]
fn a_stale_ticket_cannot_disturb_the_next_holder() {
    let mut scene = Scene::new();
    scene.limits.wait_timeout = seconds(1000);
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.waits(3, Exclusive);
    scene.at(130).expire();
    let left = scene.leave(1);
    assert_eq!(left.was, Was::Stale);
    assert!(left.wakes.is_empty());
    assert_eq!(scene.then(2), [3]);
}

#[test]
fn a_hold_limit_that_waits_is_reported_once_and_keeps_the_lane() {
    let mut scene = Scene::new();
    scene.limits.on_hold_limit = OnHoldLimit::Wait;
    scene.limits.wait_timeout = seconds(1000);
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    assert_eq!(
        scene.at(130).expire(),
        (vec![], vec![(1, OnHoldLimit::Wait)])
    );
    assert_eq!(scene.queue.standing(Ticket(1)), Some(Standing::Overdue));
    assert_eq!(scene.at(500).expire(), (vec![], vec![]));
    assert_eq!(scene.leave(1).was, Was::Holding(seconds(500)));
}

#[test]
fn shared_holders_have_their_own_hold_limits() {
    let mut scene = Scene::new();
    scene.holds(1, Shared);
    scene.limits.hold_limit = seconds(3);
    scene.holds(2, Shared);
    scene.waits(3, Exclusive);
    assert_eq!(
        scene.at(3).expire(),
        (vec![], vec![(2, OnHoldLimit::Release)])
    );
    assert_eq!(scene.then(1), [3]);
}

#[test]
fn a_late_expire_decides_in_the_order_in_which_the_deadlines_passed() {
    let mut scene = Scene::new();
    scene.limits.hold_limit = seconds(10);
    scene.holds(1, Exclusive);
    scene.limits.wait_timeout = seconds(9);
    scene.waits(2, Exclusive);
    scene.limits.wait_timeout = seconds(11);
    scene.waits(3, Exclusive);
    scene.waits(4, Exclusive);
    let (wakes, overdue) = scene.at(12).expire();
    assert_eq!(wakes, [(2, false), (3, true), (4, false)]);
    assert_eq!(overdue, [(1, OnHoldLimit::Release)]);
}

#[test]
fn of_a_hold_limit_and_a_wait_timeout_at_the_same_moment_the_waiter_goes() {
    let mut scene = Scene::new();
    scene.limits.hold_limit = seconds(10);
    scene.limits.wait_timeout = seconds(10);
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    assert_eq!(scene.at(10).expire().0, [(2, true)]);
}

#[test]
fn a_limit_beyond_what_the_clock_can_express_is_as_good_as_never() {
    let mut scene = Scene::new();
    scene.limits.hold_limit = Duration::MAX;
    scene.limits.wait_timeout = Duration::MAX;
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    assert_eq!(scene.at(3600 * 24 * 365).expire(), (vec![], vec![]));
}

#[test]
fn passes_are_bounded_and_stand_in_nobodys_way() {
    let mut scene = Scene::new();
    scene.limits.max_passed = 1;
    assert_eq!(scene.queue.pass(Ticket(1), &scene.limits), Ok(()));
    assert_eq!(
        scene.queue.pass(Ticket(2), &scene.limits),
        Err(Full::Passed)
    );
    scene.holds(3, Exclusive);
    scene.leave(3);
    assert!(!scene.queue.is_empty());
    assert_eq!(scene.leave(1).was, Was::Passed);
    assert!(scene.queue.is_empty());
}

#[test]
fn closing_ends_all_waits_and_leaves_the_holders() {
    let mut scene = Scene::new();
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.waits(3, Shared);
    let closed = scene.queue.close();
    let ends: Vec<_> = closed
        .iter()
        .map(|wake| (wake.waiter, wake.outcome))
        .collect();
    assert_eq!(
        ends,
        [(2, Err(WaitEnded::Closed)), (3, Err(WaitEnded::Closed))]
    );
    assert_eq!(scene.queue.standing(Ticket(1)), Some(Standing::InTime));
    assert!(scene.then(1).is_empty());
    assert!(scene.queue.is_empty());
}

#[test]
fn the_estimate_is_the_rest_of_the_usual_hold_and_one_more_for_each_waiting_writer() {
    let mut scene = Scene::new();
    assert_eq!(scene.queue.estimate(scene.now), Duration::ZERO);
    scene.holds(1, Exclusive);
    scene.waits(2, Exclusive);
    scene.at(8);
    assert_eq!(
        scene.queue.estimate(scene.now),
        seconds(16),
        "as long again, for each"
    );
    scene.then(1); // The usual hold is 8 s from here on.
    scene.waits(3, Exclusive);
    scene.waits(4, Shared);
    assert_eq!(scene.queue.estimate(scene.now + seconds(2)), seconds(6 + 8));
    assert_eq!(
        scene.queue.estimate(scene.now + seconds(20)),
        seconds(20 + 8)
    );
    scene.at(8 + 4).then(2);
    assert_eq!(
        scene.queue.estimate(scene.now),
        seconds(7),
        "a quarter of 4 s, the rest of 8 s"
    );
}
