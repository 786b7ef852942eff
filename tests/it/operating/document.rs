//! docs/metrics.md is what `/metrics` has, and README.md's table names the same labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::exposition::{self, Family};
use super::worries::GROUPS;

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The whole document.
fn document(families: &[Family]) -> String {
    let mut text = INTRODUCTION.to_owned();
    for (group, metrics) in GROUPS {
        write!(text, "\n## {group}\n").unwrap();
        for (name, worry) in metrics {
            let family = families.iter().find(|family| family.name == *name);
            let family = family.unwrap_or_else(|| panic!("there is no {name}"));
            write!(text, "\n### {name}\n\n{}.\n\n", family.help).unwrap();
            writeln!(text, "- {}, {}", family.kind, unit(family)).unwrap();
            for label in family.labels.keys().filter(|label| *label != "le") {
                writeln!(text, "- `{label}`: {}", values(family, label)).unwrap();
            }
            writeln!(text, "- Worry: {worry}").unwrap();
        }
    }
    text
}

fn unit(family: &Family) -> String {
    match (&family.unit, family.kind.as_str()) {
        (Some(unit), _) => unit.clone(),
        (None, "info") => "always 1".to_owned(),
        (None, _) => "a number".to_owned(),
    }
}

fn values(family: &Family, label: &str) -> String {
    if let Some(values) = family.values(label) {
        let quoted: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return quoted.join(", ");
    }
    let told = match label {
        "route" => {
            "the route's name, or what it matches; `default`, `unsafe_path`, `method_override` where no route decides; \
             `(other)` beyond 1,024"
        }
        "rule" => "the rule's name; `deny` is the deny list; `(other)` beyond 128",
        "upstream" => "the node's name",
        "version" => "that of the program",
        other => panic!("{other} is not explained"),
    };
    told.to_owned()
}

#[test]
fn the_document_of_metrics_is_true() {
    let families = exposition::families();
    let explained: Vec<_> = GROUPS.iter().flat_map(|(_, metrics)| *metrics).collect();
    let explained: BTreeSet<_> = explained
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let declared: BTreeSet<_> = families.iter().map(|family| family.name.clone()).collect();
    assert_eq!(explained, declared, "left: worries.rs, right: /metrics");
    let (path, text) = (path("docs/metrics.md"), document(&families));
    if std::env::var_os("ONELANE_WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(path).expect("ONELANE_WRITE_DOCS=1 makes it");
    assert_eq!(written, text, "run with ONELANE_WRITE_DOCS=1");
}

#[test]
fn the_readmes_table_names_the_labels_that_there_are() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    let documented = in_braces(&readme);
    for family in exposition::families() {
        let labels: Vec<_> = family
            .labels
            .keys()
            .filter(|label| *label != "le" && *label != "version")
            .collect();
        let expected: BTreeSet<&str> = labels.iter().map(|label| label.as_str()).collect();
        let found = documented
            .get(family.name.as_str())
            .cloned()
            .unwrap_or_default();
        assert_eq!(
            found, expected,
            "left: README.md, right: /metrics, of {}",
            family.name
        );
    }
}

/// The labels behind each name in a table: `name{label,label}`.
fn in_braces(readme: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `onelane_"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let named = names.filter_map(|name| name.strip_suffix('}')?.split_once('{'));
    named
        .map(|(name, labels)| (name, labels.split(',').collect()))
        .collect()
}

const INTRODUCTION: &str = "# Metrics

`/metrics` on the admin listener, in the OpenMetrics text format, for Prometheus. This page is made by a test from what is
there, and the same test fails when it is out of date. [`deploy/prometheus`](../deploy/prometheus/prometheus.yaml) has the
scrape and the [alerts](../deploy/prometheus/alerts.yaml), [`deploy/grafana`](../deploy/grafana/onelane.json) a dashboard.

No label is ever a session, an address or a path, so the number of series does not depend on clients. Counters by route are
kept for the life of the process, also when a reload takes the route away. What is counted by route and has not occurred is
absent for requests and histograms, and 0 for the others. A route takes 1.7 KB on each core that has served it, and some 40
lines of the text once it has waited and held; 1,024 routes that do everything are the bound.
";
