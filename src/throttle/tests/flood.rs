//! Floods of clients: what is remembered is bounded, and nobody who is known loses by it.

use super::*;

/// What a flood of a million /64s of one provider leaves.
struct Flood {
    rule: Rule,
    now: Instant,
    admitted: usize,
}

fn flood(limits: Limits, before: impl FnOnce(&Rule, Instant)) -> Flood {
    let rule = rule(limits);
    let start = Instant::now();
    before(&rule, start);
    let (mut admitted, mut now) = (0, start);
    for number in 0..1_000_000 {
        now += Duration::from_micros(10);
        admitted += usize::from(admits(&rule, subscriber(0xbad, number), now));
        assert!(number % 10_000 != 0 || rule.table.len() <= Rule::TRACKED);
    }
    Flood {
        rule,
        now,
        admitted,
    }
}

/// So slow that nobody's burst is whole again before the flood has ended.
fn slow() -> Limits {
    Limits {
        rate: Some(rate(60, Duration::from_secs(3600), 3)),
        ..Limits::default()
    }
}

#[test]
fn a_million_networks_stay_within_the_bound_and_cost_no_known_client_its_state() {
    let (owing, using) = (subscriber(0xcafe, 1), subscriber(0xcafe, 2));
    let Flood {
        rule,
        now,
        admitted: _,
    } = flood(slow(), |rule, start| {
        assert_eq!(admitted(rule, owing, 9, start), 3);
        assert_eq!(admitted(rule, using, 1, start), 1);
    });
    assert!(rule.table.len() <= Rule::TRACKED);
    assert!(rule.table.len() > Rule::TRACKED * 9 / 10);
    assert!(rule.table.capacity() < 2 * Rule::TRACKED);
    assert!(!admits(&rule, owing, now), "its burst is still used up");
    assert_eq!(
        admitted(&rule, using, 9, now),
        2,
        "and this one has the rest"
    );
    rule.table.sweep(now + Duration::from_secs(3600));
    assert_eq!((rule.table.len(), rule.table.capacity()), (0, 0));
}

#[test]
fn a_flood_from_one_block_gets_little_and_leaves_newcomers_from_elsewhere_their_limit() {
    let Flood {
        rule,
        now,
        admitted: flooded,
    } = flood(slow(), |_, _| {});
    // A request of each network that has a meter, the groups by network, and the one of its block.
    assert!(flooded <= Rule::TRACKED + 3 * (GROUPS + 1), "{flooded}");
    assert!(!admits(&rule, subscriber(0xbad, 1_000_001), now));
    let innocent = |provider| admits(&rule, subscriber(provider, 7), now);
    let served = (0x1000..0x1100)
        .filter(|provider| innocent(*provider))
        .count();
    assert!(served > 240, "{served} of 256 newcomers of other providers");
    let v4 = (0..256_u32).filter(|block| admits(&rule, client(block << 16), now));
    assert!(v4.count() > 230);
}

#[test]
fn one_network_that_hammers_a_full_table_gets_no_more_than_a_network_and_its_block() {
    let flood = flood(slow(), |_, _| {});
    let hammered = admitted(&flood.rule, subscriber(0xbeef, 1), 10_000, flood.now);
    assert!(hammered <= 6, "{hammered}");
    let verdict = flood.rule.arrive(subscriber(0xbeef, 1), flood.now);
    assert_eq!(verdict.measured, Measured::Together);
    assert!(verdict.outcome.is_err());
}

#[test]
fn where_bursts_are_soon_whole_again_the_flood_makes_room_for_itself() {
    // The flood lasts ten seconds, and each of it is as good as new after a tenth of one.
    let flood = flood(per_second(10, 10), |_, _| {});
    assert_eq!(flood.admitted, 1_000_000);
    let verdict = flood
        .rule
        .arrive(subscriber(0xcafe, 1), flood.now + 100 * MS);
    assert_eq!(verdict.measured, Measured::Alone);
}

#[test]
fn counts_of_newcomers_that_share_a_meter_end_too() {
    let rule = rule(concurrent(1));
    let now = Instant::now();
    let inside: Vec<_> = (0..300_000)
        .map(|number| rule.arrive(subscriber(0xbad, number), now).outcome)
        .collect();
    let within = inside.iter().filter(|place| place.is_ok()).count();
    assert!(
        (Rule::TRACKED..=Rule::TRACKED + GROUPS + 1).contains(&within),
        "{within}"
    );
    drop(inside);
    assert_eq!(rule.table.len(), 0);
    let again: Vec<_> = (0..300_000)
        .map(|number| rule.arrive(subscriber(0xbad, number), now).outcome)
        .collect();
    let as_before = again.iter().filter(|place| place.is_ok()).count();
    assert!(as_before.abs_diff(within) < 100, "{as_before}, {within}");
}
