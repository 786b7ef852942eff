//! Why a request is on the terms it is on, for `onelane explain`.
//!
//! Guarantees: says what [`RouteTable::decide`] does, by the same comparisons; never shows a header or query value,
//! which may be a credential.
//! Does not do: decide.

use std::fmt;

use http::Method;
use http::request::Parts;

use super::criteria::{Criteria, ExtensionMiss, Mismatch};
use super::{Decision, Doubt, Label, Origin, RouteTable};
use crate::session::host_of;

/// Why a request is on the terms it is on.
#[derive(Clone, Debug)]
pub struct Explanation<'t> {
    /// The normalized path, or why no route was asked.
    pub path: Result<String, Doubt>,
    /// The routes that were asked, in order; the last one may be the one that matched.
    pub steps: Vec<Step<'t>>,
    /// What [`RouteTable::decide`] says.
    pub decision: Decision<'t>,
}

/// One route that was asked.
#[derive(Clone, Debug)]
pub struct Step<'t> {
    /// Its label.
    pub label: &'t Label,
    /// Who wrote it.
    pub origin: Origin,
    /// What it said.
    pub outcome: Outcome,
}

/// What a route said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matches, and decides.
    Matched,
    /// It does not: the first criterion that does not hold, in words.
    Missed(String),
}

impl RouteTable {
    /// Which routes a request was held against, and why each did not match.
    #[must_use]
    pub fn explain(&self, request: &Parts) -> Explanation<'_> {
        let decision = self.decide(request);
        let path = match self.read(request) {
            Ok(path) => path.into_owned(),
            Err(doubt) => {
                return Explanation {
                    path: Err(doubt),
                    steps: Vec::new(),
                    decision,
                };
            }
        };
        let asked = decision
            .route
            .map_or(self.routes.len(), |matched| matched + 1);
        let steps = self.routes[..asked].iter().map(|route| Step {
            label: &route.label,
            origin: route.origin,
            outcome: match route.criteria.mismatch(request, &path) {
                Some(mismatch) => {
                    Outcome::Missed(in_words(mismatch, &route.criteria, request, &path))
                }
                None => Outcome::Matched,
            },
        });
        Explanation {
            steps: steps.collect(),
            path: Ok(path),
            decision,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("matched"),
            Self::Missed(why) => f.write_str(why),
        }
    }
}

fn in_words(mismatch: Mismatch, criteria: &Criteria, request: &Parts, path: &str) -> String {
    match mismatch {
        Mismatch::Extension(ExtensionMiss::DotBefore) => {
            format!("{path} has a dot in an earlier segment, so its extension does not count")
        }
        Mismatch::Extension(ExtensionMiss::Method) => {
            format!(
                "extensions are for GET and HEAD only, and this is {}",
                request.method
            )
        }
        Mismatch::Extension(ExtensionMiss::Other) => {
            let known: Vec<&str> = criteria
                .extensions
                .iter()
                .flat_map(|extensions| extensions.iter())
                .collect();
            format!("{path} does not end in one of {}", known.join(", "))
        }
        Mismatch::Header(index) => {
            let header = &criteria.headers[index];
            let value = header.value.as_ref().map(|pattern| pattern.as_str());
            not_so(
                "header",
                header.name.as_str(),
                request.headers.contains_key(&header.name),
                value,
            )
        }
        Mismatch::Host => {
            let pattern = criteria
                .host
                .as_ref()
                .map_or("", |pattern| pattern.as_str());
            format!(
                "host {} does not match {pattern}",
                host_of(request).unwrap_or("(none)")
            )
        }
        Mismatch::Method => {
            let known: Vec<&str> = criteria.methods.iter().map(Method::as_str).collect();
            format!(
                "method {} is not one of {}",
                request.method,
                known.join(", ")
            )
        }
        Mismatch::Path => {
            let pattern = criteria
                .path
                .as_ref()
                .map_or("", |pattern| pattern.as_str());
            format!("path {path} does not match {pattern}")
        }
        Mismatch::Query(index) => {
            let query = &criteria.query[index];
            let value = query.value.as_ref().map(|pattern| pattern.as_str());
            let raw = request.uri.query().unwrap_or_default();
            let present = crate::session::query::pairs(raw)
                .any(|(name, _)| name.as_ref() == query.name.as_bytes());
            not_so("query parameter", &query.name, present, value)
        }
    }
}

fn not_so(kind: &str, name: &str, present: bool, pattern: Option<&str>) -> String {
    match pattern {
        Some(pattern) if present => format!("{kind} {name} does not match {pattern}"),
        _ => format!("{kind} {name} is absent"),
    }
}
