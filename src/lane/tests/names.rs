//! Further names of a lane: what they promise, one sentence each, and what is left of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_test::{assert_pending, assert_ready, task};

use super::super::names::{MAX, MAX_IN_ALL};
use super::super::{Full, Hold, Joined, Lanes, Naming, Permit, Waiting};
use super::cores::{flood, in_time, on_each_core};
use super::limits;
use crate::session::SessionKey;

fn key(number: usize) -> SessionKey {
    SessionKey::for_test(number as u64)
}

fn join(lanes: &Arc<Lanes>, number: usize) -> Result<Joined, Full> {
    lanes.join(key(number), Hold::Exclusive, &limits(), usize::MAX)
}

fn granted(lanes: &Arc<Lanes>, number: usize) -> Permit {
    match join(lanes, number) {
        Ok(Joined::Granted(permit)) => permit,
        other => panic!("{number} should be granted: {other:?}"),
    }
}

fn waiting(lanes: &Arc<Lanes>, number: usize) -> Waiting {
    match join(lanes, number) {
        Ok(Joined::Waiting(waiting)) => waiting,
        other => panic!("{number} should wait: {other:?}"),
    }
}

/// Lanes and other names that the table has.
fn left(lanes: &Lanes) -> (usize, usize) {
    let aliases = lanes.table.aliases.load(Ordering::Relaxed);
    assert_eq!(lanes.table.slots.len(), lanes.counts().lanes + aliases);
    (lanes.counts().lanes, aliases)
}

