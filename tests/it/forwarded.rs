//! Who the client is: forwarding headers are believed from trusted proxies, and from nobody else.

use crate::support::{Client, Proxy, Request, Seen, Upstream, eventually, held};

/// 127.0.0.1 is a trusted proxy.
const TRUSTED: &str = "client: { trusted_proxies: [127.0.0.1] }";

/// What the application sees of `request`, and how many such were ignored; the client is 127.0.0.1.
fn seen(yaml: &str, request: &Request) -> (Seen, usize) {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, yaml);
    assert_eq!(proxy.call(request).status, 200);
    let ignored = proxy.metrics().count("onelane_forwarded_untrusted_total");
    (app.arrival().seen, ignored)
}

/// A request as a balancer passes it.
fn passed_on() -> Request {
    Request::get("/x")
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Forwarded-For", "203.0.113.7:51234")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "site.test")
        .header("X-Real-IP", "203.0.113.7")
        .header("Forwarded", "for=203.0.113.7")
}

#[test]
fn what_a_stranger_forwards_is_replaced_and_counted() {
    for yaml in ["", "client: { trusted_proxies: [127.0.0.2, '::1'] }"] {
        let (seen, ignored) = seen(yaml, &passed_on());
        assert_eq!(seen.head.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.head.all("x-forwarded-proto"), ["http"]);
        assert_eq!(seen.head.all("x-forwarded-host"), ["app.test"]);
        assert_eq!(seen.header("x-real-ip"), None);
        assert_eq!(seen.header("forwarded"), None);
        assert_eq!(ignored, 1);
    }
}

#[test]
fn what_a_trusted_proxy_forwards_goes_on_with_its_own_address_behind() {
    let (seen, ignored) = seen(TRUSTED, &passed_on());
    assert_eq!(
        seen.head.all("x-forwarded-for"),
        ["6.6.6.6, 203.0.113.7:51234, 127.0.0.1"]
    );
    assert_eq!(seen.head.all("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.head.all("x-forwarded-host"), ["site.test"]);
    assert_eq!(seen.head.all("x-real-ip"), ["203.0.113.7"]);
    assert_eq!(seen.head.all("forwarded"), ["for=203.0.113.7"]);
    assert_eq!(ignored, 0);
}

#[test]
fn a_request_without_forwarding_headers_is_the_peers_own_and_not_counted() {
    for yaml in ["", TRUSTED] {
        let (seen, ignored) = seen(yaml, &Request::get("/x"));
        assert_eq!(seen.head.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.head.all("x-forwarded-proto"), ["http"]);
        assert_eq!(seen.head.all("x-forwarded-host"), ["app.test"]);
        assert_eq!(ignored, 0);
    }
}

#[test]
fn a_list_of_ten_thousand_hops_goes_through() {
    let hops = "6.6.6.6, ".repeat(9_999) + "203.0.113.7";
    let yaml = format!("{TRUSTED}\nlimits: {{ header_size: 1MiB }}");
    let request = Request::get("/x").header("X-Forwarded-For", &hops);
    let (seen, _) = seen(&yaml, &request);
    assert_eq!(
        seen.header("x-forwarded-for"),
        Some(format!("{hops}, 127.0.0.1").as_str())
    );
}

/// What became of three requests that had to wait in one lane, where one client may have two waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// As those of one client: the third was refused.
    AsOne,
    /// As those of several.
    AsSeveral,
}

/// How three requests with these fields are counted; each comes on a connection of its own from 127.0.0.1.
fn counted(client: &str, name: &str, values: [&str; 3]) -> Counted {
    let app = Upstream::start();
    app.on_each("*", |_| held());
    let proxy = Proxy::in_front_of(&app, &format!("queue: {{ max_waiting: 8 }}\n{client}"));
    let post = |value: Option<&str>| {
        let mut request = Request::post("/x", "").session("a");
        if let Some(value) = value {
            request = request.header(name, value);
        }
        let mut client = proxy.connect();
        client.send(request.bytes());
        client
    };
    let mut inside = post(None);
    let arrived = app.arrival();
    let mut waiting: Vec<Client> = Vec::new();
    for value in &values[..2] {
        waiting.push(post(Some(value)));
        proxy.until_waiting(waiting.len());
    }
    let mut third = post(Some(values[2]));
    let refused = ("reason", "too_many_waiting");
    eventually("the third waits or is refused", || {
        let metrics = proxy.metrics();
        metrics.count("onelane_waiters") == 3
            || metrics.labelled("onelane_refusals_total", refused.0, refused.1) == 1
    });
    let counted = match proxy.metrics().count("onelane_waiters") {
        3 => Counted::AsSeveral,
        _ => Counted::AsOne,
    };
    arrived.release();
    for _ in 0..if counted == Counted::AsSeveral { 3 } else { 2 } {
        app.arrival().release();
    }
    let expected = if counted == Counted::AsSeveral {
        200
    } else {
        429
    };
    assert_eq!(third.response().status, expected);
    for client in waiting.iter_mut().chain([&mut inside]) {
        assert_eq!(client.response().status, 200);
    }
    drop((waiting, inside, third));
    proxy.until_nothing_is_left();
    counted
}

const THREE: [&str; 3] = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];

#[test]
fn clients_behind_a_trusted_proxy_are_counted_each_by_itself() {
    assert_eq!(
        counted(TRUSTED, "X-Forwarded-For", THREE),
        Counted::AsSeveral
    );
    assert_eq!(
        counted(TRUSTED, "X-Forwarded-For", ["203.0.113.1"; 3]),
        Counted::AsOne
    );
}

#[test]
fn without_trusted_proxies_the_same_clients_are_one() {
    assert_eq!(counted("", "X-Forwarded-For", THREE), Counted::AsOne);
    let another = "client: { trusted_proxies: [127.0.0.2] }";
    assert_eq!(counted(another, "X-Forwarded-For", THREE), Counted::AsOne);
}

#[test]
fn a_client_cannot_be_several_by_what_it_writes_itself() {
    let invented = [
        "6.6.6.1, 203.0.113.1",
        "6.6.6.2, 203.0.113.1:80",
        "garbage\", 203.0.113.1",
    ];
    assert_eq!(
        counted(TRUSTED, "X-Forwarded-For", invented),
        Counted::AsOne
    );
}

#[test]
fn only_the_configured_header_names_the_client() {
    for (header, name, values) in [
        (
            "forwarded",
            "Forwarded",
            [
                "for=203.0.113.1",
                "for=203.0.113.2",
                "for=\"203.0.113.3:80\"",
            ],
        ),
        ("x-real-ip", "X-Real-IP", THREE),
    ] {
        let yaml = format!("client: {{ trusted_proxies: [127.0.0.1], header: {header} }}");
        assert_eq!(counted(&yaml, name, values), Counted::AsSeveral, "{name}");
        assert_eq!(counted(TRUSTED, name, values), Counted::AsOne, "{name}");
    }
}

#[test]
fn ipv6_clients_are_counted_by_the_prefix() {
    let neighbours = ["2001:db8::1", "[2001:db8::2]", "[2001:db8::3]:80"];
    assert_eq!(
        counted(TRUSTED, "X-Forwarded-For", neighbours),
        Counted::AsOne
    );
    let each = "client: { trusted_proxies: [127.0.0.1], ipv6_prefix: 128 }";
    assert_eq!(
        counted(each, "X-Forwarded-For", neighbours),
        Counted::AsSeveral
    );
}
