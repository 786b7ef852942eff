//! The lanes under several cores at once: some thousand requests of a few sessions that wait, give up, panic while they
//! wait and panic while they hold. Who is inside is recorded by the requests themselves.
//!
//! The same trial is run with the lanes off, and in other ways broken, and must find that.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::task::{JoinError, JoinSet, yield_now};

use super::super::{
    Hold, Joined, Lanes, Limits, OnHoldLimit, Overdue, Permit, Ticket, WaitEnded, Waiting,
};
use super::{limits, seconds};
use crate::session::SessionKey;

#[test]
fn many_sessions_on_several_cores_keep_every_promise() {
    assert_eq!(trial(300, 250, None), HashSet::new());
}

#[test]
fn two_sessions_whose_lanes_come_and_go_all_the_time_keep_every_promise() {
    assert_eq!(trial(2, 2, None), HashSet::new());
}

#[test]
fn without_lanes_the_trial_finds_requests_inside_together() {
    assert!(trial(20, 100, Some(Fault::NoLanes)).contains(&Violation::Exclusion));
}

#[test]
fn with_permits_let_go_too_early_the_trial_finds_requests_inside_together() {
    assert!(trial(20, 100, Some(Fault::LetsGoEarly)).contains(&Violation::Exclusion));
}

#[test]
fn with_requests_that_line_up_again_the_trial_finds_a_broken_order() {
    assert!(trial(20, 100, Some(Fault::LinesUpAgain)).contains(&Violation::Order));
}

#[test]
fn with_a_permit_that_is_never_dropped_the_trial_finds_a_lane_left_behind() {
    assert!(trial(20, 100, Some(Fault::KeepsAPermit)).contains(&Violation::LeftBehind));
}

/// Deadlines of a few milliseconds, applied by whoever comes: exclusion has its exceptions here, the books have none.
#[test]
fn when_deadlines_race_with_everything_else_each_grant_has_one_end() {
    let lanes = Arc::new(Lanes::default());
    on_each_core(|core| {
        let lanes = Arc::clone(&lanes);
        let mut random = fastrand::Rng::with_seed(core);
        async move { flood(250, || hurried(Arc::clone(&lanes), random.fork())).await }
    });
    let counts = lanes.counts();
    assert_eq!((counts.lanes, counts.waiting), (0, 0));
    let limited = counts.hold_limit_released + counts.hold_limit_aborted;
    assert!(limited > 0, "deadlines were to race");
    assert_eq!(counts.granted, counts.ended + limited);
}

#[test]
fn no_wait_outlives_a_close_however_they_race() {
    for _ in 0..50 {
        let lanes = Arc::new(Lanes::default());
        let join = |lanes: &Arc<Lanes>| {
            lanes.join(
                SessionKey::for_test(1),
                Hold::Exclusive,
                &limits(),
                usize::MAX,
            )
        };
        let _holder = join(&lanes);
        on_each_core(|core| {
            let lanes = Arc::clone(&lanes);
            async move {
                if core == 0 {
                    lanes.close();
                }
                let ends = std::iter::repeat_with(|| join(&lanes)).take(20);
                for end in ends {
                    if let Ok(Joined::Waiting(waiting)) = end {
                        assert_eq!(
                            in_time(waiting.turn()).await.unwrap_err(),
                            WaitEnded::Closed
                        );
                    }
                }
            }
        });
        assert_eq!(lanes.counts().waiting, 0);
    }
}

const CORES: u64 = 4;
const REQUESTS: usize = 3000;
const MAX_WAITING: usize = 500;

/// A way to break the lanes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// One permit is never dropped.
    KeepsAPermit,
    /// Permits are dropped before their requests go in.
    LetsGoEarly,
    /// Who has its turn lines up again, as an application that polls for its lock does.
    LinesUpAgain,
    /// Each request has a lane of its own.
    NoLanes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Violation {
    /// More waited than the cap allows.
    Cap,
    /// A writer and another were inside together.
    Exclusion,
    /// Lanes, waiters or holders are left when all have gone, or a grant had not one end.
    LeftBehind,
    /// One went in before another that had come earlier.
    Order,
    /// A wait ended by its timeout: its turn never came.
    Stuck,
}

/// What a request panics with when it is to panic.
struct Intended;

/// What is observed of a trial, by session.
struct Watch {
    sessions: Vec<Mutex<Inside>>,
    violations: Mutex<HashSet<Violation>>,
}

