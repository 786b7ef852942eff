//! The nodes of a farm: what may be said of them, and what is said of mistakes.

use super::*;
use crate::upstream::{Affinity, FarmSettings};

fn farm(text: &str) -> FarmSettings {
    config(text).startup.upstream
}

const TWO: &str = "upstreams: [{ name: a, url: 'http://app:1' }, { name: b, url: 'http://app:2' }]";

#[test]
fn nodes_have_names_and_the_keys_of_upstream() {
    let farm = farm(
        "upstreams: [{ name: a, url: 'http://app:1', keep_alive: 1s, max_connections: 5 }, { name: b, url: 'http://app:2', response_timeout: 200s }]",
    );
    assert_eq!(farm.names(), ["a", "b"]);
    let [first, second] = [&farm.nodes[0].connection, &farm.nodes[1].connection];
    assert_eq!(
        (first.keep_alive, first.max_connections),
        (Duration::from_secs(1), Some(5))
    );
    assert_eq!(second.max_connections, None);
    assert_eq!(farm.response_timeout(), defaults::RESPONSE_TIMEOUT);
    assert_eq!(farm.nodes[0].fail_timeout, Duration::from_secs(10));
    assert_eq!(farm.nodes[0].health, None);
    assert_ne!(farm.nodes[0].tag, farm.nodes[1].tag);
}

#[test]
fn farm_yaml_is_a_farm() {
    let text = include_str!("../../../config/farm.yaml");
    let config = Config::parse(text, &|_| Some("secret".to_owned())).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.startup.upstream.names(), ["web1", "web2"]);
    let checked = |node: &crate::upstream::NodeSettings| node.health.is_some();
    assert!(config.startup.upstream.nodes.iter().all(checked));
}

#[test]
fn the_one_upstream_is_a_farm_of_one_without_a_name() {
    let farm = farm("upstream: http://app:81");
    assert_eq!(farm.nodes.len(), 1);
    assert_eq!(farm.names(), Vec::<String>::new());
}

#[test]
fn affinity_is_by_onelanes_cookie_unless_it_says_otherwise() {
    let affinity = |text: &str| farm(&format!("{TWO}\n{text}")).affinity;
    let own = |cookie: &str| Affinity::Own {
        cookie: cookie.to_owned(),
    };
    assert_eq!(affinity(""), own("onelane_node"));
    assert_eq!(affinity("affinity: {}"), own("onelane_node"));
    assert_eq!(affinity("affinity: { cookie: SRV }"), own("SRV"));
    assert_eq!(affinity("affinity: { cookie: SRV, set: true }"), own("SRV"));
    assert_eq!(affinity("affinity: off"), Affinity::Off);
    assert_eq!(
        affinity("affinity: { cookie: ARRAffinity, set: false }"),
        Affinity::Learned {
            cookie: "ARRAffinity".to_owned()
        }
    );
}

#[test]
fn checks_are_a_path_or_more() {
    let health = |text: &str| {
        let text = format!("upstreams: [{{ name: a, url: 'http://app:1', health: {text} }}]");
        farm(&text).nodes.remove(0).health.unwrap()
    };
    let short = health("/up?deep=1");
    assert_eq!(short.path, "/up?deep=1");
    assert_eq!(
        (short.interval, short.timeout),
        (Duration::from_secs(5), Duration::from_secs(3))
    );
    assert_eq!(
        (short.unhealthy_after.get(), short.healthy_after.get()),
        (3, 2)
    );
    assert_eq!(short, health("{ path: /up?deep=1 }"));
    let long = health(
        "{ path: /h, host: 'shop.example:80', interval: 1s, timeout: 20ms, unhealthy_after: 1, healthy_after: 9 }",
    );
    assert_eq!(long.host.unwrap(), "shop.example:80");
    assert_eq!(
        (long.interval, long.timeout),
        (Duration::from_secs(1), Duration::from_millis(20))
    );
    assert_eq!(
        (long.unhealthy_after.get(), long.healthy_after.get()),
        (1, 9)
    );
}

