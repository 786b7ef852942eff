//! The pages that list everything: docs/limits.md has each limit with its default, docs/troubleshooting.md each refusal.
//!
//! Does not do: judge whether what they say of it is true; the tests of limits and refusals do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use onelane::gateway::refusal::Reason;
use serde_json::Value as Json;

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the tables of a page that begin with a key: the key, and the cell behind it.
fn rows(page: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let key = cells.next()?.strip_suffix('`')?;
        Some((key.to_owned(), cells.next()?.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

/// The limits that the schema has, with their defaults: all numbers, sizes and times outside of lists.
fn limits() -> BTreeMap<String, String> {
    let schema = onelane::config::schema();
    let mut found = BTreeMap::new();
    for section in ["", "queue", "limits", "upstream", "session"] {
        let place = match section {
            "" => schema.pointer("/properties"),
            "upstream" => schema.pointer("/properties/upstream/oneOf/1/properties"),
            _ => schema.pointer(&format!("/properties/{section}/properties")),
        };
        for (key, shape) in place.unwrap().as_object().unwrap() {
            if let Some(default) = shape.get("default").and_then(limit) {
                let dot = if section.is_empty() { "" } else { "." };
                found.insert(format!("{section}{dot}{key}"), default);
            }
        }
    }
    found
}

/// A default that is a limit, as the page writes it.
fn limit(default: &Json) -> Option<String> {
    match default {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) if text == "none" || text.starts_with(|c: char| c.is_ascii_digit()) => {
            let is_address = text.contains(['.', ':']);
            (!is_address).then(|| text.clone())
        }
        _ => None,
    }
}

#[test]
fn every_limit_is_listed_with_its_default() {
    let rows = rows(&file("docs/limits.md"));
    let limits = limits();
    assert!(limits.len() > 25, "{limits:?}");
    for (key, default) in &limits {
        assert_eq!(rows.get(key), Some(default), "{key}");
    }
    for key in rows.keys() {
        let known =
            limits.contains_key(key) || key.starts_with("throttle.") || key == "client.deny";
        assert!(known, "{key} is no limit");
    }
}

#[test]
fn a_limit_that_is_missing_or_has_another_default_is_noticed() {
    let page = file("docs/limits.md").replace("| `queue.limit` | 50 |", "| `queue.limit` | 51 |");
    assert_ne!(rows(&page)["queue.limit"], limits()["queue.limit"]);
    let page = page.replace("| `drain_timeout` |", "| drain |");
    assert!(!rows(&page).contains_key("drain_timeout"));
}

#[test]
fn every_status_beside_a_reason_is_its_own() {
    let mut seen = 0;
    for path in ["docs/limits.md", "docs/threat-model.md", "README.md"] {
        let text = file(path);
        for reason in Reason::ALL {
            let mark = format!(" `{}`", reason.label());
            for (at, _) in text.match_indices(&mark) {
                let before = text[..at].rsplit([' ', '|', '(']).next().unwrap();
                if let Ok(status) = before.parse::<u16>() {
                    assert_eq!(
                        status,
                        reason.status().as_u16(),
                        "{path}: {}",
                        reason.label()
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} were found");
}

#[test]
fn every_refusal_is_explained_under_its_status() {
    let page = file("docs/troubleshooting.md");
    let headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    for reason in Reason::ALL {
        let heading = format!("`{}` ({})", reason.label(), reason.status().as_u16());
        assert!(headings.contains(&heading.as_str()), "{heading} is missing");
    }
    assert_eq!(headings.len(), Reason::LABELS.len(), "{headings:?}");
}