#[tokio::test(start_paused = true)]
async fn who_joins_by_the_new_name_comes_behind_those_with_the_old_one() {
    let lanes = Arc::<Lanes>::default();
    let login = granted(&lanes, 1);
    let mut old = task::spawn(waiting(&lanes, 1).turn());
    assert_eq!(lanes.name(key(1), key(2)), Naming::Made);
    let mut new = task::spawn(waiting(&lanes, 2).turn());
    assert_pending!(old.poll());
    assert_pending!(new.poll());
    drop(login);
    let old = assert_ready!(old.poll()).unwrap();
    assert_pending!(new.poll());
    drop(old);
    let new = assert_ready!(new.poll()).unwrap();
    assert_eq!(new.lane(), key(1));
    drop(new);
    assert_eq!(left(&lanes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_the_name_both_are_inside_together() {
    let lanes = Arc::<Lanes>::default();
    let _together = [granted(&lanes, 1), granted(&lanes, 2)];
}

#[tokio::test(start_paused = true)]
async fn a_name_ends_with_its_lane() {
    let lanes = Arc::<Lanes>::default();
    let permit = granted(&lanes, 1);
    assert_eq!(lanes.name(key(1), key(2)), Naming::Made);
    assert_eq!(left(&lanes), (1, 1));
    drop(permit);
    assert_eq!(left(&lanes), (0, 0));
    let _together = [granted(&lanes, 1), granted(&lanes, 2)];
}

#[tokio::test(start_paused = true)]
async fn a_lane_lives_on_by_whoever_joined_by_another_name() {
    let lanes = Arc::<Lanes>::default();
    let first = granted(&lanes, 1);
    lanes.name(key(1), key(2));
    let new = waiting(&lanes, 2);
    drop(first);
    let _new = assert_ready!(task::spawn(new.turn()).poll()).unwrap();
    drop(waiting(&lanes, 1));
    drop(waiting(&lanes, 2));
    assert!(lanes.estimate(key(2)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_name_is_one_of_the_lane() {
    let lanes = Arc::<Lanes>::default();
    let _permit = granted(&lanes, 1);
    assert_eq!(lanes.name(key(1), key(2)), Naming::Made);
    assert_eq!(lanes.name(key(2), key(3)), Naming::Made);
    assert_eq!(lanes.name(key(3), key(2)), Naming::Already);
    assert_eq!(lanes.name(key(3), key(1)), Naming::Already);
    assert_eq!(lanes.name(key(3), key(3)), Naming::Already);
    drop(waiting(&lanes, 3));
    assert_eq!(left(&lanes), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_lane_knows_whether_it_got_a_name_since_by_each_of_its_names_and_while_it_lives() {
    let now = || tokio::time::Instant::now().into_std();
    let tick = || tokio::time::advance(Duration::from_millis(1));
    let lanes = Arc::<Lanes>::default();
    let begin = now();
    assert!(!lanes.named_since(key(1), begin), "there is no lane");
    let (permit, other) = (granted(&lanes, 1), granted(&lanes, 9));
    assert!(!lanes.named_since(key(1), begin), "it has one name");
    tick().await;
    let named = now();
    assert_eq!(lanes.name(key(1), key(2)), Naming::Made);
    tick().await;
    let later = now();
    assert_eq!(lanes.name(key(1), key(2)), Naming::Already);
    assert_eq!(lanes.name(key(1), key(9)), Naming::Taken);
    for key in [key(1), key(2)] {
        let since = [begin, named, later].map(|time| lanes.named_since(key, time));
        assert_eq!(since, [true, true, false], "{key}");
    }
    assert_eq!(lanes.name(key(2), key(3)), Naming::Made);
    assert!(lanes.named_since(key(1), later));
    assert!(!lanes.named_since(key(9), begin), "another lane");
    drop((permit, other));
    assert!(!lanes.named_since(key(1), begin), "it is gone");
    let _permit = granted(&lanes, 1);
    assert!(!lanes.named_since(key(1), begin), "it is another one");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_nobody_is_in_gets_no_name() {
    let lanes = Arc::<Lanes>::default();
    assert_eq!(lanes.name(key(1), key(2)), Naming::NoLane);
    assert_eq!(left(&lanes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_has_a_living_lane_keeps_it() {
    let lanes = Arc::<Lanes>::default();
    let (one, two) = (granted(&lanes, 1), granted(&lanes, 2));
    assert_eq!(lanes.name(key(1), key(2)), Naming::Taken);
    assert_eq!(lanes.name(key(1), key(3)), Naming::Made);
    assert_eq!(lanes.name(key(2), key(3)), Naming::Taken);
    let third = waiting(&lanes, 3);
    drop(two);
    drop(one);
    drop(assert_ready!(task::spawn(third.turn()).poll()).unwrap());
    assert_eq!(left(&lanes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_names_of_a_lane_the_oldest_goes() {
    let lanes = Arc::<Lanes>::default();
    let permit = granted(&lanes, 0);
    for number in 1..=MAX + 10 {
        assert_eq!(lanes.name(key(number - 1), key(number)), Naming::Made);
    }
    assert_eq!(left(&lanes), (1, MAX));
    drop(waiting(&lanes, 11));
    drop(waiting(&lanes, MAX + 10));
    drop(granted(&lanes, 10)); // a lane of its own again
    drop(permit);
    assert_eq!(left(&lanes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn all_lanes_together_have_so_many_names_at_most_and_their_memory_comes_back() {
    let lanes = Arc::<Lanes>::default();
    let count = MAX_IN_ALL / MAX + 1;
    let permits: Vec<Permit> = (0..count).map(|number| granted(&lanes, number)).collect();
    let mut refused = 0;
    for number in 0..count {
        for name in 0..MAX {
            let naming = lanes.name(key(number), key(count + number * MAX + name));
            refused += usize::from(naming == Naming::TooMany);
        }
    }
    assert_eq!(left(&lanes), (count, MAX_IN_ALL));
    assert_eq!(refused, MAX);
    drop(permits);
    assert_eq!(left(&lanes), (0, 0));
    assert!(lanes.capacity() < 10_000, "{}", lanes.capacity());
}

/// A lane that lives all the time, ever new names, and requests by any of the newest: they are one line.
#[test]
fn while_a_lane_lives_all_its_names_are_one_line_on_all_cores() {
    let lanes = Arc::<Lanes>::default();
    let alive = lanes.pass(key(0), &limits()).unwrap();
    let (newest, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    on_each_core(|core| {
        let mut random = fastrand::Rng::with_seed(core);
        let (lanes, newest, inside) =
            (Arc::clone(&lanes), Arc::clone(&newest), Arc::clone(&inside));
        async move {
            flood(10, || {
                let age = random.usize(..MAX / 4);
                let (lanes, newest, inside) =
                    (Arc::clone(&lanes), Arc::clone(&newest), Arc::clone(&inside));
                async move {
                    let number = newest.load(Ordering::SeqCst).saturating_sub(age);
                    let permit = match join(&lanes, number) {
                        Ok(Joined::Granted(permit)) => permit,
                        Ok(Joined::Waiting(waiting)) => in_time(waiting.turn()).await.unwrap(),
                        Err(full) => panic!("{full}"),
                    };
                    assert_eq!(
                        inside.fetch_add(1, Ordering::SeqCst),
                        0,
                        "somebody is inside"
                    );
                    let next = newest.load(Ordering::SeqCst) + 1;
                    assert_eq!(lanes.name(permit.lane(), key(next)), Naming::Made);
                    newest.store(next, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
            .await;
        }
    });
    drop(alive);
    assert_eq!(left(&lanes), (0, 0));
}

/// Lanes that come and go, each request naming a few ids that others use too: the holder's own client cannot miss the
/// name it was given, and nothing is left.
#[test]
fn when_lanes_and_names_come_and_go_on_all_cores_no_name_is_missed_or_left() {
    let lanes = Arc::<Lanes>::default();
    on_each_core(|core| {
        let mut random = fastrand::Rng::with_seed(core);
        let lanes = Arc::clone(&lanes);
        async move {
            flood(20, || {
                let lanes = Arc::clone(&lanes);
                let numbers = [random.usize(..12), random.usize(..12), random.usize(..12)];
                async move {
                    let joined = join(&lanes, numbers[0]);
                    let permit = match joined {
                        Ok(Joined::Granted(permit)) => permit,
                        Ok(Joined::Waiting(waiting)) => in_time(waiting.turn()).await.unwrap(),
                        Err(_) => return,
                    };
                    for number in &numbers[1..] {
                        let named = lanes.name(permit.lane(), key(*number));
                        let known = matches!(named, Naming::Already | Naming::Made);
                        let joined = join(&lanes, *number);
                        let free = matches!(joined, Ok(Joined::Granted(_)));
                        assert!(!(known && free), "{named:?}, and a lane of its own");
                    }
                    tokio::task::yield_now().await;
                    drop(permit);
                }
            })
            .await;
        }
    });
    assert_eq!(left(&lanes), (0, 0));
    assert_eq!(lanes.counts().granted, lanes.counts().ended);
}

/// Lanes that end at the very moment at which they get a name.
#[test]
fn a_name_that_races_with_the_end_of_its_lane_is_made_or_not_but_never_left() {
    let lanes = Arc::<Lanes>::default();
    let (permits, named) = std::sync::mpsc::channel::<Permit>();
    std::thread::scope(|scope| {
        scope.spawn(move || named.into_iter().for_each(drop));
        for number in 0..200_000 {
            let permit = granted(&lanes, 2 * number);
            permits.send(permit).unwrap();
            lanes.name(key(2 * number), key(2 * number + 1));
        }
        drop(permits);
    });
    assert_eq!(left(&lanes), (0, 0));
}
