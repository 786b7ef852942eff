//! What requests say about their node, and what requests do to what is known of nodes.

use std::io;

use http::header::{COOKIE, SET_COOKIE};

use super::*;
use crate::upstream::{Settings, Tag};

fn node(number: usize) -> NodeSettings {
    let name = format!("web{number}");
    NodeSettings {
        tag: Tag::new(Some("secret"), &name, ""),
        name: Some(name.into()),
        connection: Settings {
            target: Target::Unix(format!("/run/{number}").into()),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(1),
            body_timeout: Duration::from_secs(1),
            keep_alive: Duration::from_secs(1),
            max_connections: None,
        },
        health: None,
        fail_timeout: Duration::from_secs(10),
    }
}

fn nodes(count: usize, affinity: Affinity, now: Instant) -> Arc<Nodes> {
    let nodes = (0..count).map(node).collect();
    Nodes::new(FarmSettings { nodes, affinity }, now)
}

fn own() -> Affinity {
    Affinity::Own {
        cookie: "node".to_owned(),
    }
}

fn with_cookie(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, format!("a=b; node={value}").parse().unwrap())])
}

fn unreachable() -> ConnectError {
    ConnectError::Unreachable(io::ErrorKind::ConnectionRefused.into())
}

#[test]
fn a_cookie_that_was_given_out_names_its_node_and_nothing_else_does() {
    let nodes = nodes(3, own(), Instant::now());
    for number in 0..3 {
        let given = nodes.set_cookie(number, &Wish::default(), Crossing::Clear);
        let given = given.unwrap().to_str().unwrap().to_owned();
        let value = given.strip_prefix("node=").unwrap();
        let value = value.split(';').next().unwrap();
        let wish = nodes.wish(&with_cookie(value), Some(&[7; 16]));
        assert_eq!((wish.named, wish.session), (Some(number), Some([7; 16])));
        assert!(nodes.set_cookie(number, &wish, Crossing::Clear).is_none());
        assert!(
            nodes
                .set_cookie((number + 1) % 3, &wish, Crossing::Clear)
                .is_some()
        );
        let changed = nodes.wish(&with_cookie(&value.to_lowercase()), None);
        assert!(changed.named.is_none() || value.to_lowercase() == value);
    }
    for garbage in [
        "",
        "web0",
        "0",
        "1",
        "\"",
        "AAAAAAAAAAAAAAAA",
        "%00",
        "../../0",
        "=;=",
    ] {
        assert_eq!(
            nodes.wish(&with_cookie(garbage), None),
            Wish::default(),
            "{garbage}"
        );
    }
    let twice = nodes[1].settings.tag.to_string();
    let behind_garbage = with_cookie(&format!("forged; node={twice}"));
    assert_eq!(nodes.wish(&behind_garbage, None).named, Some(1));
}

#[test]
fn one_node_is_neither_looked_for_nor_told_nor_counted() {
    let nodes = nodes(1, own(), Instant::now());
    let tag = nodes[0].settings.tag.to_string();
    assert_eq!(
        nodes.wish(&with_cookie(&tag), Some(&[1; 16])),
        Wish::default()
    );
    assert!(
        nodes
            .set_cookie(0, &Wish::default(), Crossing::Clear)
            .is_none()
    );
    let chosen = nodes.choose(&Wish::default(), Instant::now());
    assert_eq!(chosen.node, 0);
    assert!(chosen.in_flight.is_none());
}

#[test]
fn without_affinity_neither_cookie_nor_session_counts() {
    let nodes = nodes(2, Affinity::Off, Instant::now());
    let tag = nodes[1].settings.tag.to_string();
    assert_eq!(
        nodes.wish(&with_cookie(&tag), Some(&[1; 16])),
        Wish::default()
    );
    assert!(
        nodes
            .set_cookie(0, &Wish::default(), Crossing::Clear)
            .is_none()
    );
}

#[test]
fn what_a_node_sets_names_it_from_then_on() {
    let learned = Affinity::Learned {
        cookie: "node".to_owned(),
    };
    let nodes = nodes(2, learned, Instant::now());
    assert_eq!(nodes.wish(&with_cookie("abc"), None).named, None);
    let sets = |value: &str| HeaderMap::from_iter([(SET_COOKIE, value.parse().unwrap())]);
    assert_eq!(nodes.learn(1, &sets("node=abc; Path=/")), Lesson::Taken);
    assert_eq!(nodes.learn(0, &sets("other=abc")), Lesson::Taken);
    assert_eq!(nodes.wish(&with_cookie("abc"), None).named, Some(1));
    assert!(
        nodes
            .set_cookie(0, &Wish::default(), Crossing::Clear)
            .is_none()
    );
}

#[test]
fn requests_count_at_their_node_until_they_end() {
    let now = Instant::now();
    let nodes = nodes(2, own(), now);
    let first = nodes.choose(&Wish::default(), now);
    let second = nodes.choose(&Wish::default(), now);
    assert_ne!(first.node, second.node);
    let free = second.node;
    drop(second);
    for _ in 0..4 {
        assert_eq!(
            nodes.choose(&Wish::default(), now).node,
            free,
            "the other is busy"
        );
    }
    drop(first);
    let both = [0, 1].map(|node| nodes[node].condition(now).in_flight);
    assert_eq!(both, [0, 0]);
}

#[test]
fn a_failed_node_is_passed_over_for_its_time_or_until_it_is_reached() {
    let start = Instant::now();
    let nodes = nodes(2, own(), start);
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(nodes.healthy(at(0)), [true, true]);
    nodes.failed(1, at(5), &unreachable());
    assert_eq!(nodes.healthy(at(5)), [true, false]);
    assert_eq!(nodes.healthy(at(14)), [true, false]);
    assert_eq!(nodes.healthy(at(15)), [true, true]);
    nodes.failed(0, at(20), &unreachable());
    nodes[0].recovered();
    nodes[1].recovered();
    assert_eq!(nodes.healthy(at(20)), [true, true]);
    nodes.failed(0, at(0), &unreachable());
    assert_eq!(nodes.healthy(at(0)), [false, true], "at the very start too");
}

#[test]
fn all_are_ill_only_when_the_checks_of_each_say_so() {
    let now = Instant::now();
    let nodes = nodes(2, own(), now);
    nodes.failed(0, now, &unreachable());
    nodes.failed(1, now, &unreachable());
    assert!(!nodes.all_ill(), "no check has said so");
    nodes[0].checked(Standing::Down);
    assert!(!nodes.all_ill());
    nodes[1].checked(Standing::Down);
    assert!(nodes.all_ill());
    assert_eq!(nodes.healthy(now + Duration::from_secs(60)), [false, false]);
    nodes[0].checked(Standing::Up);
    assert!(!nodes.all_ill());
}

#[test]
fn the_one_upstream_has_no_name_to_be_told_by() {
    let mut only = node(0);
    only.name = None;
    let settings = FarmSettings {
        nodes: vec![only],
        affinity: own(),
    };
    assert_eq!(settings.names(), Vec::<String>::new());
    assert!(
        Nodes::new(settings, Instant::now())
            .healthy(Instant::now())
            .is_empty()
    );
}