/// Who is inside, and the last to have come in.
#[derive(Default)]
struct Inside {
    readers: usize,
    writers: usize,
    last_writer: Option<Ticket>,
    last: Option<Ticket>,
}

/// One request inside; dropping it is going out.
struct Visit<'w> {
    watch: &'w Watch,
    session: usize,
    hold: Hold,
}

/// What everybody in a trial has.
struct Trial {
    lanes: Arc<Lanes>,
    watch: Watch,
    fault: Option<Fault>,
}

/// Some thousand requests of so many sessions, so many of them at a time on each core; the promises they saw broken.
fn trial(sessions: usize, in_flight: usize, fault: Option<Fault>) -> HashSet<Violation> {
    let watch = Watch {
        sessions: (0..sessions).map(|_| Mutex::default()).collect(),
        violations: Mutex::default(),
    };
    let trial = Arc::new(Trial {
        lanes: Arc::default(),
        watch,
        fault,
    });
    on_each_core(|core| {
        let trial = Arc::clone(&trial);
        let mut random = fastrand::Rng::with_seed(core);
        async move { flood(in_flight, || request(Arc::clone(&trial), random.fork())).await }
    });
    if fault == Some(Fault::KeepsAPermit) {
        Box::leak(Box::new(trial.join(0, Hold::Exclusive)));
    }
    let counts = trial.lanes.counts();
    let ended = counts.granted == counts.ended;
    if (counts.lanes, counts.waiting, counts.holding) != (0, 0, 0) || !ended {
        trial.watch.saw(Violation::LeftBehind);
    }
    trial.watch.violations.lock().unwrap().clone()
}

/// One request from arrival to its end, which may be a panic anywhere.
async fn request(trial: Arc<Trial>, mut random: fastrand::Rng) {
    let session = random.usize(..trial.watch.sessions.len());
    let hold = if random.u8(..10) < 7 {
        Hold::Exclusive
    } else {
        Hold::Shared
    };
    for _ in 0..random.usize(..4) {
        yield_now().await;
    }
    if trial.lanes.counts().waiting > MAX_WAITING {
        trial.watch.saw(Violation::Cap);
    }
    let Some(mut permit) = trial.permit(session, hold, &mut random).await else {
        return;
    };
    let ticket = permit.ticket();
    if trial.fault == Some(Fault::LinesUpAgain) && random.bool() {
        drop(permit);
        match trial.permit(session, hold, &mut random).await {
            Some(again) => permit = again,
            None => return,
        }
    }
    let mut permit = Some(permit);
    if trial.fault == Some(Fault::LetsGoEarly) {
        permit = None;
    }
    let visit = trial.watch.go_in(session, hold, ticket);
    for _ in 0..random.usize(..3) {
        yield_now().await;
    }
    if random.u8(..20) == 0 {
        resume_unwind(Box::new(Intended));
    }
    drop(visit);
    drop(permit);
}

impl Trial {
    fn join(&self, session: usize, hold: Hold) -> Option<Joined> {
        let key = match self.fault {
            Some(Fault::NoLanes) => SessionKey::for_test(fastrand::u64(..)),
            _ => SessionKey::for_test(session as u64),
        };
        let limits = Limits {
            wait_timeout: seconds(20),
            hold_limit: seconds(3600),
            ..limits()
        };
        self.lanes.join(key, hold, &limits, MAX_WAITING).ok()
    }

    /// Joins, and waits for as long as this request does.
    async fn permit(
        &self,
        session: usize,
        hold: Hold,
        random: &mut fastrand::Rng,
    ) -> Option<Permit> {
        let waiting = match self.join(session, hold)? {
            Joined::Granted(permit) => return Some(permit),
            Joined::Waiting(waiting) => waiting,
        };
        let patience = random.usize(..40);
        match random.u8(..20) {
            0 => None,
            1..=3 => polled(waiting, patience).await?.ok(),
            4 => {
                let _turn = polled(waiting, patience).await;
                resume_unwind(Box::new(Intended));
            }
            _ => match waiting.turn().await {
                Ok(permit) => Some(permit),
                Err(_) => {
                    self.watch.saw(Violation::Stuck);
                    None
                }
            },
        }
    }
}

impl Watch {
    fn saw(&self, violation: Violation) {
        self.violations.lock().unwrap().insert(violation);
    }

