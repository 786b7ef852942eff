//! What rules of the throttle may say.

use std::num::NonZeroU32;

use super::*;
use crate::throttle::{Action, Limits, Mode, Rate, Routes, Rule};

fn rules(text: &str) -> Vec<(String, Limits, Routes, Action, Mode)> {
    let parts = |rule: &Rule| {
        let routes = rule.routes.clone();
        let name = rule.name.to_string();
        (name, *rule.limits(), routes, rule.action, rule.mode)
    };
    config(text).policy.throttle.iter().map(parts).collect()
}

fn rate(count: u32, period: Duration, burst: u32) -> Option<Rate> {
    let [count, burst] = [count, burst].map(|number| NonZeroU32::new(number).unwrap());
    Some(Rate::new(count, period, burst).unwrap())
}

fn limits(text: &str) -> Limits {
    rules(&format!("throttle: [{text}]")).remove(0).1
}

#[test]
fn a_rule_limits_what_it_names_for_all_routes() {
    let expected = Limits {
        rate: rate(100, Duration::from_secs(1), 200),
        concurrent: Some(20),
        waiting: Some(0),
    };
    let text = "throttle: { rate: 100/s, burst: 200, concurrent: 20, waiting: 0 }";
    assert_eq!(
        rules(text),
        [(
            "throttle[0]".to_owned(),
            expected,
            Routes::All,
            Action::TooManyRequests,
            Mode::Enforce
        )]
    );
    assert!(rules("mode: enforce").is_empty());
    assert!(rules("throttle: []").is_empty());
}

#[test]
fn a_rate_has_a_period() {
    for (text, count, period) in [
        ("100/s", 100, Duration::from_secs(1)),
        ("600/m", 600, Duration::from_secs(60)),
        ("600 / min", 600, Duration::from_secs(60)),
        ("9/h", 9, Duration::from_secs(3600)),
        ("20/200ms", 20, Duration::from_millis(200)),
        ("5/10s", 5, Duration::from_secs(10)),
        ("1000000/s", 1_000_000, Duration::from_secs(1)),
        ("1/7days", 1, Duration::from_secs(7 * 24 * 3600)),
    ] {
        let expected = rate(count, period, count);
        assert_eq!(
            limits(&format!("{{ rate: {text} }}")).rate,
            expected,
            "{text}"
        );
    }
}

#[test]
fn a_rate_that_cannot_be_is_refused_with_what_can() {
    for (rule, problem, help) in [
        ("{ rate: 100 }", "a rate needs a period", "100/s"),
        ("{ rate: 0/s }", "nobody would be admitted", "at least 1"),
        ("{ rate: 5 per second }", "not a rate", "100/s"),
        ("{ rate: -5/s }", "not a rate", "100/s"),
        ("{ rate: 5/fortnight }", "not a rate", "100/s"),
        ("{ rate: 5/0s }", "out of range", "1ms"),
        ("{ rate: 5/M }", "out of range", "7days"),
        ("{ rate: 1000001/s }", "the rate is higher", "a lower rate"),
        (
            "{ rate: 1/7days, burst: 2 }",
            "more than 7 days",
            "a smaller burst",
        ),
        ("{ rate: 5/s, burst: 0 }", "out of range", "1 to"),
        ("{ concurrent: 5, burst: 9 }", "there is none", "add rate"),
    ] {
        let error = error(&format!("throttle: [{rule}]"));
        assert!(error.problem.contains(problem), "{rule}: {error}");
        assert!(error.suggestion.unwrap().contains(help), "{rule}");
    }
}

#[test]
fn the_preset_has_the_numbers_of_iis_and_the_rule_may_change_them() {
    let iis = Limits {
        rate: rate(20, Duration::from_millis(200), 20),
        concurrent: Some(5),
        waiting: None,
    };
    let (_, limits, _, action, mode) = rules("throttle: { preset: iis }").remove(0);
    assert_eq!(
        (limits, action, mode),
        (iis, Action::Forbidden, Mode::Enforce)
    );
    let text =
        "throttle: [{ preset: iis, concurrent: 9, burst: 40, action: abort, mode: observe }]";
    let (_, limits, _, action, mode) = rules(text).remove(0);
    let own = Limits {
        rate: rate(20, Duration::from_millis(200), 40),
        concurrent: Some(9),
        waiting: None,
    };
    assert_eq!((limits, action, mode), (own, Action::Abort, Mode::Observe));
}

