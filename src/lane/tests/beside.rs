//! Holding a lane beside its holder: at once, bounded, and free only when all have left; with the time in hand.

use std::time::Instant;

use proptest::prelude::*;

use super::super::queue::{NotBeside, Part, Queue, Ticket, Turn, Was};
use super::super::{Hold, Joined, Limits, OnHoldLimit, Overdue, Permit};
use super::{One, limits, seconds};
use crate::session::SessionKey;
use Hold::{Exclusive, Shared};

struct Scene {
    queue: Queue<u64>,
    start: Instant,
    now: Instant,
    limits: Limits,
}

impl Scene {
    /// A lane that 1 holds, and that 2 waits for.
    fn new() -> Self {
        let start = Instant::now();
        let mut scene = Self {
            queue: Queue::default(),
            start,
            now: start,
            limits: limits(),
        };
        assert!(matches!(scene.join(1), Turn::Now(_)));
        assert!(matches!(scene.join(2), Turn::Later { .. }));
        scene
    }

    fn join(&mut self, name: u64) -> Turn<()> {
        self.queue
            .join(Ticket(name), Exclusive, self.now, &self.limits, || {
                Ok((name, ()))
            })
            .unwrap()
    }

    fn beside(&mut self, name: u64, outer: u64) -> Result<(), NotBeside> {
        self.queue
            .reenter(
                Ticket(name),
                Ticket(outer),
                Exclusive,
                Part::Whole,
                self.now,
                &self.limits,
            )
            .map(drop)
    }

    /// Leaves; gives who may go.
    fn then(&mut self, name: u64) -> Vec<u64> {
        let left = self.queue.leave(Ticket(name), self.now);
        left.wakes.iter().map(|wake| wake.waiter).collect()
    }
}

#[test]
fn who_is_beside_the_holder_does_not_wait_and_the_line_does() {
    let mut scene = Scene::new();
    assert_eq!(scene.beside(3, 1), Ok(()));
    assert!(scene.then(3).is_empty(), "the holder is still inside");
    assert_eq!(scene.then(1), [2]);
}

#[test]
fn the_lane_is_free_when_both_have_left_in_whatever_order() {
    let mut scene = Scene::new();
    scene.beside(3, 1).unwrap();
    assert!(scene.then(1).is_empty(), "the other one still holds");
    assert_eq!(scene.then(3), [2]);
}

#[test]
fn only_who_holds_lets_in_and_only_as_long_as_it_holds() {
    let mut scene = Scene::new();
    assert_eq!(scene.beside(3, 2), Err(NotBeside::Stale), "2 only waits");
    assert_eq!(scene.beside(3, 9), Err(NotBeside::Stale), "nobody is 9");
    assert_eq!(scene.then(1), [2]);
    assert_eq!(scene.beside(3, 1), Err(NotBeside::Stale), "1 has left");
    assert_eq!(scene.beside(3, 2), Ok(()));
    assert!(matches!(
        scene.queue.leave(Ticket(3), scene.now).was,
        Was::Holding(_)
    ));
}

#[test]
fn who_was_let_in_lets_in_also_after_the_first_has_left() {
    let mut scene = Scene::new();
    scene.beside(3, 1).unwrap();
    assert!(scene.then(1).is_empty());
    assert_eq!(scene.beside(4, 3), Ok(()));
    assert!(scene.then(3).is_empty());
    assert_eq!(scene.then(4), [2]);
}

#[test]
fn no_more_than_max_passed_hold_beside_others() {
    let mut scene = Scene::new();
    scene.limits.max_passed = 2;
    assert_eq!(scene.beside(3, 1), Ok(()));
    assert_eq!(scene.beside(4, 3), Ok(()));
    assert_eq!(scene.beside(5, 4), Err(NotBeside::Full));
    scene.then(3);
    assert_eq!(scene.beside(5, 4), Ok(()));
}

#[test]
fn a_chain_of_calls_holds_the_lane_no_longer_than_the_first_may() {
    let mut scene = Scene::new();
    for name in 3..13 {
        scene.now += seconds(20);
        // The one before has ended and left the rest to the next.
        let outer = if name == 3 { 1 } else { name - 1 };
        if scene.beside(name, outer).is_ok() {
            assert!(scene.then(outer).is_empty());
        }
        if scene.now >= scene.start + scene.limits.hold_limit {
            break;
        }
    }
    let expired = scene.queue.expire(scene.now);
    assert_eq!(expired.overdue.len(), 1);
    // The hold limit lets 2 go, as without the chain.
    let went: Vec<u64> = expired.wakes.iter().map(|wake| wake.waiter).collect();
    assert_eq!(went, [2]);
}

