//! The cap on the waiters of all lanes together, when cores race for the last places.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::super::waiters::Waiters;
use super::super::{Hold, Joined, Lanes};
use super::limits;
use crate::session::SessionKey;

#[test]
fn however_many_race_no_more_are_counted_than_the_cap_allows() {
    for _ in 0..300 {
        let waiters = Arc::new(Waiters::default());
        assert_eq!(let_in(|_| waiters.admit(CAP).ok()), CAP);
        assert_eq!(waiters.count(), 0, "all have gone again");
    }
}

#[test]
fn the_cap_holds_for_the_lanes_of_all_sessions_together() {
    for _ in 0..300 {
        let lanes = Arc::new(Lanes::default());
        let join = |key, max| lanes.join(key, Hold::Exclusive, &limits(), max);
        let keys: Vec<_> = (0..RACERS as u64).map(SessionKey::for_test).collect();
        let permits: Vec<_> = keys.iter().map(|key| join(*key, 0).unwrap()).collect();
        let admitted = let_in(|racer| match join(keys[racer], CAP) {
            Ok(Joined::Waiting(waiting)) => Some(waiting),
            Ok(Joined::Granted(_)) | Err(_) => None,
        });
        assert_eq!(admitted, CAP);
        drop(permits);
        assert_eq!((lanes.counts().lanes, lanes.counts().waiting), (0, 0));
    }
}

#[test]
fn a_cap_that_checks_and_then_adds_is_found_out() {
    let (count, all_have_checked) = (AtomicUsize::new(0), Barrier::new(RACERS));
    let admitted = let_in(|_| {
        let has_room = count.load(Ordering::SeqCst) < CAP;
        all_have_checked.wait();
        has_room.then(|| count.fetch_add(1, Ordering::SeqCst))
    });
    assert!(admitted > CAP);
}

const RACERS: usize = 6;
const CAP: usize = 2;

/// Lets racers try to get in at the same time; how many were in together.
fn let_in<P: Send>(try_to: impl Fn(usize) -> Option<P> + Sync) -> usize {
    let start = Barrier::new(RACERS);
    let (start, try_to) = (&start, &try_to);
    thread::scope(|scope| {
        let race = |racer| {
            scope.spawn(move || {
                start.wait();
                try_to(racer)
            })
        };
        let racers: Vec<_> = (0..RACERS).map(race).collect();
        let places: Vec<_> = racers
            .into_iter()
            .filter_map(|racer| racer.join().unwrap())
            .collect();
        places.len()
    })
}