    fn go_in(&self, session: usize, hold: Hold, ticket: Ticket) -> Visit<'_> {
        let mut inside = self.sessions[session].lock().unwrap();
        let (in_the_way, before) = match hold {
            Hold::Exclusive => (inside.writers + inside.readers, inside.last),
            Hold::Shared => (inside.writers, inside.last_writer),
        };
        if in_the_way > 0 {
            self.saw(Violation::Exclusion);
        }
        if before > Some(ticket) {
            self.saw(Violation::Order);
        }
        inside.last = inside.last.max(Some(ticket));
        match hold {
            Hold::Exclusive => {
                inside.writers += 1;
                inside.last_writer = inside.last_writer.max(Some(ticket));
            }
            Hold::Shared => inside.readers += 1,
        }
        Visit {
            watch: self,
            session,
            hold,
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut inside = self.watch.sessions[self.session].lock().unwrap();
        match self.hold {
            Hold::Exclusive => inside.writers -= 1,
            Hold::Shared => inside.readers -= 1,
        }
    }
}

/// A request whose deadlines pass at any moment, and that looks at its hold limit now and then.
async fn hurried(lanes: Arc<Lanes>, mut random: fastrand::Rng) {
    let key = SessionKey::for_test(random.u64(..10));
    let hold = if random.bool() {
        Hold::Exclusive
    } else {
        Hold::Shared
    };
    let actions = [OnHoldLimit::Abort, OnHoldLimit::Release, OnHoldLimit::Wait];
    let limits = Limits {
        wait_timeout: Duration::from_micros(random.u64(..3000)),
        hold_limit: Duration::from_micros(random.u64(..1000)),
        on_hold_limit: actions[random.usize(..3)],
        ..limits()
    };
    let permit = match lanes.join(key, hold, &limits, MAX_WAITING) {
        Ok(Joined::Granted(permit)) => Some(permit),
        Ok(Joined::Waiting(waiting)) if random.u8(..5) == 0 => polled(waiting, random.usize(..9))
            .await
            .and_then(Result::ok),
        Ok(Joined::Waiting(waiting)) => in_time(waiting.turn()).await.ok(),
        Err(_) => None,
    };
    let Some(mut permit) = permit else { return };
    for _ in 0..random.usize(..9) {
        yield_now().await;
        match (permit.overdue(), limits.on_hold_limit) {
            (Overdue::NotYet, _)
            | (Overdue::Aborted, OnHoldLimit::Abort)
            | (Overdue::Kept, OnHoldLimit::Wait)
            | (Overdue::Released, OnHoldLimit::Release) => {}
            (said, limit) => panic!("{said:?} by {limit:?}"),
        }
    }
}

/// Lets many requests come, `in_flight` at a time on this core, each a task of its own.
pub(super) async fn flood<F>(in_flight: usize, mut request: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut requests = JoinSet::new();
    for _ in 0..REQUESTS {
        requests.spawn(request());
        if requests.len() >= in_flight {
            ended(requests.join_next().await);
        }
    }
    while !requests.is_empty() {
        ended(requests.join_next().await);
    }
}

/// Passes on a panic, unless it was intended.
fn ended(request: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = request {
        let panic = error.into_panic();
        if !panic.is::<Intended>() {
            resume_unwind(panic);
        }
    }
}

/// Polls for the turn so many times, then gives up.
async fn polled(waiting: Waiting, polls: usize) -> Option<Result<Permit, WaitEnded>> {
    let mut turn = pin!(waiting.turn());
    for _ in 0..polls {
        match poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await {
            Poll::Ready(turn) => return Some(turn),
            Poll::Pending => yield_now().await,
        }
    }
    None
}

/// What must happen soon; a bound so generous that only what never happens exceeds it.
pub(super) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(seconds(20), what)
        .await
        .expect("it should have happened")
}

/// Runs one single-threaded runtime on each of some threads, as the product does, to their ends.
pub(super) fn on_each_core<F: Future<Output = ()>>(work: impl Fn(u64) -> F + Sync) {
    let work = &work;
    thread::scope(|scope| {
        for core in 0..CORES {
            scope.spawn(move || {
                let core_runtime = runtime::Builder::new_current_thread().enable_time().build();
                core_runtime.unwrap().block_on(work(core));
            });
        }
    });
}
