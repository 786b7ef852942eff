//! Races on all cores: nobody is inside together, and nobody waits in a circle.

use super::*;

#[test]
fn on_all_cores_nobody_waits_in_a_circle() {
    assert_eq!(race(None), (0, 0));
}

#[test]
fn on_all_cores_requests_that_take_their_lanes_one_after_the_other_wait_in_a_circle() {
    let (_, stuck) = race(Some(Fault::OneByOne));
    assert!(stuck > 0);
}

#[test]
fn on_all_cores_requests_that_take_only_their_first_lane_are_inside_together() {
    let (together, _) = race(Some(Fault::TakesOne));
    assert!(together > 0);
}

/// Requests of a few lanes on all cores; how often two were inside a lane together, and how many never went inside.
fn race(fault: Option<Fault>) -> (usize, usize) {
    let lanes = Arc::<Lanes>::default();
    let inside: Arc<[Mutex<usize>]> = (0..LANES).map(|_| Mutex::default()).collect();
    let (together, stuck) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let limits = Limits {
        waiters: usize::MAX,
        // In a circle somebody waits for as long as it may; else nobody does, however slow the machine is.
        wait_timeout: if fault.is_some() {
            Duration::from_millis(50)
        } else {
            seconds(20)
        },
        hold_limit: seconds(3600),
        ..limits()
    };
    on_each_core(|core| {
        let mut random = fastrand::Rng::with_seed(core);
        let (lanes, inside, limits) = (&lanes, &inside, &limits);
        let (together, stuck) = (&together, &stuck);
        async move {
            flood(8, || {
                let numbers = some_lanes(random.u8(..));
                let (lanes, inside, limits) =
                    (Arc::clone(lanes), Arc::clone(inside), limits.clone());
                let (together, stuck) = (Arc::clone(together), Arc::clone(stuck));
                let gives_up = random.u8(..20) == 0;
                async move {
                    let keys: Vec<_> = numbers
                        .iter()
                        .map(|lane| SessionKey::for_test(*lane))
                        .collect();
                    let also = if fault.is_some() { &[] } else { &keys[1..] };
                    let hold = Hold::Exclusive;
                    let joined = lanes
                        .join_all(keys[0], also, hold, &limits, usize::MAX)
                        .unwrap();
                    if gives_up || stuck.load(Ordering::SeqCst) > 0 {
                        return;
                    }
                    let permits = match fault {
                        Some(Fault::OneByOne) => {
                            one_by_one(&lanes, &keys, hold, &limits, joined).await
                        }
                        _ => turn(joined).await.map(|permit| vec![permit]),
                    };
                    let Ok(permits) = permits else {
                        stuck.fetch_add(1, Ordering::SeqCst);
                        return;
                    };
                    let own: HashSet<u64> = numbers.into_iter().collect();
                    for lane in &own {
                        let mut inside = inside[usize::try_from(*lane).unwrap()].lock().unwrap();
                        together.fetch_add(*inside, Ordering::SeqCst);
                        *inside += 1;
                    }
                    tokio::task::yield_now().await;
                    for lane in &own {
                        *inside[usize::try_from(*lane).unwrap()].lock().unwrap() -= 1;
                    }
                    drop(permits);
                }
            })
            .await;
        }
    });
    let counts = lanes.counts();
    assert_eq!((counts.lanes, counts.waiting, counts.holding), (0, 0, 0));
    assert_eq!(counts.granted, counts.ended);
    (
        together.load(Ordering::SeqCst),
        stuck.load(Ordering::SeqCst),
    )
}
