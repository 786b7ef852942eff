//! What operators see of the lanes, and what they may do.

use http::Method;
use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::Hold::{Exclusive, Shared};
use super::*;
use crate::lane::{NotRevoked, Note, Overdue, State};

fn note(path: &'static str) -> Option<Note> {
    Some(Note {
        route: Arc::from("a route"),
        method: Method::GET,
        target: PathAndQuery::from_static(path),
    })
}

fn join(one: &One, key: SessionKey, hold: Hold, path: &'static str, limits: &Limits) -> Joined {
    let joined = one
        .lanes
        .join_noted(key, &[], hold, limits, 1000, note(path));
    joined.unwrap()
}

fn granted(joined: Joined) -> Permit {
    match joined {
        Joined::Granted(permit) => permit,
        Joined::Waiting(waiting) => panic!("{waiting:?}"),
    }
}

fn waiting(joined: Joined) -> Waiting {
    match joined {
        Joined::Waiting(waiting) => waiting,
        Joined::Granted(permit) => panic!("{permit:?}"),
    }
}

fn path(note: Option<&Note>) -> Option<&str> {
    note.map(|note| note.target.path())
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_the_notes_of_those_that_are_in_a_lane_and_of_nobody_else() {
    let one = One::new();
    let holder = granted(join(&one, one.key, Exclusive, "/holds", &limits()));
    tokio::time::advance(seconds(2)).await;
    let mut first = waiting(join(&one, one.key, Exclusive, "/waits", &limits()));
    let mut second = waiting(join(&one, one.key, Shared, "/reads", &limits()));
    assert_eq!(path(first.behind().as_deref()), Some("/holds"));
    assert_eq!(path(second.behind().as_deref()), Some("/holds"));
    tokio::time::advance(seconds(1)).await;
    let lanes = one.lanes.snapshot(10).lanes;
    let [lane] = &lanes[..] else {
        panic!("{lanes:?}")
    };
    let paths: Vec<_> = lane
        .waiters
        .iter()
        .map(|waiter| path(waiter.note.as_ref()))
        .collect();
    assert_eq!(paths, [Some("/waits"), Some("/reads")]);
    let holding = &lane.holders[0];
    assert_eq!(path(holding.note.as_ref()), Some("/holds"));
    assert_eq!(
        (holding.state, holding.held),
        (State::Executing, Some(seconds(3)))
    );
    assert_eq!(lane.waiters[0].age, Some(seconds(1)));
    assert_eq!(lane.waiters[0].limit, seconds(119));
    drop((second, holder));
    let lanes = one.lanes.snapshot(10).lanes;
    assert_eq!(path(lanes[0].holders[0].note.as_ref()), Some("/waits"));
    assert_eq!((lanes[0].holding, lanes[0].waiting), (1, 0));
    drop(first);
    assert!(one.lanes.snapshot(10).lanes.is_empty() && one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_behind_several_is_told_which_of_them_held_longest_meanwhile() {
    let one = One::new();
    let joins = |path| join(&one, one.key, Exclusive, path, &limits());
    let earlier = Instant::now().into_std();
    let first = granted(joins("/long-but-mostly-before"));
    tokio::time::advance(seconds(20)).await;
    let (second, third) = (waiting(joins("/slow")), waiting(joins("/quick")));
    let mut last = waiting(joins("/last"));
    let joined = Instant::now().into_std();
    assert_eq!(
        path(last.behind().as_deref()),
        Some("/long-but-mostly-before")
    );
    tokio::time::advance(seconds(2)).await;
    drop(first);
    let second = second.turn().await.unwrap();
    tokio::time::advance(seconds(3)).await;
    drop(second);
    let third = third.turn().await.unwrap();
    tokio::time::advance(seconds(1)).await;
    let longest = |since| one.lanes.held_longest(one.key, since);
    assert_eq!(path(longest(joined).as_deref()), Some("/slow"), "waiting");
    drop(third);
    let last = last.turn().await.unwrap();
    assert_eq!(path(longest(joined).as_deref()), Some("/slow"), "granted");
    // Where most of the time is not accounted for, nobody is blamed.
    let long_ago = earlier - seconds(30);
    assert_eq!(path(longest(long_ago).as_deref()), None);
    drop(last);
    assert!(longest(joined).is_none() && one.is_gone());
}

#[tokio::test(start_paused = true)]
async fn of_a_lane_that_is_never_empty_only_few_past_holds_are_kept_and_the_longest_is_among_them()
{
    let one = One::new();
    let joins = |path| join(&one, one.key, Exclusive, path, &limits());
    let mut holder = granted(joins("/first"));
    let mut line: std::collections::VecDeque<_> = (0..40)
        .map(|place| waiting(joins(if place == 5 { "/slow" } else { "/quick" })))
        .collect();
    let joined = Instant::now().into_std();
    while let Some(next) = line.pop_front() {
        tokio::time::advance(seconds(if line.len() == 33 { 60 } else { 1 })).await;
        drop(holder);
        holder = next.turn().await.unwrap();
        let longest = one.lanes.held_longest(one.key, joined);
        if line.len() < 33 {
            assert_eq!(path(longest.as_deref()), Some("/slow"), "{}", line.len());
        }
    }
}

#[tokio::test]
async fn the_busiest_lanes_are_chosen_whatever_their_number() {
    let one = One::new();
    let keys: Vec<_> = (0..500).map(SessionKey::for_test).collect();
    let hold = |key: &SessionKey| join(&one, *key, Exclusive, "/", &limits());
    let holders: Vec<_> = keys.iter().map(hold).collect();
    let waiters = [hold(&keys[300]), hold(&keys[100])];
    let snapshot = one.lanes.snapshot(4);
    let chosen: Vec<_> = snapshot.lanes.iter().map(|lane| lane.key).collect();
    assert_eq!(chosen, [keys[300], keys[100], keys[0], keys[1]]);
    assert_eq!(snapshot.total, 500);
    assert!(one.lanes.snapshot(0).lanes.is_empty());
    drop((holders, waiters));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_revoked_moves_on_and_its_hold_limit_is_not_counted_again() {
    let one = One::new();
    let keeps = Limits {
        on_hold_limit: OnHoldLimit::Abort,
        ..limits()
    };
    let mut stuck = granted(join(&one, one.key, Exclusive, "/stuck", &keeps));
    let next = waiting(join(&one, one.key, Exclusive, "/next", &keeps));
    let ticket = stuck.ticket();
    assert_eq!(one.lanes.revoke(one.key, Some(ticket)), Ok(1));
    let next = next.turn().await.unwrap();
    assert_eq!(
        one.lanes.revoke(one.key, Some(ticket)),
        Err(NotRevoked::Stale)
    );
    tokio::time::advance(seconds(131)).await;
    assert_eq!(stuck.overdue(), Overdue::Revoked);
    drop(stuck);
    // The control: the next one's hold limit, which nobody has forestalled, is counted.
    let mut next = next;
    assert_eq!(next.overdue(), Overdue::Aborted);
    drop(next);
    assert!(one.is_gone());
    let counts = one.lanes.counts();
    assert_eq!((counts.revoked, counts.hold_limit_aborted), (1, 1));
    assert_eq!(one.lanes.revoke(one.key, None), Err(NotRevoked::NoLane));
}

#[tokio::test]
async fn all_who_share_a_lane_lose_it_and_a_lane_that_is_only_reserved_cannot_be_taken() {
    let one = One::new();
    let shared = SessionKey::for_test(2);
    let readers = [(); 3].map(|()| one.granted(Shared, &limits()));
    let several = one
        .lanes
        .join_all(shared, &[one.key], Exclusive, &limits(), 1000);
    let several = waiting(several.unwrap());
    assert_eq!(one.lanes.revoke(shared, None), Err(NotRevoked::NoLane));
    assert_eq!(one.lanes.revoke(one.key, None), Ok(3));
    drop(several.turn().await.unwrap());
    drop(readers);
    assert!(one.is_gone());
    assert_eq!(one.lanes.counts().revoked, 3);
}
