//! The dashboard and the alerts in `deploy/` ask for what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::exposition::{self, Family};
use super::promql::violations;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn prometheus(file: &str) -> PathBuf {
    root().join("deploy/prometheus").join(file)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dashboard() -> Value {
    serde_json::from_str(&text(&root().join("deploy/grafana/onelane.json"))).unwrap()
}

/// The labels between braces, as `{{reason}}` and `{{ $labels.reason }}` name them.
fn shown(format: &str) -> Vec<String> {
    let parts = format.split("{{").skip(1);
    let inside = parts.filter_map(|part| part.split_once("}}"));
    let label = |(inside, _): (&str, &str)| inside.trim().replace("$labels.", "");
    inside.map(label).collect()
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each panel's title and targets: an expression, and the labels that its legend shows.
fn targets(dashboard: &Value) -> Vec<(String, String, Vec<String>)> {
    let mut targets = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |field: &str| target[field].as_str().unwrap().to_owned();
            let title = panel["title"].as_str().unwrap().to_owned();
            targets.push((title, text("expr"), shown(&text("legendFormat"))));
        }
    }
    targets
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let (dashboard, families) = (dashboard(), exposition::families());
    let targets = targets(&dashboard);
    assert!(targets.len() > 50);
    let mut wrong = Vec::new();
    for (title, expression, labels) in &targets {
        let found = violations(expression, labels, &families);
        wrong.extend(found.iter().map(|found| format!("{title}: {found}")));
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        let field = |name: &str| annotation[name].as_str().unwrap();
        wrong.extend(violations(
            field("expr"),
            &shown(field("titleFormat")),
            &families,
        ));
    }
    assert_none(&wrong);
}

#[test]
fn the_dashboard_shows_every_metric() {
    let all: String = targets(&dashboard())
        .into_iter()
        .map(|(_, expression, _)| expression + "\n")
        .collect();
    let missing = |family: &Family| {
        let named = |sample: &String| all.contains(&format!("{sample}{{"));
        (!family.samples.iter().any(named)).then(|| family.name.clone())
    };
    let missing: Vec<_> = exposition::families().iter().filter_map(missing).collect();
    assert_none(&missing);
}

#[test]
fn the_dashboards_panels_have_ids_and_places_of_their_own() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    let mut squares = BTreeSet::new();
    for panel in panels {
        let place = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(squares.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn each_alert_asks_for_what_there_is_and_says_what_to_do() {
    let families = exposition::families();
    let file: serde_yaml::Value = serde_yaml::from_str(&text(&prometheus("alerts.yaml"))).unwrap();
    let rules = file["groups"][0]["rules"].as_sequence().unwrap();
    assert!(rules.len() > 15);
    let (mut wrong, mut names) = (Vec::new(), BTreeSet::new());
    for rule in rules {
        let field = |value: &serde_yaml::Value| value.as_str().unwrap_or_default().to_owned();
        let name = field(&rule["alert"]);
        let annotations = &rule["annotations"];
        let (summary, docs) = (field(&annotations["summary"]), field(&annotations["docs"]));
        let mut found = violations(&field(&rule["expr"]), &shown(&summary), &families);
        if !["page", "ticket"].contains(&field(&rule["labels"]["severity"]).as_str()) {
            found.push("no severity".to_owned());
        }
        if !(summary.contains(": ") && summary.ends_with('.')) {
            found.push("its summary is not: what is wrong, a colon, what to do".to_owned());
        }
        if !exists(&docs) {
            found.push(format!("there is no {docs}"));
        }
        wrong.extend(found.iter().map(|found| format!("{name}: {found}")));
        assert!(names.insert(name), "two alerts have one name");
    }
    assert_none(&wrong);
}

/// Whether `file#heading` exists.
fn exists(link: &str) -> bool {
    let Some((file, anchor)) = link.split_once('#') else {
        return false;
    };
    let heading = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || ['_', '-', ' '].contains(c);
        heading
            .chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
    };
    let headings = text(&root().join(file));
    headings
        .lines()
        .any(|line| line.starts_with('#') && heading(line) == anchor)
}

#[test]
fn a_link_to_a_heading_that_does_not_exist_is_found() {
    assert!(exists("docs/metrics.md#onelane_refusals_total"));
    assert!(!exists("docs/metrics.md#onelane_refusals"));
}

#[track_caller]
fn promtool(arguments: &[&str], file: &Path) {
    let output = Command::new("promtool").args(arguments).arg(file).output();
    let output = output.expect("promtool is installed (tests/run.sh does it)");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn prometheus_takes_the_alerts_and_the_scrape() {
    promtool(&["check", "rules"], &prometheus("alerts.yaml"));
    promtool(
        &["check", "config", "--syntax-only"],
        &prometheus("prometheus.yaml"),
    );
}

/// The dashboard's expressions with what Grafana puts for its variables, as rules of Prometheus.
fn rules(dashboard: &Value) -> String {
    let put = |expression: &str| {
        let expression = expression.replace("$__rate_interval", "1m");
        expression.replace("$instance", "site:9180")
    };
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let annotations = annotations.iter().map(|of| of["expr"].as_str().unwrap());
    let targets = targets(dashboard);
    let expressions = targets.iter().map(|(_, expression, _)| &**expression);
    let rule = |(number, expression)| {
        let expression = put(expression);
        assert!(!expression.contains('$'), "{expression}");
        serde_json::json!({ "record": format!("panel:{number}"), "expr": expression })
    };
    let rules: Vec<Value> = expressions
        .chain(annotations)
        .enumerate()
        .map(rule)
        .collect();
    serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string()
}

#[test]
fn prometheus_takes_each_expression_of_the_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules(&dashboard())).unwrap();
    promtool(&["check", "rules"], &file);
}

#[test]
#[should_panic(expected = "could not parse expression")]
fn an_expression_that_prometheus_cannot_read_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    let rules = rules(&dashboard());
    fs::write(&file, rules.replacen("[1m]))", "[1m])", 1)).unwrap();
    promtool(&["check", "rules"], &file);
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    promtool(
        &["test", "rules"],
        &root().join("tests/it/operating/alerts_test.yaml"),
    );
}
