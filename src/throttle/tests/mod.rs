//! What one client gets, what others keep, and what is remembered.

mod flood;
mod model;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::table::GROUPS;
use super::*;
use crate::client::{Ipv6Prefix, PeerAddr};

fn network(address: impl Into<IpAddr>) -> ClientNetwork {
    let peer = SocketAddr::new(address.into(), 1);
    PeerAddr::new(peer)
        .client()
        .network(Ipv6Prefix::new(64).unwrap())
}

fn client(number: u32) -> ClientNetwork {
    network(Ipv4Addr::from(number))
}

/// The /64 `number` of a provider's /32.
fn subscriber(provider: u16, number: u32) -> ClientNetwork {
    let [high, low] = [(number >> 16) as u16, (number & 0xffff) as u16];
    network(Ipv6Addr::new(0x2001, provider, high, low, 0, 0, 0, 1))
}

fn rate(count: u32, period: Duration, burst: u32) -> Rate {
    let [count, burst] = [count, burst].map(|number| NonZeroU32::new(number).unwrap());
    Rate::new(count, period, burst).unwrap()
}

fn per_second(count: u32, burst: u32) -> Limits {
    Limits {
        rate: Some(rate(count, Duration::from_secs(1), burst)),
        ..Limits::default()
    }
}

fn concurrent(limit: u32) -> Limits {
    Limits {
        concurrent: Some(limit),
        ..Limits::default()
    }
}

fn named(name: &str, limits: Limits) -> Rule {
    Rule::new(
        Arc::from(name),
        limits,
        Routes::All,
        Action::TooManyRequests,
        Mode::Enforce,
    )
}

fn rule(limits: Limits) -> Rule {
    named("rule", limits)
}

fn admits(rule: &Rule, client: ClientNetwork, now: Instant) -> bool {
    rule.arrive(client, now).outcome.is_ok()
}

/// How many of `requests` at one moment are admitted.
fn admitted(rule: &Rule, client: ClientNetwork, requests: usize, now: Instant) -> usize {
    (0..requests).filter(|_| admits(rule, client, now)).count()
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_burst_is_admitted_at_once_and_then_the_rate() {
    let rule = rule(per_second(10, 5));
    let start = Instant::now();
    assert_eq!(admitted(&rule, client(1), 9, start), 5);
    for tenth in 1..=20 {
        let now = start + tenth * 100 * MS;
        assert!(!admits(&rule, client(1), now - MS), "{tenth}");
        assert_eq!(admitted(&rule, client(1), 9, now), 1, "{tenth}");
    }
    assert_eq!(
        admitted(&rule, client(1), 9, start + Duration::from_secs(60)),
        5
    );
}

#[test]
fn who_is_refused_is_told_the_exact_time() {
    let rule = rule(per_second(10, 1));
    let start = Instant::now();
    assert!(admits(&rule, client(1), start));
    for after in [0, 30, 99] {
        let refused = rule.arrive(client(1), start + after * MS).outcome;
        let retry_after = (100 - after) * MS;
        assert_eq!(refused.unwrap_err(), Exceeded::Rate { retry_after });
    }
    assert!(admits(&rule, client(1), start + 100 * MS));
}

#[test]
fn being_refused_costs_nothing() {
    let rule = rule(per_second(1, 1));
    let start = Instant::now();
    assert_eq!(admitted(&rule, client(1), 1000, start), 1);
    assert!(admits(&rule, client(1), start + Duration::from_secs(1)));
}

#[test]
fn clients_do_not_share_a_rate() {
    let rule = rule(per_second(1, 1));
    let now = Instant::now();
    for number in 0..1000 {
        assert_eq!(admitted(&rule, client(number), 3, now), 1);
    }
}

#[test]
fn a_rule_refuses_for_the_requests_inside_before_it_takes_from_the_rate() {
    let limits = Limits {
        concurrent: Some(1),
        ..per_second(1, 2)
    };
    let rule = rule(limits);
    let now = Instant::now();
    let inside = rule.arrive(client(1), now).outcome.unwrap();
    for _ in 0..10 {
        let refused = rule.arrive(client(1), now).outcome.unwrap_err();
        assert_eq!(refused, Exceeded::Concurrent);
    }
    drop(inside);
    assert!(
        admits(&rule, client(1), now),
        "the second of the burst is left"
    );
    let refused = rule.arrive(client(1), now).outcome.unwrap_err();
    assert!(matches!(refused, Exceeded::Rate { .. }), "{refused}");
}

#[test]
fn a_request_refused_by_its_rate_is_not_counted_as_inside() {
    let limits = Limits {
        concurrent: Some(2),
        ..per_second(10, 1)
    };
    let rule = rule(limits);
    let now = Instant::now();
    let first = rule.arrive(client(1), now).outcome.unwrap();
    assert!(rule.arrive(client(1), now).outcome.is_err());
    let second = rule.arrive(client(1), now + 100 * MS).outcome;
    assert!(second.is_ok(), "{second:?}");
    drop((first, second));
}

#[test]
fn waiting_requests_are_counted_apart_from_those_inside() {
    let limits = Limits {
        waiting: Some(1),
        ..concurrent(1)
    };
    let rule = rule(limits);
    let now = Instant::now();
    let inside = rule.arrive(client(1), now).outcome.unwrap();
    let waiting = rule.wait(client(1), now).outcome.unwrap();
    assert_eq!(
        rule.wait(client(1), now).outcome.unwrap_err(),
        Exceeded::Waiting
    );
    drop(waiting);
    assert!(rule.wait(client(1), now).outcome.is_ok());
    assert!(rule.arrive(client(1), now).outcome.is_err());
    drop(inside);
}

#[test]
fn a_stay_is_not_counted_while_it_waits_and_enters_whatever_the_limit() {
    let rule = rule(concurrent(1));
    let now = Instant::now();
    let mut stay = Stay::default();
    stay.add(0, rule.arrive(client(1), now).outcome.unwrap());
    stay.pause();
    stay.pause();
    let other = rule.arrive(client(1), now).outcome.unwrap();
    stay.resume(now);
    stay.resume(now);
    drop(other);
    assert!(!admits(&rule, client(1), now), "the stay is inside");
    stay.end();
    stay.end();
    assert!(admits(&rule, client(1), now));
    assert_eq!(rule.table.len(), 0);
}

#[test]
fn a_stay_whose_body_has_come_enters_as_far_as_the_limits_allow() {
    let (full, free) = (rule(concurrent(1)), rule(concurrent(2)));
    let now = Instant::now();
    let mut stay = Stay::default();
    for (number, rule) in [(4, &full), (7, &free)] {
        stay.add(number, rule.arrive(client(1), now).outcome.unwrap());
    }
    assert!(stay.arrive(now).is_empty(), "it is inside already");
    stay.pause();
    let others = [&full, &free].map(|rule| rule.arrive(client(1), now).outcome.unwrap());
    assert_eq!(stay.arrive(now).as_slice(), [4]);
    drop(others);
    assert!(admits(&full, client(1), now), "it counts there no more");
    let beside = free.arrive(client(1), now).outcome.unwrap();
    assert!(!admits(&free, client(1), now), "and is inside here");
    drop((beside, stay));
    assert_eq!((full.table.len(), free.table.len()), (0, 0));
}

#[test]
fn threads_that_come_and_go_never_exceed_the_count_together() {
    let rule = rule(concurrent(3));
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    if let Ok(place) = rule.arrive(client(1), Instant::now()).outcome {
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                }
            });
        }
    });
    assert!((1..=3).contains(&most.into_inner()));
    assert_eq!(rule.table.len(), 0);
}

