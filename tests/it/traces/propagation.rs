//! What the application is told of a trace, and which requests are sampled.

use std::fs;

use onelane::reload::{Cause, NotReloaded};
use tempfile::TempDir;

use super::collector::{Collector, SERVER, of_kind};
use crate::support::{Proxy, Request, Upstream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// The fields of the `traceparent` that the application got last.
fn told(app: &Upstream) -> Vec<String> {
    let seen = app.arrival().seen;
    let all = seen.head.all("traceparent");
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].split('-').map(str::to_owned).collect()
}

#[test]
fn a_callers_trace_goes_on_and_its_state_is_passed_on_as_it_is() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let proxy = collector.proxy(&app, "sample_rate: 0");
    let request = Request::get("/x")
        .header("traceparent", traceparent("01"))
        .header("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
        .header("tracestate", "third=1");
    assert_eq!(proxy.call(&request).status, 200);
    let seen = app.arrival().seen;
    let spans = collector.until(2);
    let server = of_kind(&spans, SERVER);
    assert_eq!(
        (&*server.trace, server.parent.as_deref()),
        (TRACE, Some(CALLER))
    );
    assert_eq!(
        server.state,
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,third=1"
    );
    // has_is_remote and is_remote of OTLP's SpanFlags, and sampled.
    assert_eq!(server.flags, 0x301);
    let client = spans.iter().find(|span| span.kind != SERVER).unwrap();
    assert_eq!(
        (client.parent.as_ref(), client.flags),
        (Some(&server.id), 0x101)
    );
    let said = format!("00-{TRACE}-{}-01", client.id);
    assert_eq!(seen.head.all("traceparent"), [said]);
    let state = ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "third=1"];
    assert_eq!(seen.head.all("tracestate"), state);
}

#[test]
fn who_is_not_sampled_by_the_caller_is_told_on_and_not_sent() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let proxy = collector.proxy(&app, "sample_rate: 1");
    let quiet = Request::get("/quiet").header("traceparent", traceparent("00"));
    assert_eq!(proxy.call(&quiet).status, 200);
    let said = told(&app);
    assert_eq!((&*said[1], &*said[3]), (TRACE, "00"));
    assert!(said[2] != CALLER && said[2].len() == 16);
    // Control: of a request behind it, all that is sent comes.
    let loud = Request::get("/loud").header("traceparent", traceparent("01"));
    assert_eq!(proxy.call(&loud).status, 200);
    let spans = collector.until(2);
    assert_eq!(of_kind(&spans, SERVER).get("url.path"), Some("/loud"));
}

#[test]
fn a_context_that_is_malformed_or_ignored_ends_here_and_another_begins() {
    for (parent, said) in [
        ("follow", "00-nonsense"),
        (
            "follow",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ),
        ("ignore", &*traceparent("01")),
    ] {
        let (app, collector) = (Upstream::start(), Collector::start());
        let proxy = collector.proxy(&app, &format!("parent: {parent}"));
        let request = Request::get("/x")
            .header("traceparent", said)
            .header("tracestate", "a=1");
        assert_eq!(proxy.call(&request).status, 200);
        let spans = collector.until(2);
        let server = of_kind(&spans, SERVER);
        assert_eq!((server.parent.as_ref(), &*server.state), (None, ""));
        assert_ne!(server.trace, TRACE);
        let seen = app.arrival().seen;
        assert_eq!(
            seen.header("traceparent").unwrap().split('-').nth(1),
            Some(&*server.trace)
        );
        assert_eq!(seen.header("tracestate"), None);
    }
}

#[test]
fn with_traces_off_no_header_is_changed_or_added() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "tracing: off");
    let plain = Request::get("/plain");
    assert_eq!(proxy.call(&plain).status, 200);
    let seen = app.arrival().seen;
    assert_eq!(
        (seen.header("traceparent"), seen.header("tracestate")),
        (None, None)
    );
    let caller = traceparent("01");
    for said in ["00-nonsense", &caller] {
        let request = Request::get("/x")
            .header("traceparent", said)
            .header("tracestate", "not a list");
        assert_eq!(proxy.call(&request).status, 200);
        let seen = app.arrival().seen;
        assert_eq!(seen.head.all("traceparent"), [said]);
        assert_eq!(seen.head.all("tracestate"), ["not a list"]);
    }
    let metrics = proxy.metrics();
    assert_eq!(metrics.count("onelane_trace_spans_total"), 0);
}

#[test]
fn a_client_cannot_nominate_the_context_away() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let proxy = collector.proxy(&app, "");
    let request = Request::get("/x")
        .header("connection", "traceparent, tracestate")
        .header("traceparent", traceparent("01"));
    assert_eq!(proxy.call(&request).status, 200);
    assert_eq!(told(&app)[1], TRACE);
    collector.until(2);
}

#[test]
fn the_rate_may_change_with_a_reload_and_nothing_else_may() {
    let (app, collector) = (Upstream::start(), Collector::start());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("onelane.yaml");
    let write = |more: &str| {
        fs::write(&file, Proxy::yaml(app.address(), &collector.yaml(more))).unwrap();
    };
    write("sample_rate: 0");
    let proxy = Proxy::of_file(&file);
    for _ in 0..20 {
        assert_eq!(proxy.call(&Request::get("/none")).status, 200);
        assert_eq!(told(&app)[3], "00");
    }
    write("sample_rate: 1");
    proxy.reload().reload(Cause::Operator).unwrap();
    for _ in 0..20 {
        assert_eq!(proxy.call(&Request::get("/all")).status, 200);
        assert_eq!(told(&app)[3], "01");
    }
    let spans = collector.until(40);
    assert!(
        spans
            .iter()
            .all(|span| span.get("url.path") != Some("/none"))
    );
    proxy.until_counted("onelane_trace_spans_total", ("result", "exported"), 40);
    write("sample_rate: 1, service_name: other");
    match proxy.reload().reload(Cause::Operator) {
        Err(NotReloaded::Startup(keys)) => assert_eq!(keys, ["tracing.service_name"]),
        other => panic!("{other:?}"),
    }
}