#[test]
fn what_is_made_beside_does_not_count_as_a_usual_hold() {
    let mut scene = Scene::new();
    scene.now += seconds(10);
    for name in 3..8 {
        scene.beside(name, 1).unwrap();
        assert!(scene.then(name).is_empty());
    }
    assert_eq!(scene.then(1), [2]);
    // Nobody but 2 is ahead, and 2 has just begun: the estimate is the one hold of ten seconds.
    assert_eq!(scene.queue.estimate(scene.now), seconds(10));
}

#[test]
fn a_writer_beside_a_reader_keeps_other_readers_out_until_it_has_left() {
    let mut queue: Queue<u64> = Queue::default();
    let (now, limits) = (Instant::now(), limits());
    let join = |queue: &mut Queue<u64>, name| {
        queue.join(Ticket(name), Shared, now, &limits, || Ok((name, ())))
    };
    assert!(matches!(join(&mut queue, 1), Ok(Turn::Now(_))));
    queue
        .reenter(Ticket(2), Ticket(1), Exclusive, Part::Whole, now, &limits)
        .unwrap();
    assert!(matches!(join(&mut queue, 3), Ok(Turn::Later { .. })));
    let went: Vec<u64> = queue
        .leave(Ticket(2), now)
        .wakes
        .iter()
        .map(|wake| wake.waiter)
        .collect();
    assert_eq!(went, [3]);
}

