//! `ready_path`: balancers are answered on the listener of clients, and the application never hears of it.

use crate::support::{Proxy, Request, Step, Upstream, answer, eventually, held};

const READY: &str = "ready_path: /onelane-ready";

#[test]
fn a_balancer_is_answered_and_nothing_is_forwarded_or_counted() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, READY);
    let mut balancer = proxy.connect();
    for target in ["/onelane-ready", "/onelane-ready?from=balancer"] {
        let response = balancer.call(&Request::get(target));
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "ready\n")
        );
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    let head = balancer.call(&Request::new("HEAD", "/onelane-ready"));
    assert_eq!((head.status, head.text().as_str()), (200, ""));
    let post = balancer.call(&Request::post("/onelane-ready", "x=1").session("a"));
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
    assert_eq!(app.arrived(), 0);
    assert_eq!(proxy.metrics().count("onelane_requests_total"), 0);
}

#[test]
fn what_is_written_differently_is_the_applications_and_so_is_everything_when_it_is_off() {
    let app = Upstream::start();
    let targets = [
        "/onelane-ready/",
        "//onelane-ready",
        "/Onelane-ready",
        "/%6fnelane-ready",
    ];
    let proxy = Proxy::in_front_of(&app, READY);
    for target in targets {
        assert_eq!(proxy.call(&Request::get(target)).status, 200);
    }
    assert_eq!(app.targets(), targets);
    let off = Proxy::in_front_of(&app, "");
    assert_eq!(off.call(&Request::get("/onelane-ready")).status, 200);
    assert_eq!(app.targets().len(), targets.len() + 1);
}

#[test]
fn neither_lane_nor_throttle_nor_deny_list_is_asked() {
    let app = Upstream::start();
    app.on("/hold", held());
    let yaml = format!("{READY}\nthrottle: {{ rate: 1/h }}\nqueue: {{ limit: 0 }}");
    let proxy = Proxy::in_front_of(&app, &yaml);
    let mut holder = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let ask = |proxy: &Proxy| {
        let statuses = ["/onelane-ready", "/other"].map(|target| {
            let request = Request::get(target).session("a");
            proxy.call(&request).status
        });
        (statuses[0], statuses[1])
    };
    assert_eq!(ask(&proxy), (200, 429), "the second of the hour");
    inside.release();
    assert_eq!(holder.status(), 200);
    let denied = Proxy::in_front_of(&app, &format!("{READY}\nclient: {{ deny: [127.0.0.1] }}"));
    assert_eq!(ask(&denied), (200, 403));
}

#[test]
fn when_the_health_checks_fail_nobody_should_be_sent() {
    let app = Upstream::start();
    app.on("/health", [Step::ReadBody, Step::Send(answer(500, ""))]);
    let health = "{ path: /health, interval: 20ms, unhealthy_after: 1 }";
    let proxy = Proxy::start(&format!(
        "listen: 127.0.0.1:0\nadmin: {{ listen: 127.0.0.1:0 }}\n{READY}\n\
         upstreams: [{{ name: one, url: 'http://{}', health: {health} }}]\n",
        app.address()
    ));
    eventually("balancers are told", || {
        proxy.call(&Request::get("/onelane-ready")).status == 503
    });
    app.on("/health", [Step::ReadBody, Step::Send(answer(200, ""))]);
    eventually("and told again", || {
        proxy.call(&Request::get("/onelane-ready")).status == 200
    });
}
