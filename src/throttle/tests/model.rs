//! A rule does what a naive one does, whatever happens in whatever order.

use super::*;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Arrive(u32),
    Wait(u32),
    /// Ends one of those inside, by its place among them.
    Leave(usize),
    Pause(usize),
    Resume(usize),
    StopWaiting(usize),
    Pass(u64),
    Sweep,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0..3_u32).prop_map(Event::Arrive),
        3 => (0..3_u32).prop_map(Event::Wait),
        2 => any::<usize>().prop_map(Event::Leave),
        1 => any::<usize>().prop_map(Event::Pause),
        1 => any::<usize>().prop_map(Event::Resume),
        2 => any::<usize>().prop_map(Event::StopWaiting),
        2 => (0..300_u64).prop_map(Event::Pass),
        1 => Just(Event::Sweep),
    ]
}

/// The same rule, naively: a bucket of tokens in thousandths, refilled by the millisecond, and plain counts.
#[derive(Default)]
struct Naive {
    used: HashMap<u32, u64>,
    inside: HashMap<u32, u32>,
    waiting: HashMap<u32, u32>,
}

const BURST: u64 = 4;
const PER_SECOND: u64 = 10;
const INSIDE: u32 = 2;
const WAITING: u32 = 2;

impl Naive {
    fn arrive(&mut self, client: u32) -> bool {
        let (used, inside) = (
            self.used.entry(client).or_default(),
            self.inside.entry(client).or_default(),
        );
        let admits = *inside < INSIDE && *used + 1000 <= BURST * 1000;
        if admits {
            *used += 1000;
            *inside += 1;
        }
        admits
    }

    fn wait(&mut self, client: u32) -> bool {
        let waiting = self.waiting.entry(client).or_default();
        let admits = *waiting < WAITING;
        *waiting += u32::from(admits);
        admits
    }

    fn pass(&mut self, milliseconds: u64) {
        for used in self.used.values_mut() {
            *used = used.saturating_sub(milliseconds * PER_SECOND);
        }
    }
}

proptest! {
    #[test]
    fn rules_decide_as_naive_counting_does(events in prop::collection::vec(event(), 1..200)) {
        let limits = Limits {
            rate: Some(rate(10, Duration::from_secs(1), 4)),
            concurrent: Some(INSIDE),
            waiting: Some(WAITING),
        };
        let rule = rule(limits);
        let (mut naive, mut now) = (Naive::default(), Instant::now());
        let mut inside: Vec<(u32, bool, Stay)> = Vec::new();
        let mut waiting = Vec::new();
        for event in events {
            match event {
                Event::Arrive(number) => {
                    let outcome = rule.arrive(client(number), now).outcome;
                    prop_assert_eq!(outcome.is_ok(), naive.arrive(number));
                    if let Ok(place) = outcome {
                        let mut stay = Stay::default();
                        stay.add(0, place);
                        inside.push((number, true, stay));
                    }
                }
                Event::Wait(number) => {
                    let outcome = rule.wait(client(number), now).outcome;
                    prop_assert_eq!(outcome.is_ok(), naive.wait(number));
                    waiting.extend(outcome.ok().map(|place| (number, place)));
                }
                Event::Leave(which) if !inside.is_empty() => {
                    let (number, counted, stay) = inside.swap_remove(which % inside.len());
                    *naive.inside.get_mut(&number).unwrap() -= u32::from(counted);
                    drop(stay);
                }
                Event::Pause(which) if !inside.is_empty() => {
                    let index = which % inside.len();
                    let (number, counted, stay) = &mut inside[index];
                    *naive.inside.get_mut(number).unwrap() -= u32::from(*counted);
                    *counted = false;
                    stay.pause();
                }
                Event::Resume(which) if !inside.is_empty() => {
                    let index = which % inside.len();
                    let (number, counted, stay) = &mut inside[index];
                    *naive.inside.get_mut(number).unwrap() += u32::from(!*counted);
                    *counted = true;
                    stay.resume(now);
                }
                Event::StopWaiting(which) if !waiting.is_empty() => {
                    let (number, place) = waiting.swap_remove(which % waiting.len());
                    *naive.waiting.get_mut(&number).unwrap() -= 1;
                    drop(place);
                }
                Event::Pass(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    naive.pass(milliseconds);
                }
                Event::Sweep => rule.table.sweep(now),
                Event::Leave(_) | Event::Pause(_) | Event::Resume(_) | Event::StopWaiting(_) => {}
            }
        }
        drop((inside, waiting));
        rule.table.sweep(now + Duration::from_secs(10));
        prop_assert_eq!(rule.table.len(), 0);
    }
}
