//! Observe mode: what would have happened.

use super::super::queue::{Queue, Ticket, Was};
use super::super::{Arrival, Hold, Stay};
use super::{One, limits};
use Hold::{Exclusive, Shared};

#[test]
fn who_finds_a_writer_inside_would_have_waited() {
    let one = One::new();
    let observe = |hold| one.lanes.observe(one.key, hold, &limits());
    let reader = observe(Shared);
    let writer = observe(Exclusive);
    assert_eq!(reader.arrival(), Arrival::Free);
    assert_eq!(writer.arrival(), Arrival::Free, "only readers were inside");
    assert_eq!(observe(Shared).arrival(), Arrival::WouldWait);
    assert_eq!(observe(Exclusive).arrival(), Arrival::WouldWait);
    drop(writer);
    assert_eq!(observe(Exclusive).arrival(), Arrival::Free);
}

#[test]
fn who_finds_more_inside_than_one_and_a_full_line_would_have_been_refused() {
    let one = One::new();
    let mut limits = limits();
    limits.waiters = 1;
    let stays: Vec<_> = (0..3)
        .map(|_| one.lanes.observe(one.key, Exclusive, &limits))
        .collect();
    let arrivals: Vec<_> = stays.iter().map(super::super::Observed::arrival).collect();
    assert_eq!(
        arrivals,
        [Arrival::Free, Arrival::WouldWait, Arrival::WouldBeRefused]
    );
    let counts = one.lanes.counts();
    assert_eq!((counts.would_wait, counts.would_refuse), (2, 1));
    drop(stays);
    assert!(one.is_gone());
}

#[test]
fn a_request_within_the_time_of_an_earlier_writer_is_nested() {
    let one = One::new();
    let observe = |hold| one.lanes.observe(one.key, hold, &limits());
    let around = observe(Exclusive);
    let within = observe(Exclusive);
    let reader = observe(Shared);
    assert_eq!(within.end(), Stay::Nested);
    drop(reader);
    let overlapping = observe(Exclusive);
    assert_eq!(
        around.end(),
        Stay::Ordinary,
        "a later one inside proves nothing"
    );
    assert_eq!(overlapping.end(), Stay::Ordinary);
    assert_eq!(one.lanes.counts().nested, 2, "an end by drop counts too");
    assert!(one.is_gone());
}

#[test]
fn a_request_within_the_time_of_an_earlier_reader_is_not_nested() {
    let one = One::new();
    let _around = one.lanes.observe(one.key, Shared, &limits());
    assert_eq!(
        one.lanes.observe(one.key, Exclusive, &limits()).end(),
        Stay::Ordinary
    );
}

/// ASP.NET's waiters poll: whoever asks first when the lock is free gets it.
#[test]
fn who_overtakes_another_waiter_of_the_applications_lock_is_not_nested() {
    let one = One::new();
    let observe = || one.lanes.observe(one.key, Exclusive, &limits());
    let (holder, waiter, overtaking) = (observe(), observe(), observe());
    assert_eq!(holder.end(), Stay::Ordinary);
    assert_eq!(overtaking.end(), Stay::Ordinary);
    assert_eq!(waiter.end(), Stay::Ordinary);
    assert_eq!(one.lanes.counts().nested, 0);
}

#[test]
fn who_is_observed_is_in_nobodys_way() {
    let one = One::new();
    let _observed = one.lanes.observe(one.key, Exclusive, &limits());
    let permit = one.granted(Exclusive, &limits());
    assert_eq!(
        one.lanes.observe(one.key, Exclusive, &limits()).arrival(),
        Arrival::WouldWait
    );
    drop(permit);
}

#[test]
fn what_was_never_observed_has_no_stay() {
    let mut queue = Queue::<()>::default();
    assert_eq!(
        queue.leave(Ticket(1), std::time::Instant::now()).was,
        Was::Stale
    );
}
