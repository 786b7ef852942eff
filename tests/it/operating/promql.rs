//! What an expression of PromQL names, as far as it is needed to see that those things exist.

use std::collections::BTreeSet;

use super::exposition::Family;

/// A label that Prometheus itself adds.
const OWN_LABELS: [&str; 2] = ["instance", "job"];

/// What is wrong with the names in `expression`, of which `labels` are used where its result is shown.
pub(super) fn violations(expression: &str, labels: &[String], families: &[Family]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known: BTreeSet<&str> = OWN_LABELS.into();
    let mut used = 0;
    for (at, name) in names(expression) {
        if !(name.starts_with("onelane_") || name.starts_with("process_")) {
            continue;
        }
        used += 1;
        let Some(family) = families.iter().find(|family| family.samples.contains(name)) else {
            wrong.push(format!("there is no metric {name}"));
            continue;
        };
        known.extend(family.labels.keys().map(String::as_str));
        for (label, value) in matchers(&expression[at + name.len()..]) {
            if OWN_LABELS.contains(&label) {
                continue;
            }
            if !family.labels.contains_key(label) {
                wrong.push(format!("{name} has no label {label}"));
            }
            let values = family.values(label);
            for alternative in value.split('|').filter(|_| values.is_some()) {
                if !values
                    .as_ref()
                    .is_some_and(|values| values.contains(alternative))
                {
                    wrong.push(format!("{name} has no {label}=\"{alternative}\""));
                }
            }
        }
    }
    if used == 0 && !expression.starts_with("up{") {
        wrong.push("it asks for nothing of ours".to_owned());
    }
    let kept = grouped(expression);
    for label in kept.iter().flatten().copied() {
        if !known.contains(label) {
            wrong.push(format!("there is no label {label} to group by"));
        }
    }
    for label in labels {
        let there = match &kept {
            Some(kept) => kept.contains(label.as_str()),
            None => known.contains(label.as_str()) && !expression.starts_with("sum("),
        };
        if !there {
            wrong.push(format!("the result has no label {label}"));
        }
    }
    wrong
}

/// The words outside of quotes, with their places.
fn names(expression: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (at, character) in expression.char_indices().chain([(expression.len(), ' ')]) {
        quoted ^= character == '"';
        let inside = !quoted && (character.is_ascii_alphanumeric() || character == '_');
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                found.push((from, &expression[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The labels, with what they are compared with, in the braces that `rest` begins with.
fn matchers(rest: &str) -> Vec<(&str, &str)> {
    let Some(inside) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return Vec::new();
    };
    let parts = inside.0.split("\",").filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (label, value) = part.split_once('"').unwrap();
            (
                label.trim().trim_end_matches(['=', '!', '~']),
                value.trim_end_matches('"'),
            )
        })
        .collect()
}

/// The labels of all `by (...)`; None when there is none.
fn grouped(expression: &str) -> Option<BTreeSet<&str>> {
    let mut lists = expression.match_indices("by (").peekable();
    lists.peek()?;
    let list = |(at, by): (usize, &str)| expression[at + by.len()..].split_once(')').unwrap().0;
    Some(
        lists
            .flat_map(|found| list(found).split(", ").collect::<Vec<_>>())
            .collect(),
    )
}

#[test]
fn what_does_not_exist_is_found() {
    let families = super::exposition::read(
        "# HELP onelane_refusals Help.\n# TYPE onelane_refusals counter\n\
         onelane_refusals_total{reason=\"queue_full\"} 0\n",
    );
    let wrong = |expression: &str, label: &str| {
        let labels: Vec<String> = label.split_whitespace().map(str::to_owned).collect();
        violations(expression, &labels, &families).join("; ")
    };
    for right in [
        "rate(onelane_refusals_total[5m])",
        "sum by (reason, instance) (rate(onelane_refusals_total{reason=\"queue_full\",job=\"x\"}[5m]))",
        "onelane_refusals_total{instance=~\"$instance\", reason!~\"queue_full|queue_full\"}",
    ] {
        assert_eq!(wrong(right, "reason"), "", "{right}");
    }
    for (expression, label, expected) in [
        (
            "rate(onelane_refusals[5m])",
            "",
            "no metric onelane_refusals",
        ),
        ("onelane_refusals_total{kind=\"a\"}", "", "no label kind"),
        (
            "onelane_refusals_total{reason=~\"queue_full|other\"}",
            "",
            "no reason=\"other\"",
        ),
        (
            "sum by (kind) (onelane_refusals_total)",
            "",
            "no label kind to group by",
        ),
        (
            "sum by (reason) (onelane_refusals_total)",
            "instance",
            "result has no label instance",
        ),
        (
            "sum(onelane_refusals_total)",
            "reason",
            "result has no label reason",
        ),
        ("node_load1", "", "asks for nothing of ours"),
    ] {
        assert!(
            wrong(expression, label).contains(expected),
            "{expression}: {}",
            wrong(expression, label)
        );
    }
}
