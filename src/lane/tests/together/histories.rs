//! Random histories, in which a witness knows who is where.
//!
//! The promises, by what is seen from outside alone: whoever is present in a lane and came earlier is in the way, unless
//! both share; a request is inside exactly when nobody is in its way in any of its lanes; it is refused exactly when one
//! of its lanes is full, or all together. So nobody is inside with another whom he is in the way of, nobody overtakes, and
//! nobody waits for nothing or in a circle.

use super::*;

#[test]
fn requests_with_several_lanes_keep_every_promise() {
    let mut runner = TestRunner::new(Config {
        cases: 1500,
        failure_persistence: None,
        ..Config::default()
    });
    let checked = runner.run(&history(), |history| {
        prop_assert_eq!(check(&history, None), None);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn a_request_that_takes_only_its_first_lane_is_found_out() {
    assert!(violations(Fault::TakesOne).contains(&Violation::Exclusion));
}

#[test]
fn requests_that_take_their_lanes_one_after_the_other_are_found_out() {
    assert!(violations(Fault::OneByOne).contains(&Violation::WaitsForNothing));
}

#[test]
fn a_request_that_is_refused_and_stays_in_a_lane_is_found_out() {
    let found = violations(Fault::StaysBehind);
    assert!(found.contains(&Violation::LeftBehind), "{found:?}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Violation {
    /// A wait was not over at its deadline, or over before.
    Deadline,
    /// Two are inside that may not be.
    Exclusion,
    /// When all had left, something was still there.
    LeftBehind,
    /// One went inside before another that had come earlier.
    Order,
    /// Refused with room in all lanes, or let in without.
    QueueLimit,
    /// The number of waiters or holders is wrong.
    Count,
    /// One waits, and nobody who came earlier is in its way.
    WaitsForNothing,
}

#[derive(Clone, Debug)]
enum Step {
    Advance {
        millis: u64,
    },
    Close,
    Join {
        lanes: Vec<u64>,
        hold: Hold,
        limits: Limits,
    },
    /// One of those who are there, by a share of 256.
    Leave {
        whose: u8,
    },
    LeaveFirst,
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any::<[u8; 6]>().prop_map(step), 1..60)
}

fn step([what, a, b, c, d, e]: [u8; 6]) -> Step {
    match what {
        0..=119 => Step::Join {
            lanes: some_lanes(a),
            hold: if e % 4 < 3 {
                Hold::Exclusive
            } else {
                Hold::Shared
            },
            limits: Limits {
                waiters: if b % 2 == 0 {
                    50
                } else {
                    usize::from(b / 2 % 4)
                },
                wait_timeout: Duration::from_millis(u64::from(1 + c % 80)),
                hold_limit: Duration::from_millis(1 + u64::from(d)),
                on_hold_limit: match e / 4 % 3 {
                    0 => OnHoldLimit::Release,
                    1 => OnHoldLimit::Abort,
                    _ => OnHoldLimit::Wait,
                },
                ..limits()
            },
        },
        120..=165 => Step::LeaveFirst,
        166..=190 => Step::Leave { whose: a },
        191..=253 => Step::Advance {
            millis: u64::from(a % 30),
        },
        254..=255 => Step::Close,
    }
}

/// Runs `history` on the lanes; the first promise that they break.
fn check(history: &[Step], fault: Option<Fault>) -> Option<Violation> {
    // The clock stands from the beginning: timers go by whole milliseconds since then.
    let mut runtime = runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new(fault);
        for step in history {
            if let Err(violation) = scene.step(step).await {
                return Some(violation);
            }
        }
        scene.all_leave().err()
    })
}

/// The promises that a fault breaks in 200 histories, the same in each run.
fn violations(fault: Fault) -> HashSet<Violation> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let histories = (0..200).map(|_| history().new_tree(&mut runner).unwrap().current());
    histories
        .filter_map(|history| check(&history, Some(fault)))
        .collect()
}