#[tokio::test(start_paused = true)]
async fn a_permit_beside_another_is_counted_and_leaves_nothing_behind() {
    let one = One::new();
    let outer = one.granted(Exclusive, &limits());
    let beside = one
        .lanes
        .reenter(one.key, &[], outer.ticket(), Exclusive, &limits())
        .unwrap();
    let waiting = one.waiting(Exclusive, &limits());
    assert_eq!(one.lanes.counts().holding, 2);
    drop(outer);
    assert_eq!(one.lanes.counts().waiting, 1, "the inner one holds on");
    drop(beside);
    drop(waiting.turn().await.unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_another_lane_is_none_here_and_makes_no_lane() {
    let one = One::new();
    let outer = one.granted(Exclusive, &limits());
    let other = SessionKey::for_test(2);
    let tried = one
        .lanes
        .reenter(other, &[], outer.ticket(), Exclusive, &limits());
    assert_eq!(tried.err(), Some(NotBeside::Stale));
    assert_eq!(one.lanes.counts().lanes, 1);
}

#[tokio::test(start_paused = true)]
async fn the_hold_limit_of_the_outer_one_ends_the_inner_one_too() {
    let one = One::new();
    let outer = one.granted(Exclusive, &limits());
    let longer = Limits {
        hold_limit: seconds(1000),
        on_hold_limit: OnHoldLimit::Release,
        ..limits()
    };
    let mut inner = one
        .lanes
        .reenter(one.key, &[], outer.ticket(), Exclusive, &longer)
        .unwrap();
    assert_eq!(inner.hold_deadline(), outer.hold_deadline());
    drop(outer);
    tokio::time::advance(limits().hold_limit).await;
    assert_eq!(inner.overdue(), Overdue::Released);
    assert!(matches!(
        one.join(Exclusive, &limits()),
        Ok(Joined::Granted(_))
    ));
    drop(inner);
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_as_old_as_its_use_without_a_break() {
    let one = One::new();
    assert_eq!(one.lanes.age(one.key), seconds(0), "there is none");
    let first = one.granted(Exclusive, &limits());
    let second = one.waiting(Exclusive, &limits());
    tokio::time::advance(seconds(3)).await;
    drop(first);
    let second = second.turn().await.unwrap();
    assert_eq!(one.lanes.age(one.key), seconds(3));
    drop(second);
    assert_eq!(one.lanes.age(one.key), seconds(0));
    let _again = one.granted(Exclusive, &limits());
    assert_eq!(one.lanes.age(one.key), seconds(0), "a new lane");
}

/// Two lanes that one request holds.
fn two_lanes() -> (One, SessionKey, Permit) {
    let (one, shared) = (One::new(), SessionKey::for_test(2));
    let joined = one
        .lanes
        .join_all(one.key, &[shared], Exclusive, &limits(), 1000);
    match joined {
        Ok(Joined::Granted(permit)) => (one, shared, permit),
        other => panic!("expected a permit, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn several_lanes_are_held_beside_the_holder_of_all_of_them() {
    let (one, shared, outer) = two_lanes();
    let inner = one
        .lanes
        .reenter(one.key, &[shared], outer.ticket(), Exclusive, &limits())
        .unwrap();
    assert_eq!(one.lanes.counts().holding, 2);
    drop(outer);
    let neighbour = one.lanes.join(shared, Exclusive, &limits(), 1000);
    let Ok(Joined::Waiting(neighbour)) = neighbour else {
        panic!("the shared lane is still held: {neighbour:?}");
    };
    drop(inner);
    drop(neighbour.turn().await.unwrap());
    assert!(one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn of_several_lanes_all_or_none_are_held_beside_another() {
    let (one, shared, outer) = two_lanes();
    let foreign = SessionKey::for_test(3);
    let tried = one
        .lanes
        .reenter(one.key, &[foreign], outer.ticket(), Exclusive, &limits());
    assert_eq!(tried.err(), Some(NotBeside::Stale));
    assert_eq!(one.lanes.counts().holding, 1);
    assert_eq!(one.lanes.counts().lanes, 2);
    drop(outer);
    assert!(matches!(
        one.lanes.join(shared, Exclusive, &limits(), 1000),
        Ok(Joined::Granted(_))
    ));
    assert!(matches!(
        one.join(Exclusive, &limits()),
        Ok(Joined::Granted(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_only_reserved_lets_nobody_in() {
    let (one, shared) = (One::new(), SessionKey::for_test(2));
    let _other = one.granted(Exclusive, &limits());
    // Its second lane is free and reserved for it while it waits for the first; it has told nobody its ticket.
    let joined = one
        .lanes
        .join_all(one.key, &[shared], Exclusive, &limits(), 1000);
    let Ok(Joined::Waiting(_waiting)) = joined else {
        panic!("it should wait: {joined:?}");
    };
    for number in 0..10 {
        let tried = one
            .lanes
            .reenter(shared, &[], Ticket(number), Exclusive, &limits());
        assert_eq!(tried.err(), Some(NotBeside::Stale));
    }
}

/// What may happen to a lane; the numbers choose among those who are there.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join(Hold),
    Beside(u8, Hold),
    Leave(u8),
    Pass(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let hold = || prop_oneof![3 => Just(Exclusive), 1 => Just(Shared)];
    prop_oneof![
        3 => hold().prop_map(Step::Join),
        3 => (any::<u8>(), hold()).prop_map(|(whose, hold)| Step::Beside(whose, hold)),
        4 => any::<u8>().prop_map(Step::Leave),
        1 => (0..200_u8).prop_map(Step::Pass),
    ]
}

/// A lane, and who holds it as far as its answers tell.
#[derive(Default)]
struct Told {
    queue: Queue<(u64, Hold)>,
    holders: Vec<(u64, Hold)>,
}

impl Told {
    /// Those whose turn has come: nobody else may be inside, but for readers with readers.
    fn grant(&mut self, granted: impl IntoIterator<Item = (u64, Hold)>) {
        for (name, hold) in granted {
            let alone = self.holders.is_empty();
            let readers = self.holders.iter().all(|(_, other)| *other == Shared);
            assert!(
                alone || (hold == Shared && readers),
                "{name} beside {:?}",
                self.holders
            );
            self.holders.push((name, hold));
        }
    }

    fn step(&mut self, step: Step, name: u64, now: &mut Instant) {
        let limits = limits();
        match step {
            Step::Join(hold) => {
                let joined = self
                    .queue
                    .join(Ticket(name), hold, *now, &limits, || Ok(((name, hold), ())));
                if let Ok(Turn::Now(_)) = joined {
                    self.grant([(name, hold)]);
                }
            }
            Step::Beside(whose, hold) => {
                let outer = pick(&self.holders, whose).unwrap_or(name);
                let (ticket, outer) = (Ticket(name), Ticket(outer));
                let entered = self
                    .queue
                    .reenter(ticket, outer, hold, Part::Whole, *now, &limits);
                if entered.is_ok() {
                    self.holders.push((name, hold));
                } else {
                    assert!(self.holders.is_empty() || entered == Err(NotBeside::Full));
                }
            }
            Step::Leave(whose) => {
                if let Some(name) = pick(&self.holders, whose) {
                    self.holders.retain(|(holder, _)| *holder != name);
                    let left = self.queue.leave(Ticket(name), *now);
                    self.grant(left.wakes.into_iter().map(|wake| wake.waiter));
                }
            }
            Step::Pass(time) => {
                *now += seconds(time.into());
                let expired = self.queue.expire(*now);
                let over: Vec<u64> = expired.overdue.iter().map(|(ticket, _)| ticket.0).collect();
                self.holders.retain(|(holder, _)| !over.contains(holder));
                let granted = expired
                    .wakes
                    .into_iter()
                    .filter(|wake| wake.outcome.is_ok());
                self.grant(granted.map(|wake| wake.waiter));
            }
        }
    }
}

fn pick(holders: &[(u64, Hold)], whose: u8) -> Option<u64> {
    let index = usize::from(whose).checked_rem(holders.len())?;
    Some(holders[index].0)
}

proptest! {
    #[test]
    fn whatever_happens_nobody_takes_a_turn_beside_such_holders_and_the_lane_ends_empty(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (mut told, mut now) = (Told::default(), Instant::now());
        for (name, step) in (0..).zip(steps) {
            told.step(step, name, &mut now);
        }
        while !told.holders.is_empty() {
            told.step(Step::Leave(0), u64::MAX, &mut now);
        }
        prop_assert!(told.queue.is_empty());
    }
}
