//! Where traces go, which requests have one, and what is said of mistakes in it.

use std::time::Duration;

use super::*;
use crate::traces::OnParent;

const ENDPOINT: &str = "endpoint: http://127.0.0.1:4318/v1/traces";

fn tracing(keys: &str) -> String {
    format!("tracing: {{ {ENDPOINT}, {keys} }}")
}

#[test]
fn traces_are_off_unless_there_is_an_endpoint() {
    for off in ["{}", "tracing: off", "tracing: false"] {
        assert_eq!(config(off).startup.tracing, None, "{off}");
    }
    let on = config(&tracing("")).startup.tracing.unwrap();
    assert_eq!(on.endpoint.url, "http://127.0.0.1:4318/v1/traces");
    assert_eq!((&*on.endpoint.host, on.endpoint.port), ("127.0.0.1", 4318));
    assert_eq!(on.endpoint.tls, None);
    let error = error("tracing: { sample_rate: 0.5 }");
    assert_eq!(
        (&*error.at, &*error.problem),
        ("tracing", "endpoint is missing")
    );
}

#[test]
fn what_is_not_said_is_as_opentelemetry_has_it() {
    let config = config(&tracing(""));
    let on = config.startup.tracing.unwrap();
    assert_eq!(
        (on.interval, on.timeout),
        (Duration::from_secs(5), Duration::from_secs(10))
    );
    assert_eq!(
        (&*on.service_name, on.resource_attributes.len()),
        ("onelane", 0)
    );
    assert!(on.headers.is_empty());
    assert_eq!(config.policy.sampling.rate, 1.0);
    assert_eq!(config.policy.sampling.parent, OnParent::Follow);
}

#[test]
fn all_keys_are_read() {
    let config = config(&tracing(
        "headers: { X-Api-Key: s3cret, x-empty: '' }, service_name: shop, sample_rate: '0.01', parent: ignore, \
         resource_attributes: { deployment.environment.name: test, k8s.pod.name: '' }, interval: 50ms, timeout: 2s",
    ));
    let on = config.startup.tracing.unwrap();
    assert_eq!(on.headers.len(), 1);
    assert_eq!(on.headers["x-api-key"], "s3cret");
    assert_eq!(on.service_name, "shop");
    let attribute = ("deployment.environment.name".to_owned(), "test".to_owned());
    assert_eq!(on.resource_attributes, [attribute]);
    assert_eq!(
        (on.interval, on.timeout),
        (Duration::from_millis(50), Duration::from_secs(2))
    );
    assert_eq!(config.policy.sampling.rate, 0.01);
    assert_eq!(config.policy.sampling.parent, OnParent::Ignore);
}

#[test]
fn an_endpoint_is_a_whole_url_that_may_be_shown() {
    let suggested = |url: &str| suggestion(&format!("tracing: {{ endpoint: '{url}' }}"));
    let whole = "write http://collector:4318/v1/traces";
    assert_eq!(suggested("http://collector:4318"), whole);
    assert_eq!(suggested("http://collector:4318/"), whole);
    assert!(suggested("collector:4318/v1/traces").contains("http://127.0.0.1:4318/v1/traces"));
    assert!(suggested("grpc://collector:4317/x").contains("http://127.0.0.1:4318/v1/traces"));
    for secret in [
        "http://u:p@collector/v1/traces",
        "http://collector/v1/traces?key=k",
    ] {
        assert!(suggested(secret).contains("headers:"), "{secret}");
    }
    for wrong in ["", "http://a b/c", "http://a:99999/c", "http://:80/c"] {
        assert_eq!(
            error(&format!("tracing: {{ endpoint: '{wrong}' }}")).at,
            "tracing.endpoint"
        );
    }
}