type Turn = task::Spawn<std::pin::Pin<Box<dyn Future<Output = Result<Vec<Permit>, WaitEnded>>>>>;

/// A request that is there, in order of arrival.
struct Person {
    lanes: Vec<u64>,
    hold: Hold,
    limits: Limits,
    place: Place,
}

enum Place {
    Waiting { turn: Turn, deadline: Instant },
    Inside(Vec<Permit>),
}

struct Scene {
    lanes: Arc<Lanes>,
    people: Vec<Person>,
    fault: Option<Fault>,
    closed: bool,
    /// What a fault leaves behind.
    behind: Vec<Joined>,
}

type Seen = Result<(), Violation>;

impl Scene {
    fn new(fault: Option<Fault>) -> Self {
        Self {
            lanes: Arc::default(),
            people: Vec::new(),
            fault,
            closed: false,
            behind: Vec::new(),
        }
    }

    async fn step(&mut self, step: &Step) -> Seen {
        match step {
            Step::Advance { millis } => {
                for _ in 0..*millis {
                    advance(Duration::from_millis(1)).await;
                    self.settle()?;
                }
            }
            Step::Close => {
                self.closed = true;
                self.lanes.close();
            }
            Step::Join {
                lanes,
                hold,
                limits,
            } => self.join(lanes, *hold, limits)?,
            Step::Leave { whose } => {
                let whose = self.people.len() * usize::from(*whose) / 256;
                self.leave(whose);
            }
            Step::LeaveFirst => self.leave(0),
        }
        self.settle()
    }

    fn leave(&mut self, whose: usize) {
        if whose < self.people.len() {
            drop(self.people.remove(whose));
        }
    }

    fn join(&mut self, lanes: &[u64], hold: Hold, limits: &Limits) -> Seen {
        let must_wait = |lane: &u64| {
            let is_in_the_way =
                |other: &Person| other.is_in_the_way(std::slice::from_ref(lane), hold);
            self.people.iter().any(is_in_the_way)
        };
        let line = |lane: &u64| {
            let waits = |at: &usize| self.waits_in(*at, *lane);
            (0..self.people.len()).filter(waits).count()
        };
        let full = |lane: &u64| must_wait(lane) && line(lane) >= limits.waiters;
        let is_full = lanes.iter().any(full)
            || (lanes.iter().any(must_wait) && self.waiting() >= MAX_WAITING);
        let joined = take(
            &self.lanes,
            lanes,
            hold,
            limits,
            self.fault,
            &mut self.behind,
        );
        let place = match joined {
            Err(_) if is_full => return Ok(()),
            Err(_) => return Err(Violation::QueueLimit),
            Ok(_) if is_full => return Err(Violation::QueueLimit),
            Ok(Taken::Inside(permits)) => Place::Inside(permits),
            Ok(Taken::Waiting(turn)) => Place::Waiting {
                turn: task::spawn(turn),
                deadline: Instant::now() + limits.wait_timeout,
            },
        };
        self.people.push(Person {
            lanes: lanes.to_vec(),
            hold,
            limits: limits.clone(),
            place,
        });
        self.may_be_inside(self.people.len() - 1)
    }

    /// Lets everybody who is due or woken act, until nothing changes.
    fn settle(&mut self) -> Seen {
        let mut changed = true;
        while changed {
            changed = false;
            for at in (0..self.people.len()).rev() {
                changed |= self.act(at)?;
            }
        }
        self.at_rest()
    }