#[test]
fn actions_are_statuses_or_abort() {
    for (text, action) in [
        ("429", Action::TooManyRequests),
        ("401", Action::Unauthorized),
        ("\"403\"", Action::Forbidden),
        ("404", Action::NotFound),
        ("abort", Action::Abort),
    ] {
        let text = format!("throttle: {{ rate: 1/s, action: {text} }}");
        assert_eq!(rules(&text)[0].3, action);
    }
    for action in ["500", "drop", "[403]", "4.03"] {
        let error = error(&format!("throttle: {{ rate: 1/s, action: {action} }}"));
        assert_eq!(error.at, "throttle.action");
        assert!(
            error
                .suggestion
                .unwrap()
                .contains("429, 401, 403, 404 and abort")
        );
    }
}

#[test]
fn routes_are_named_by_their_labels() {
    let table =
        "session: { preset: aspnet }\nroutes: [{ name: logins, path: /login }, { path: /a }]\n";
    let labelled = |text: &str| rules(&format!("{table}throttle: {{ rate: 1/s, routes: {text} }}"));
    let expected =
        |labels: &[&str]| Routes::Labelled(labels.iter().map(|label| Arc::from(*label)).collect());
    assert_eq!(labelled("logins")[0].2, expected(&["logins"]));
    assert_eq!(labelled("[/a, default]")[0].2, expected(&["/a", "default"]));
    let preset = config(table).policy.routes.routes()[2].label.to_string();
    assert_eq!(
        labelled(&format!("['{preset}']"))[0].2,
        expected(&[&preset])
    );
    let unknown = error(&format!(
        "{table}throttle: {{ rate: 1/s, routes: [login] }}"
    ));
    assert_eq!(unknown.at, "throttle.routes[0]");
    assert_eq!(unknown.suggestion.unwrap(), "did you mean logins?");
    let none = error(&format!("{table}throttle: {{ rate: 1/s, routes: [] }}"));
    assert!(none.problem.contains("for no request"));
}

#[test]
fn a_rule_that_limits_nothing_or_shares_its_name_is_refused() {
    assert!(
        error("throttle: [{ action: 403 }]")
            .problem
            .contains("limits nothing")
    );
    let twice = error("throttle: [{ name: a, rate: 1/s }, { name: a, rate: 2/s }]");
    assert_eq!(twice.at, "throttle[1].name");
    let as_unnamed = error("throttle: [{ name: 'throttle[1]', rate: 1/s }, { rate: 2/s }]");
    assert_eq!(as_unnamed.at, "throttle[1]");
    assert!(
        error("throttle: { name: deny, rate: 1/s }")
            .problem
            .contains("of its own")
    );
    assert_eq!(
        suggestion("throttle: { rat: 1/s, waiting: 1 }"),
        "did you mean rate?"
    );
    assert!(
        error("throttle: { concurrent: 0 }")
            .problem
            .contains("out of range")
    );
    assert!(
        error("throttle: { preset: apache }")
            .problem
            .contains("not one of the choices")
    );
    assert!(
        error("rate: 5/s")
            .suggestion
            .unwrap()
            .contains("under throttle")
    );
}

#[test]
fn more_rules_than_a_request_can_be_held_against_are_refused() {
    let rules = |count| format!("throttle:\n{}", "  - rate: 1/s\n".repeat(count));
    assert_eq!(config(&rules(32)).policy.throttle.iter().count(), 32);
    assert!(error(&rules(33)).problem.contains("more than 32 rules"));
}

#[test]
fn a_client_that_may_fill_all_places_to_wait_is_a_warning() {
    let text = "queue: { max_waiting: 100 }\nthrottle: { waiting: 100 }";
    assert!(warnings(text)[0].contains("queue.max_waiting (100)"));
    assert_eq!(
        warnings("queue: { max_waiting: 100 }\nthrottle: { waiting: 99 }"),
        [""; 0]
    );
}