#[test]
fn an_endpoint_with_tls_is_verified() {
    let https = config("tracing: { endpoint: 'https://[::1]/v1/traces' }")
        .startup
        .tracing;
    let endpoint = https.unwrap().endpoint;
    assert_eq!((&*endpoint.host, endpoint.port), ("::1", 443));
    assert!(endpoint.tls.is_some());
    let at = |text: &str| error(text).at;
    assert_eq!(at(&tracing("tls: { server_name: a }")), "tracing.tls");
    let https =
        |tls: &str| format!("tracing: {{ endpoint: 'https://a/v1/traces', tls: {{ {tls} }} }}");
    assert_eq!(at(&https("verify: false")), "tracing.tls.verify");
    assert_eq!(at(&https("ca: nowhere.pem")), "tracing.tls.ca");
    assert_eq!(at(&https("server_name: 'a b'")), "tracing.tls.server_name");
}

#[test]
fn a_header_can_be_sent_and_its_value_is_never_shown() {
    for wrong in [
        "x-key: \"s3cr\\u00e9t\\n\"",
        "'x key': s3cret",
        "Host: s3cret",
        "content-type: s3cret",
    ] {
        let error = error(&tracing(&format!("headers: {{ {wrong} }}")));
        assert!(error.at.starts_with("tracing.headers."), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cr"), "{error:?}");
    }
    let config = config(&tracing("headers: { x-key: s3cret }"));
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn rates_and_times_have_their_ranges() {
    for (wrong, at) in [
        ("sample_rate: 1.01", "sample_rate"),
        ("sample_rate: -1", "sample_rate"),
        ("sample_rate: .nan", "sample_rate"),
        ("sample_rate: much", "sample_rate"),
        ("interval: 61s", "interval"),
        ("interval: 0s", "interval"),
        ("timeout: 0s", "timeout"),
        ("parent: maybe", "parent"),
        ("protocol: grpc", "protocol"),
        ("sample: 0.1", "sample"),
        (
            "resource_attributes: { service.name: a }",
            "resource_attributes.service.name",
        ),
    ] {
        assert_eq!(
            error(&tracing(wrong)).at,
            format!("tracing.{at}"),
            "{wrong}"
        );
    }
    for right in ["0", "1", "0.0", "1.0", "'0.25'"] {
        config(&tracing(&format!("sample_rate: {right}")));
    }
}

#[test]
fn the_names_that_others_have_for_it_lead_to_it() {
    for name in ["telemetry", "opentelemetry", "otlp", "traces"] {
        let error = error(&format!("{name}: {{}}"));
        assert!(error.suggestion.unwrap().contains("tracing: {"), "{name}");
    }
}

#[test]
fn the_port_of_grpc_is_doubted() {
    let doubts = |port: u16| {
        let tracing = format!("tracing: {{ endpoint: 'http://collector:{port}/v1/traces' }}");
        warnings(&tracing)
    };
    assert!(doubts(4317)[0].starts_with("tracing.endpoint: 4317"));
    assert_eq!(doubts(4318), Vec::<String>::new());
}

#[test]
fn a_reload_may_change_who_is_sampled_and_nothing_else() {
    let differ = |one: &str, other: &str| {
        let startup = |text: &str| config(text).startup;
        startup(one).differs_from(&startup(other))
    };
    let first = tracing("");
    assert_eq!(
        differ(&first, &tracing("sample_rate: 0.5, parent: ignore")),
        Vec::<String>::new()
    );
    assert_eq!(differ(&first, "{}"), ["tracing"]);
    assert_eq!(differ("{}", &first), ["tracing"]);
    for (key, value) in [
        ("headers", "{ a: b }"),
        ("service_name", "shop"),
        ("resource_attributes", "{ a: b }"),
        ("interval", "1s"),
        ("timeout", "1s"),
    ] {
        let changed = tracing(&format!("{key}: {value}"));
        assert_eq!(differ(&first, &changed), [format!("tracing.{key}")]);
    }
    let other = "tracing: { endpoint: 'http://127.0.0.1:4319/v1/traces' }";
    assert_eq!(differ(&first, other), ["tracing.endpoint"]);
}