    /// Whether anything changed.
    fn act(&mut self, at: usize) -> Result<bool, Violation> {
        let now = Instant::now();
        let person = &mut self.people[at];
        match &mut person.place {
            Place::Inside(permits) => {
                let due = |permit: &&mut Permit| permit.hold_deadline() <= now.into_std();
                let overdue = permits.iter_mut().find(due).map(Permit::overdue);
                let gone = matches!(overdue, Some(Overdue::Aborted | Overdue::Released));
                if gone {
                    drop(self.people.remove(at));
                }
                Ok(gone)
            }
            Place::Waiting { turn, deadline } => match turn.poll() {
                Poll::Pending if *deadline <= now => Err(Violation::Deadline),
                Poll::Pending => Ok(false),
                Poll::Ready(Ok(permits)) => {
                    person.place = Place::Inside(permits);
                    self.may_be_inside(at).map(|()| true)
                }
                Poll::Ready(Err(WaitEnded::TimedOut)) if *deadline > now => {
                    Err(Violation::Deadline)
                }
                Poll::Ready(Err(WaitEnded::Closed)) if !self.closed => Err(Violation::Deadline),
                Poll::Ready(Err(_)) => {
                    drop(self.people.remove(at));
                    Ok(true)
                }
            },
        }
    }

    /// One who is inside must not have come before its turn, but for those who are about to learn that they have to go.
    fn may_be_inside(&self, at: usize) -> Seen {
        let person = &self.people[at];
        let now = Instant::now();
        if !matches!(person.place, Place::Inside(_)) {
            return Ok(());
        }
        for other in &self.people[..at] {
            if other.is_in_the_way(&person.lanes, person.hold) && !other.is_over(now) {
                return Err(match other.place {
                    Place::Inside(_) => Violation::Exclusion,
                    Place::Waiting { .. } => Violation::Order,
                });
            }
        }
        Ok(())
    }

    /// Whether somebody who came before is in the way of the one `at`, in this lane.
    fn waits_in(&self, at: usize, lane: u64) -> bool {
        let person = &self.people[at];
        let mut before = self.people[..at].iter();
        person.lanes.contains(&lane)
            && before.any(|other| other.is_in_the_way(&[lane], person.hold))
    }

    fn waiting(&self) -> usize {
        let waits = |person: &&Person| matches!(person.place, Place::Waiting { .. });
        self.people.iter().filter(waits).count()
    }

    fn at_rest(&self) -> Seen {
        for (at, person) in self.people.iter().enumerate() {
            let waits = person.lanes.iter().any(|lane| self.waits_in(at, *lane));
            match person.place {
                Place::Inside(_) if waits => return Err(Violation::Exclusion),
                Place::Waiting { .. } if !waits => return Err(Violation::WaitsForNothing),
                Place::Inside(_) | Place::Waiting { .. } => {}
            }
        }
        let counts = self.lanes.counts();
        let inside = self.people.len() - self.waiting();
        if self.fault.is_none()
            && (counts.waiting, counts.holding) != (self.waiting(), inside as u64)
        {
            return Err(Violation::Count);
        }
        Ok(())
    }

    fn all_leave(&mut self) -> Seen {
        while !self.people.is_empty() {
            self.leave(0);
            self.settle()?;
        }
        let counts = self.lanes.counts();
        let limited = counts.hold_limit_aborted + counts.hold_limit_released;
        let nothing = (counts.lanes, counts.waiting, counts.holding) == (0, 0, 0);
        if nothing && counts.granted == counts.ended + limited {
            Ok(())
        } else {
            Err(Violation::LeftBehind)
        }
    }
}

impl Person {
    /// Whether one who comes later has to wait for this one, in one of `lanes`.
    fn is_in_the_way(&self, lanes: &[u64], hold: Hold) -> bool {
        let alone = self.hold == Hold::Exclusive || hold == Hold::Exclusive;
        alone && self.lanes.iter().any(|lane| lanes.contains(lane))
    }

    /// Whether its time is over, though it may not have heard of it.
    fn is_over(&self, now: Instant) -> bool {
        match &self.place {
            Place::Waiting { deadline, .. } => *deadline <= now,
            Place::Inside(permits) => {
                let due = |permit: &Permit| permit.hold_deadline() <= now.into_std();
                self.limits.on_hold_limit != OnHoldLimit::Wait && permits.iter().any(due)
            }
        }
    }
}