#[test]
fn nothing_is_kept_of_a_client_without_a_rate_that_has_left() {
    let rule = rule(concurrent(1));
    let now = Instant::now();
    let places: Vec<_> = (0..1000)
        .map(|number| rule.arrive(client(number), now).outcome.unwrap())
        .collect();
    assert_eq!(rule.table.len(), 1000);
    drop(places);
    assert_eq!(rule.table.len(), 0);
}

#[test]
fn the_sweep_forgets_whose_burst_is_whole_again_and_gives_memory_back() {
    let rules = Rules::new(vec![rule(per_second(1, 1))]);
    let rule = &rules.rules[0];
    let start = Instant::now();
    (0..50_000).for_each(|number| assert!(admits(rule, client(number), start)));
    let full = rule.table.capacity();
    let later = start + Duration::from_secs(1);
    assert!(admits(rule, client(1), later));
    rules.sweep(start + 999 * MS);
    assert_eq!(rules.clients(), 50_000, "all owe still");
    rules.sweep(start + Duration::from_secs(2) - MS);
    assert_eq!(rules.clients(), 1, "one owes still");
    assert!(
        rule.table.capacity() < full / 10,
        "{}",
        rule.table.capacity()
    );
    assert!(!admits(rule, client(1), later), "and is remembered");
}

#[test]
fn a_rule_is_for_its_routes() {
    let label = |text: &str| -> Arc<str> { Arc::from(text) };
    let mut rule = rule(concurrent(1));
    assert!(rule.is_for(&label("any")));
    rule.routes = Routes::Labelled([label("a"), label("b")].into());
    assert!(rule.is_for(&label("b")) && !rule.is_for(&label("c")));
}

#[test]
fn a_reload_keeps_what_clients_owe_to_rules_that_stay() {
    let now = Instant::now();
    let old = Rules::new(vec![
        named("a", per_second(1, 1)),
        named("b", per_second(1, 1)),
    ]);
    let places: Vec<_> = old
        .iter()
        .map(|rule| admits(rule, client(1), now))
        .collect();
    assert_eq!(places, [true, true]);
    let mut new = Rules::new(vec![
        named("b", per_second(1, 1)),
        named("a", per_second(2, 2)),
        named("c", per_second(1, 1)),
    ]);
    new.inherit(&old);
    let admitted: Vec<_> = new
        .iter()
        .map(|rule| admits(rule, client(1), now))
        .collect();
    assert_eq!(admitted, [false, true, true]);
}
