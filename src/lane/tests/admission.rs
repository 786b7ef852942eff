//! Who is told at once that its turn would come too late, and who may wait all the same; with the time in hand.

use std::time::{Duration, Instant};

use super::super::queue::{Full, Queue, Ticket, Turn};
use super::super::{Admission, Hold, Limits};
use super::{limits, seconds};
use Hold::{Exclusive, Shared};

/// A lane, its clock, and the next ticket.
struct Scene {
    queue: Queue<()>,
    now: Instant,
    limits: Limits,
    tickets: u64,
}

impl Scene {
    /// A lane whose waiters have ten seconds.
    fn new(admission: Admission) -> Self {
        Self {
            queue: Queue::default(),
            now: Instant::now(),
            limits: Limits {
                wait_timeout: seconds(10),
                admission,
                ..limits()
            },
            tickets: 0,
        }
    }

    fn join(&mut self, hold: Hold) -> Result<Turn<()>, Full> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.queue
            .join(ticket, hold, self.now, &self.limits, || Ok(((), ())))
    }

    /// The longest-standing ticket leaves after `held`.
    fn passes(&mut self, ticket: u64, held: Duration) {
        self.now += held;
        self.queue.leave(Ticket(ticket), self.now);
    }

    /// So many writers join; how many of them may wait, and what the next one is told.
    fn burst(&mut self, writers: usize) -> (usize, Option<Full>) {
        let mut admitted = 0;
        for _ in 0..writers {
            match self.join(Exclusive) {
                Ok(_) => admitted += 1,
                Err(full) => return (admitted, Some(full)),
            }
        }
        (admitted, None)
    }
}

/// A lane whose last hold took `held`, and whose next one has just begun; its tickets go from 2.
fn after_a_hold_of(held: Duration, admission: Admission) -> Scene {
    let mut scene = Scene::new(admission);
    scene.join(Exclusive).unwrap();
    scene.join(Exclusive).unwrap();
    scene.passes(1, held);
    scene
}

#[test]
fn who_would_have_its_turn_after_the_wait_timeout_is_told_at_once() {
    let mut scene = after_a_hold_of(seconds(3), Admission::Estimate);
    // Behind 1, 2 and 3 writers of 3 s there are 3, 6 and 9 s to wait; behind 4 there are 12.
    let (admitted, told) = scene.burst(10);
    assert_eq!((admitted, told), (3, Some(Full::TooLate { position: 4 })));
}

#[test]
fn without_the_estimate_the_same_may_wait() {
    let mut scene = after_a_hold_of(seconds(3), Admission::Off);
    assert_eq!(scene.burst(10), (10, None));
}

#[test]
fn a_turn_at_the_very_end_of_the_wait_is_in_time() {
    let mut scene = after_a_hold_of(seconds(5), Admission::Estimate);
    assert_eq!(scene.burst(2).0, 2, "5 s and 10 s");
    assert!(matches!(scene.join(Exclusive), Err(Full::TooLate { .. })));
}

#[test]
fn nobody_is_turned_away_as_long_as_no_hold_has_ended() {
    let mut scene = Scene::new(Admission::Estimate);
    scene.join(Exclusive).unwrap();
    scene.now += seconds(100);
    assert_eq!(scene.burst(20), (20, None));
}

#[test]
fn a_free_lane_is_taken_however_long_its_holds_were() {
    let mut scene = Scene::new(Admission::Estimate);
    scene.join(Exclusive).unwrap();
    scene.passes(1, seconds(100));
    assert!(matches!(scene.join(Exclusive), Ok(Turn::Now(_))));
}

#[test]
fn a_lane_whose_holds_have_become_short_admits_again() {
    let mut scene = after_a_hold_of(seconds(6), Admission::Estimate);
    assert_eq!(scene.burst(2), (1, Some(Full::TooLate { position: 2 })));
    // Each short hold lets one more in behind it, and the average falls.
    for holder in 2..20 {
        scene.passes(holder, Duration::from_millis(10));
        scene.join(Exclusive).unwrap();
        if let Ok(Turn::Later { .. }) = scene.join(Exclusive) {
            return;
        }
        scene.tickets -= 1;
    }
    panic!("it never admits two again");
}

#[test]
fn readers_ahead_take_no_turns_of_their_own() {
    let mut scene = after_a_hold_of(seconds(9), Admission::Estimate);
    for _ in 0..5 {
        assert!(scene.join(Shared).is_ok());
    }
    assert!(scene.join(Exclusive).is_ok());
    assert_eq!(scene.join(Shared), Err(Full::TooLate { position: 7 }));
}

#[test]
fn a_full_line_is_full_before_it_is_late() {
    let mut scene = after_a_hold_of(seconds(9), Admission::Estimate);
    scene.limits.waiters = 0;
    assert_eq!(scene.join(Exclusive), Err(Full::Lane { waiting: 0 }));
}
