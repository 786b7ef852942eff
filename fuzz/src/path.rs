//! Paths and routes: what cannot be read safely is a write, and a spelling changes nothing.
//!
//! Guarantees: what is checked is said in the names of the functions.
//! Does not do: know what IIS or Tomcat make of a path; the product's own tests do.

use std::sync::LazyLock;

use http::request::Parts;
use onelane::config::Config;
use onelane::route::{Access, Outcome, RouteTable};
use onelane::session::path::{PathCase, normalize};

use crate::head;

/// Normalizes one path and matches one request against two tables. The bytes are lines: `METHOD TARGET`, then fields.
///
/// # Panics
/// When a promise of `onelane::session::path` or `onelane::route` is broken.
pub fn path(bytes: &[u8]) {
    // A path that hyper would refuse may still come from another caller.
    if let Ok(text) = std::str::from_utf8(bytes) {
        a_normal_path_has_one_reading(text);
    }
    let Some(request) = head::read(bytes) else {
        return;
    };
    a_normal_path_has_one_reading(request.uri.path());
    for (table, case) in TABLES.iter() {
        what_is_unsafe_is_a_write(table, *case, &request);
        the_explanation_is_the_decision(table, *case, &request);
        escaped_letters_are_the_same_letters(table, &request);
    }
}

fn a_normal_path_has_one_reading(raw: &str) {
    let sensitive = normalize(raw, PathCase::Sensitive);
    let insensitive = normalize(raw, PathCase::Insensitive);
    for (case, normal) in [
        (PathCase::Sensitive, &sensitive),
        (PathCase::Insensitive, &insensitive),
    ] {
        let Ok(normal) = normal else { continue };
        assert!(normal.starts_with('/'), "{raw:?} became {normal:?}");
        assert!(
            !normal.contains("//") && !normal.contains(['\\', ';']),
            "{raw:?} became {normal:?}"
        );
        assert!(
            !normal.contains(char::is_control),
            "{raw:?} became {normal:?}"
        );
        assert!(
            !normal
                .split('/')
                .any(|segment| matches!(segment, "." | "..")),
            "{raw:?} became {normal:?}"
        );
        // A % that is left stands for itself, so it is written as a client would write it.
        let again = normal.replace('%', "%25");
        assert_eq!(
            normalize(&again, case).as_deref(),
            Ok(&**normal),
            "twice: {raw:?}"
        );
    }
    if let (Ok(sensitive), Ok(insensitive)) = (&sensitive, &insensitive) {
        let folded: String = sensitive.chars().flat_map(char::to_lowercase).collect();
        assert_eq!(&folded, insensitive, "{raw:?} without case");
    }
    if sensitive.is_err() {
        assert!(
            insensitive.is_err(),
            "{raw:?} is safe only where case does not matter"
        );
    }
}

fn what_is_unsafe_is_a_write(table: &RouteTable, case: PathCase, request: &Parts) {
    let decision = table.decide(request);
    if normalize(request.uri.path(), case).is_err() {
        assert_eq!(&**decision.label, "unsafe_path");
        assert_eq!(decision.terms.access, Access::Write);
        assert_eq!(decision.route, None);
    } else {
        assert_ne!(&**decision.label, "unsafe_path");
    }
    if &**decision.label == "method_override" {
        assert_eq!(decision.terms.access, Access::Write);
    }
    assert!(table.labels().any(|label| label == decision.label));
}

fn the_explanation_is_the_decision(table: &RouteTable, case: PathCase, request: &Parts) {
    let decision = table.decide(request);
    let told = table.explain(request);
    assert_eq!(told.decision.route, decision.route);
    assert_eq!(told.decision.label, decision.label);
    assert_eq!(told.decision.terms, decision.terms);
    match &told.path {
        Ok(path) => {
            assert_eq!(
                Ok(&**path),
                normalize(request.uri.path(), case).as_deref(),
                "the path explained"
            );
            let asked = decision
                .route
                .map_or(table.routes().len(), |index| index + 1);
            assert_eq!(told.steps.len(), asked);
        }
        Err(_) => assert!(told.steps.is_empty() && decision.route.is_none()),
    }
    for (index, step) in told.steps.iter().enumerate() {
        assert_eq!(
            step.outcome == Outcome::Matched,
            decision.route == Some(index),
            "{step:?}"
        );
    }
}

/// RFC 3986 section 2.3: letters and digits are equivalent to their escapes.
fn escaped_letters_are_the_same_letters(table: &RouteTable, request: &Parts) {
    let path = request.uri.path();
    // An escape that is there already, or a parameter whose name counts, would become another thing.
    if path.contains(['%', ';']) {
        return;
    }
    let mut escaped = String::new();
    for character in path.chars() {
        if character.is_ascii_alphanumeric() {
            escaped.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    if let Some(query) = request.uri.query() {
        escaped.push('?');
        escaped.push_str(query);
    }
    let Some(same) = head::with_target(request, &escaped) else {
        return;
    };
    let (plain, same) = (table.decide(request), table.decide(&same));
    // The host is the target's when it has one; only the path was written anew.
    if request.uri.authority().is_none() {
        assert_eq!(plain.label, same.label, "{path} and {escaped}");
    }
}

static TABLES: LazyLock<[(RouteTable, PathCase); 2]> = LazyLock::new(|| {
    [
        (table("aspnet"), PathCase::Insensitive),
        (table("php"), PathCase::Sensitive),
    ]
});

fn table(preset: &str) -> RouteTable {
    let text = format!("session: {{ preset: {preset} }}\n{ROUTES}");
    let config = Config::parse(&text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    config.policy.routes
}

/// A route of each kind; what is unknown is a read, so that a write is never so by default.
const ROUTES: &str = "\
default_access: read
routes:
  - { path: /exact, access: none }
  - { path: '/below/**', access: read }
  - { path: '/star/*/end', access: none, methods: [GET, HEAD] }
  - { path: '**/any.axd', access: none }
  - { path: '/alt/{a,b}/[0-9]?', access: none }
  - { regex: '^/(wiki|Blog)/[^/]+$', access: read }
  - { path: '/host/**', host: '*.example.com', access: none }
  - { path: '/header/**', header: { x-requested-with: 'XML*' }, access: none }
  - { path: '/query/**', query: { action: 'view*' }, access: none }
  - { extensions: [css, js], access: none }
  - { path: /umlaut/\u{e4}\u{d6}, access: none }
";
