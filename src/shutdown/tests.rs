//! What the listeners learn, and when the last request has ended.

use std::thread;

use tokio::runtime::Builder;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use super::*;

#[test]
fn the_state_only_moves_forward() {
    let drain = Drain::new();
    let listener = drain.listen();
    assert!(!listener.is_draining());
    drain.close();
    drain.begin();
    assert!(listener.is_draining());
    assert_ready!(spawn(listener.closed()).poll());
}

#[test]
fn a_listener_is_woken_by_the_step_it_waits_for_and_by_no_other() {
    let drain = Drain::new();
    let listener = drain.listen();
    let (mut draining, mut closed) = (spawn(listener.draining()), spawn(listener.closed()));
    assert_pending!(draining.poll());
    assert_pending!(closed.poll());
    drain.begin();
    assert!(draining.is_woken());
    assert_ready!(draining.poll());
    assert_pending!(closed.poll());
    drain.close();
    assert_ready!(closed.poll());
}

#[test]
fn who_listens_late_learns_of_it_at_once() {
    let drain = Drain::new();
    let early = drain.listen();
    drain.begin();
    assert_ready!(spawn(drain.listen().draining()).poll());
    assert_ready!(spawn(early.clone().draining()).poll());
    assert_ready!(spawn(early.draining()).poll());
}

#[test]
fn a_dropped_drain_ends_the_waiting() {
    let drain = Drain::new();
    let listener = drain.listen();
    drop(drain);
    assert_ready!(spawn(listener.closed()).poll());
}

#[test]
fn who_leaves_still_accepts() {
    let drain = Drain::new();
    let listener = drain.listen();
    assert!(!listener.is_leaving());
    drain.leave();
    assert!(listener.is_leaving() && !listener.is_draining());
    drain.begin();
    drain.leave();
    assert!(listener.is_leaving() && listener.is_draining());
}

#[test]
fn a_place_is_deserted_when_the_last_who_was_expected_has_left_whatever_is_in_flight() {
    let drain = Drain::new();
    let listener = drain.listen();
    assert_ready!(spawn(drain.deserted()).poll());
    let (acceptor, request) = (listener.expect(), listener.enter());
    let mut deserted = spawn(drain.deserted());
    assert_pending!(deserted.poll());
    let connection = listener.expect();
    drop(acceptor);
    assert!(!deserted.is_woken());
    drop(connection);
    assert_ready!(deserted.poll());
    assert_eq!(drain.in_flight(), 1);
    drop(request);
}

#[test]
fn idle_waits_for_the_last_request_in_flight() {
    let drain = Drain::new();
    let listener = drain.listen();
    let (first, second) = (listener.enter(), listener.enter());
    let mut idle = spawn(drain.idle());
    assert_pending!(idle.poll());
    drop(first);
    assert_eq!(drain.in_flight(), 1);
    assert!(!idle.is_woken());
    drop(second);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}

#[test]
fn idle_goes_on_waiting_when_another_request_came_in_between() {
    let drain = Drain::new();
    let listener = drain.listen();
    let first = listener.enter();
    let mut idle = spawn(drain.idle());
    assert_pending!(idle.poll());
    drop(first);
    let second = listener.enter();
    assert!(idle.is_woken());
    assert_pending!(idle.poll());
    drop(second);
    assert_ready!(idle.poll());
}

#[test]
fn threads_with_their_own_runtimes_share_one_drain() {
    let drain = Drain::new();
    let (told, tells) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..3 {
            let (listener, told) = (drain.listen(), told.clone());
            scope.spawn(move || {
                let runtime = Builder::new_current_thread().build().unwrap();
                let request = listener.enter();
                told.send("running").unwrap();
                runtime.block_on(listener.draining());
                told.send("draining").unwrap();
                drop(request);
            });
        }
        (0..3).for_each(|_| assert_eq!(tells.recv(), Ok("running")));
        assert_eq!(drain.in_flight(), 3);
        drain.begin();
        (0..3).for_each(|_| assert_eq!(tells.recv(), Ok("draining")));
        Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(drain.idle());
        assert_eq!(drain.in_flight(), 0);
    });
}
