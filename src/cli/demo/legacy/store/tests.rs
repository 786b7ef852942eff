//! The session lock on paused time: what ASP.NET measured, and the control without the lock.

use tokio::time::sleep;

use super::*;

const PAGE: Duration = Duration::from_millis(50);

/// Sends `count` writes at once; gives the time until the last was done.
async fn burst(
    store: &Arc<Store>,
    id: &SessionId,
    calls: &'static StoreCalls,
    count: usize,
) -> Duration {
    let start = Instant::now();
    let mut pages = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (store, id) = (Arc::clone(store), id.clone());
        pages.spawn(async move {
            let session = store.write(&id, calls).await;
            sleep(PAGE).await;
            let visits = session.visits() + 1;
            session.set_and_release(visits);
        });
    }
    pages.join_all().await;
    start.elapsed()
}

fn store_with_session(locking: Locking) -> (Arc<Store>, SessionId, &'static StoreCalls) {
    let (store, id) = (Store::new(locking), SessionId::generate());
    store.insert(&id, 0, &StoreCalls::default());
    (store, id, Box::leak(Box::default()))
}

#[tokio::test(start_paused = true)]
async fn twenty_writers_take_a_poll_each_and_210_store_calls() {
    let (store, id, calls) = store_with_session(Locking::On);
    let total = burst(&store, &id, calls, 20).await;
    assert_eq!(
        total.as_millis(),
        19 * 500 + 50,
        "measured on ASP.NET: 9.6 s"
    );
    assert_eq!((calls.gets(), calls.sets()), (210, 20));
    assert_eq!(store.overlaps(), 0);
    assert_eq!(
        store.read(&id, calls).await.visits,
        20,
        "no update was lost"
    );
}

#[tokio::test(start_paused = true)]
async fn control_without_the_lock_writers_meet_and_updates_are_lost() {
    let (store, id, calls) = store_with_session(Locking::Off);
    let total = burst(&store, &id, calls, 20).await;
    assert_eq!(total, PAGE);
    assert_eq!(store.overlaps(), 19);
    assert_eq!(store.read(&id, calls).await.visits, 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_meets_nobody_asks_the_store_once() {
    let (store, id, calls) = store_with_session(Locking::On);
    for _ in 0..3 {
        burst(&store, &id, calls, 1).await;
    }
    assert_eq!((calls.gets(), calls.sets()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_first_contact_of_an_unknown_session_costs_two_calls_more() {
    let (store, calls) = (Store::new(Locking::On), StoreCalls::default());
    let session = store.write(&SessionId::generate(), &calls).await;
    assert_eq!(
        session.gets(),
        3,
        "GetItemExclusive, CreateUninitializedItem, GetItemExclusive"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_a_writer_by_polling() {
    let (store, id, calls) = store_with_session(Locking::On);
    let start = Instant::now();
    let session = store.write(&id, calls).await;
    let reader = tokio::spawn({
        let (store, id) = (Arc::clone(&store), id.clone());
        async move { store.read(&id, calls).await }
    });
    sleep(Duration::from_millis(510)).await;
    session.set_and_release(7);
    let read = reader.await.unwrap();
    assert_eq!(read, Reading { visits: 7, gets: 3 });
    assert_eq!(
        start.elapsed().as_millis(),
        1000,
        "490 ms after the session was free"
    );
}

#[tokio::test(start_paused = true)]
async fn readers_lock_nothing() {
    let (store, id, calls) = store_with_session(Locking::On);
    let start = Instant::now();
    let first = store.read(&id, calls).await;
    let second = store.read(&id, calls).await;
    let writer = store.write(&id, calls).await;
    assert_eq!((first.gets, second.gets, writer.gets()), (1, 1, 1));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_unlocks_its_session_and_saves_nothing() {
    let (store, id, calls) = store_with_session(Locking::On);
    drop(store.write(&id, calls).await);
    let next = store.write(&id, calls).await;
    assert_eq!((next.gets(), next.visits()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn abandoned_sessions_do_not_pile_up() {
    let (store, calls) = (Store::new(Locking::On), StoreCalls::default());
    let held = SessionId::generate();
    let session = store.write(&held, &calls).await;
    for _ in 0..2 * MAX_SESSIONS {
        store.insert(&SessionId::generate(), 1, &calls);
    }
    assert!(store.sessions().len() <= MAX_SESSIONS);
    assert!(store.sessions().contains_key(&held));
    drop(session);
}