/// The only error is at `at`, says `problem`, and what to do.
#[track_caller]
fn refused(text: &str, at: &str, problem: &str) {
    let error = error(text);
    assert_eq!(error.at, at, "{text}");
    assert!(error.problem.contains(problem), "{text}: {error}");
    assert!(error.suggestion.is_some(), "{text}");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let node = |rest: &str| format!("upstreams: [{{ name: a, url: 'http://app:1' }}, {rest}]");
    for (text, at, problem) in [
        (
            format!("upstream: http://app:3\n{TWO}"),
            "upstreams",
            "both upstream and upstreams",
        ),
        (
            "affinity: { cookie: A }".to_owned(),
            "affinity",
            "there is one upstream",
        ),
        (
            "upstream: http://a:1\naffinity: off".to_owned(),
            "affinity",
            "there is one upstream",
        ),
        (
            node("{ name: a, url: 'http://app:2' }"),
            "upstreams[1].name",
            "two upstreams are called a",
        ),
        (
            node("{ name: b, url: 'http://APP:1' }"),
            "upstreams[1].url",
            "at this address",
        ),
        (
            node("{ name: b, url: 'https://app:1' }"),
            "upstreams[1].url",
            "at this address",
        ),
        (
            node("{ url: 'http://app:2' }"),
            "upstreams[1]",
            "name is missing",
        ),
        (node("{ name: b }"), "upstreams[1]", "url is missing"),
        (node("http://app:2"), "upstreams[1]", "expected a section"),
        (
            node("{ name: b, url: 'http://app:2', weight: 3 }"),
            "upstreams[1].weight",
            "no such key",
        ),
        (
            node("{ name: 'a\tb', url: 'http://app:2' }"),
            "upstreams[1].name",
            "not a name",
        ),
    ] {
        refused(&text, at, problem);
    }
}

#[test]
fn what_is_no_farm_is_refused() {
    for (text, at, problem) in [
        ("upstreams: []".to_owned(), "upstreams", "an empty list"),
        (
            "upstreams: http://app:1".to_owned(),
            "upstreams",
            "expected a list",
        ),
        (
            "listen: 127.0.0.1:8080\nupstreams: [{ name: a, url: 'http://localhost:8080' }]"
                .to_owned(),
            "upstreams[0].url",
            "where Onelane itself listens",
        ),
        (
            format!("{TWO}\naffinity: {{ set: false }}"),
            "affinity",
            "cookie is missing",
        ),
        (
            format!("{TWO}\naffinity: {{ cookie: 'a b' }}"),
            "affinity.cookie",
            "not the name of a cookie",
        ),
        (
            format!("{TWO}\naffinity: {{ name: a }}"),
            "affinity.name",
            "no such key",
        ),
    ] {
        refused(&text, at, problem);
    }
}

#[test]
fn wrong_checks_are_refused() {
    for (health, at, problem) in [
        ("{}", "", "path is missing"),
        ("up", "", "not a path"),
        ("{ path: 'http://a/' }", ".path", "not a path"),
        ("{ path: /, interval: 1ms }", ".interval", "out of range"),
        (
            "{ path: /, unhealthy_after: 0 }",
            ".unhealthy_after",
            "out of range",
        ),
        ("{ path: /, host: 'a b' }", ".host", "not a host"),
        ("{ path: /, host: 'u@b' }", ".host", "not a host"),
        ("{ path: /, status: 200 }", ".status", "no such key"),
    ] {
        let text = format!("upstreams: [{{ name: a, url: 'http://app:1', health: {health} }}]");
        let error = error(&text);
        assert_eq!(error.at, format!("upstreams[0].health{at}"), "{text}");
        assert!(error.problem.contains(problem), "{text}: {error}");
    }
}

#[test]
fn tags_are_those_of_names_and_the_secret_wherever_the_nodes_are() {
    let tags = |text: &str| {
        let nodes = farm(text).nodes.into_iter();
        nodes.map(|node| node.tag).collect::<Vec<_>>()
    };
    let with_secret = format!("session: {{ preset: php, secret: s }}\n{TWO}");
    let moved = with_secret.replace("app:1", "app:9");
    assert_eq!(tags(&with_secret), tags(&moved));
    assert_eq!(tags(TWO), tags(TWO), "a restart changes nothing");
    assert_ne!(tags(TWO), tags(&with_secret));
}

#[test]
fn a_farm_without_a_secret_is_warned_of() {
    let said = warnings(TWO);
    assert!(
        said.len() == 1 && said[0].starts_with("upstreams: session.secret is empty"),
        "{said:?}"
    );
    assert_eq!(
        warnings(&format!("{TWO}\naffinity: off")),
        Vec::<String>::new()
    );
    let with_secret = config(&format!("session: {{ preset: php, secret: s }}\n{TWO}"));
    assert_eq!(with_secret.warnings, []);
}

#[test]
fn a_node_that_gives_up_before_the_lane_is_warned_of() {
    let text = TWO.replace("app:2'", "app:2', response_timeout: 9s") + "\naffinity: off";
    let said = warnings(&text);
    assert!(
        said[0].starts_with("upstreams[1].response_timeout"),
        "{said:?}"
    );
}
