//! What a `traceparent` means, who is sampled, and what the application is told.

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

const ALL: Sampling = Sampling {
    rate: 1.0,
    parent: OnParent::Follow,
};
const NONE: Sampling = Sampling {
    rate: 0.0,
    parent: OnParent::Follow,
};

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn parent(text: &str) -> Option<Parent> {
    Parent::of(&headers(&[("traceparent", text)]))
}

/// What the application is told of a request with these fields, and whether it is sampled.
fn told(fields: &[(&'static str, &str)], sampling: &Sampling) -> (Vec<String>, HeaderMap, bool) {
    let mut headers = headers(fields);
    let context = Context::of(&headers, sampling);
    context.tell(&mut headers);
    let said = headers["traceparent"].to_str().unwrap();
    let fields = said.split('-').map(str::to_owned).collect();
    (fields, headers, context.is_sampled())
}

#[test]
fn a_valid_header_names_the_callers_span() {
    for valid in [
        format!("00-{TRACE}-{PARENT}-01"),
        format!("00-{TRACE}-{PARENT}-ff"),
        format!("cc-{TRACE}-{PARENT}-01"),
        format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings"),
    ] {
        let parent = parent(&valid).expect(&valid);
        assert_eq!(parent.trace.to_string(), TRACE, "{valid}");
        assert_eq!(parent.span.to_string(), PARENT, "{valid}");
        assert!(parent.flags.is_sampled(), "{valid}");
    }
    let not_sampled = parent(&format!("00-{TRACE}-{PARENT}-fe")).unwrap();
    assert!(!not_sampled.flags.is_sampled());
}

#[test]
fn what_is_malformed_names_none() {
    let (zeros, upper) = ("0".repeat(32), TRACE.to_uppercase());
    for wrong in [
        String::new(),
        TRACE.to_owned(),
        format!("00-{TRACE}-{PARENT}"),
        format!("00-{TRACE}-{PARENT}-01-more"),
        format!("00-{TRACE}-{PARENT}-01-"),
        format!("ff-{TRACE}-{PARENT}-01"),
        format!("00-{upper}-{PARENT}-01"),
        format!("00-{zeros}-{PARENT}-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{TRACE}0-{PARENT}-01"),
        format!("00-{TRACE}-{PARENT}-1"),
        format!("0-{TRACE}-{PARENT}-01"),
        format!("00-{TRACE}-{PARENT}-0x"),
        format!(" 00-{TRACE}-{PARENT}-01"),
        format!("00-{}\u{e9}-{PARENT}-01", &TRACE[2..]),
    ] {
        assert_eq!(parent(&wrong), None, "{wrong}");
    }
}

#[test]
fn two_headers_name_none() {
    let valid = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(Parent::of(&HeaderMap::new()), None);
    assert!(parent(&valid).is_some());
    let twice = headers(&[("traceparent", &valid), ("traceparent", &valid)]);
    assert_eq!(Parent::of(&twice), None);
}

#[test]
fn a_trace_goes_on_with_our_span_as_the_parent_and_its_state_untouched() {
    let caller = format!("00-{TRACE}-{PARENT}-01");
    let fields = [
        ("traceparent", &*caller),
        ("tracestate", "a=1,b= x"),
        ("tracestate", "not a list"),
    ];
    let (said, headers, sampled) = told(&fields, &NONE);
    assert!(sampled, "the caller's word counts, not the rate");
    assert_eq!([&said[0], &said[1], &said[3]], ["00", TRACE, "01"]);
    assert!(said[2] != PARENT && is_hex(&said[2], 16), "{said:?}");
    let state: Vec<_> = headers.get_all("tracestate").iter().collect();
    assert_eq!(state, ["a=1,b= x", "not a list"]);
}

#[test]
fn who_is_not_sampled_by_the_caller_is_not_sampled_here() {
    let caller = format!("00-{TRACE}-{PARENT}-00");
    let (said, headers, sampled) = told(&[("traceparent", &caller), ("tracestate", "a=1")], &ALL);
    assert!(!sampled);
    assert_eq!([&said[1], &said[3]], [TRACE, "00"]);
    assert_eq!(headers["tracestate"], "a=1");
}

#[test]
fn of_the_flags_those_that_are_known_go_on() {
    let caller = format!("cc-{TRACE}-{PARENT}-ff-more");
    let (said, ..) = told(&[("traceparent", &caller)], &ALL);
    assert_eq!((said.len(), &*said[0], &*said[3]), (4, "00", "03"));
}

#[test]
fn without_a_valid_parent_a_trace_begins_and_a_strangers_state_ends() {
    for wrong in [
        None,
        Some("00-nonsense"),
        Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
    ] {
        let mut fields = vec![("tracestate", "a=1")];
        fields.extend(wrong.map(|wrong| ("traceparent", wrong)));
        let (said, headers, sampled) = told(&fields, &ALL);
        assert!(sampled && said[3] == "01");
        assert!(is_hex(&said[1], 32) && is_hex(&said[2], 16), "{said:?}");
        assert!(!headers.contains_key("tracestate"));
        let (said, _, sampled) = told(&fields, &NONE);
        assert!(!sampled && said[3] == "00");
    }
}

#[test]
fn a_caller_that_is_ignored_is_one_that_said_nothing() {
    let caller = format!("00-{TRACE}-{PARENT}-01");
    let ignore = Sampling {
        parent: OnParent::Ignore,
        ..NONE
    };
    let fields = [("traceparent", &*caller), ("tracestate", "a=1")];
    let (said, headers, sampled) = told(&fields, &ignore);
    assert!(!sampled && said[1] != TRACE && said[3] == "00");
    assert!(!headers.contains_key("tracestate"));
}

#[test]
fn each_span_has_an_id_of_its_own_and_the_state_of_its_trace() {
    let caller = format!("00-{TRACE}-{PARENT}-01");
    let fields = [
        ("traceparent", &*caller),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ];
    let context = Context::of(&headers(&fields), &ALL);
    let spans = [context.server(), context.wait(), context.client()];
    for (index, span) in spans.iter().enumerate() {
        assert_eq!(span.trace_id(), context.trace());
        assert_eq!(span.trace_state().header(), "a=1,b=2");
        assert!(span.is_sampled() && span.is_valid());
        let others = spans
            .iter()
            .filter(|other| other.span_id() == span.span_id());
        assert_eq!(others.count(), 1, "{index}");
    }
}

#[test]
fn the_rate_is_the_part_of_the_traces_that_is_sampled() {
    fastrand::seed(7);
    let sampled = |rate| {
        let sampling = Sampling { rate, ..ALL };
        let all = (0..20_000).map(|_| Context::of(&HeaderMap::new(), &sampling));
        all.filter(Context::is_sampled).count()
    };
    assert_eq!((sampled(0.0), sampled(1.0)), (0, 20_000));
    // Five standard deviations around 200 and around 10,000.
    assert!((130..=270).contains(&sampled(0.01)));
    assert!((9_646..=10_354).contains(&sampled(0.5)));
}

#[test]
fn what_is_sampled_at_a_rate_is_sampled_at_each_higher_one() {
    let sampled = |rate: f64, trace: TraceId| {
        let decided = Sampler::TraceIdRatioBased(rate);
        let decided = decided.should_sample(None, trace, "", &SpanKind::Server, &[], &[]);
        decided.decision == SamplingDecision::RecordAndSample
    };
    for _ in 0..1_000 {
        let (trace, flags) = begin(0.1);
        assert_eq!(flags.is_sampled(), sampled(0.1, trace), "{trace}");
        assert!(!sampled(0.1, trace) || sampled(0.3, trace), "{trace}");
    }
}
