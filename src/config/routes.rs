//! `routes:` and `preset_routes:`: which requests have which terms.
//!
//! Guarantees: each item is read on its own, so that a mistake in one hides none in another.
//! Does not do: match; `route` does.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};

use super::reader::{Keys, Section, Value};
use super::session::SessionRules;
use super::{defaults, terms};
use crate::route::{
    Access, Criteria, Extensions, HeaderMatch, HostPattern, Label, Origin, PathCase, PathPattern,
    PatternError, QueryMatch, Reads, Route, RouteTable, Terms, ValuePattern, preset,
};

/// All routes: the operator's, then the preset's. `top` are the terms of what matches none.
pub(super) fn read(
    top: &Section<'_>,
    default: &Terms,
    session: &SessionRules,
    response_timeout: Duration,
) -> RouteTable {
    let items = top
        .get("routes")
        .map_or_else(Vec::new, |routes| routes.items());
    if let Some(first_beyond) = items.get(defaults::MOST_ROUTES) {
        let problem = format!(
            "more than {} routes: each request is held against them in turn",
            defaults::MOST_ROUTES
        );
        first_beyond.refuse::<()>(problem, "merge some with * and **, or with a regex");
    }
    let mut routes: Vec<Route> = Vec::with_capacity(items.len().min(defaults::MOST_ROUTES));
    for item in items.iter().take(defaults::MOST_ROUTES) {
        let Some(route) = route(item, default, session.path_case) else {
            continue;
        };
        if let Some(name) = item
            .key("name")
            .filter(|_| routes.iter().any(|earlier| earlier.label == route.label))
        {
            name.refuse::<()>(
                "two routes have this name",
                "give each its own: it is their label in metrics and logs",
            );
        }
        if let Some(hold_limit) = item.key("queue").and_then(|queue| queue.key("hold_limit")) {
            warn_of_timeout(&hold_limit, response_timeout, route.terms.limits.hold_limit);
        }
        routes.push(route);
    }
    let with_preset = top.read("preset_routes", Value::truth).unwrap_or(true);
    if let Some(preset) = session.preset.filter(|_| with_preset) {
        routes.extend(preset::routes(preset, default));
    }
    let table = RouteTable::new(routes, Arc::new(default.clone()), session.path_case);
    for never in table.never_matching() {
        // Fewer items than routes were read only if one was refused; nobody then sees this warning.
        if let Some(item) = items.get(never.route) {
            item.warn(format!("this route can never match: {}", never.reason));
        }
    }
    table
}

/// Warns when the client gives up on the application before the lane does.
pub(super) fn warn_of_timeout(at: &Value<'_>, response_timeout: Duration, hold_limit: Duration) {
    if response_timeout < hold_limit {
        at.warn(format!(
            "response_timeout ({}) is shorter than hold_limit ({}): a client gets 504 while its page still holds the lane; make it longer",
            humantime::format_duration(response_timeout),
            humantime::format_duration(hold_limit),
        ));
    }
}

fn route(item: &Value<'_>, default: &Terms, case: PathCase) -> Option<Route> {
    let section = item.section(&ROUTE)?;
    if section.present(CRITERIA).is_empty() {
        item.refuse::<()>(
            "the route does not say which requests it is for",
            format!("add one of {}; path: /** is all", CRITERIA.join(", ")),
        );
    }
    let criteria = criteria(&section, case);
    let terms = terms::of_route(&section, default);
    refuse_idle_keys(&section, &terms);
    Some(Route {
        label: label(&section, &criteria),
        origin: Origin::Operator,
        criteria,
        terms: Arc::new(terms),
    })
}

fn criteria(section: &Section<'_>, case: PathCase) -> Criteria {
    let path = section.read("path", |path| {
        path.pattern(PathPattern::glob(path.some_text()?, case))
    });
    let regex = section.read("regex", |regex| {
        regex.pattern(PathPattern::regex(regex.some_text()?, case))
    });
    if let (Some(regex), true) = (section.get("regex"), section.get("path").is_some()) {
        regex.refuse::<()>(
            "both path and regex",
            "remove one; a regex can say what the path does",
        );
    }
    Criteria {
        path: path.or(regex),
        methods: section.get("methods").map_or_else(Vec::new, |methods| {
            methods.one_or_more().iter().filter_map(method).collect()
        }),
        host: section.read("host", |host| {
            host.pattern(HostPattern::new(host.some_text()?))
        }),
        headers: section
            .get("header")
            .map_or_else(Vec::new, |header| named(&header, header_match)),
        query: section
            .get("query")
            .map_or_else(Vec::new, |query| named(&query, query_match)),
        extensions: section.read("extensions", extensions),
    }
}

fn method(value: &Value<'_>) -> Option<Method> {
    let text = value.some_text()?;
    let upper = text.to_ascii_uppercase();
    if text != upper && METHODS.contains(&upper.as_str()) {
        return value.refuse("methods are in capitals", format!("write {upper}"));
    }
    let Ok(method) = Method::from_bytes(text.as_bytes()) else {
        return value.refuse("not a method", "write one such as GET or POST");
    };
    if !METHODS.contains(&text) {
        value.warn(format!(
            "{} is not a usual method; is it spelled right?",
            super::problem::shortened(text)
        ));
    }
    Some(method)
}

fn extensions(value: &Value<'_>) -> Option<Extensions> {
    let items = value.one_or_more();
    let texts: Vec<&str> = items.iter().filter_map(Value::some_text).collect();
    if texts.len() < items.len() {
        return None;
    }
    value.pattern(Extensions::new(texts))
}

/// A name that must be present, or `{NAME: VALUE}` with a glob for each value.
fn named<T>(
    value: &Value<'_>,
    read: impl Fn(&Value<'_>, &str, Option<ValuePattern>) -> Option<T>,
) -> Vec<T> {
    if !value.is_section() {
        return value
            .one_or_more()
            .iter()
            .filter_map(|name| read(name, name.some_text()?, None))
            .collect();
    }
    let pair = |(name, pattern): (&str, Value<'_>)| {
        let glob = pattern.pattern(ValuePattern::new(pattern.text()?))?;
        read(&pattern, name, Some(glob))
    };
    value.named_values().into_iter().filter_map(pair).collect()
}

fn header_match(at: &Value<'_>, name: &str, value: Option<ValuePattern>) -> Option<HeaderMatch> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Some(HeaderMatch { name, value }),
        Err(_) => at.refuse(
            "not the name of a header",
            "write one such as X-Requested-With",
        ),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the same shape as header_match")]
fn query_match(_at: &Value<'_>, name: &str, value: Option<ValuePattern>) -> Option<QueryMatch> {
    Some(QueryMatch {
        name: name.to_owned(),
        value,
    })
}

/// Refuses, or warns of, what a route says and does not do.
fn refuse_idle_keys(section: &Section<'_>, terms: &Terms) {
    if let Some(reads) = section
        .get("reads")
        .filter(|_| terms.access != Access::Read)
    {
        reads.refuse::<()>(
            "reads says how a read meets writers, and this route is none",
            "add access: read, or remove reads",
        );
    }
    let lane = match terms.access {
        Access::None => false,
        Access::Read => terms.reads != Reads::Overtake,
        Access::Write => true,
    };
    let idle = section.present(&["queue", "release", "follow_hold", "on_client_gone"]);
    if let (false, Some(key)) = (lane, idle.first())
        && let Some(value) = section.get(key)
    {
        value.warn(format!(
            "{key} does nothing here: requests of this route wait for nobody"
        ));
    }
}

/// The route's name, or what it matches.
fn label(section: &Section<'_>, criteria: &Criteria) -> Label {
    if let Some(name) = section.get("name") {
        return Arc::from(route_name(&name).unwrap_or_default());
    }
    let mut parts: Vec<String> = Vec::new();
    if !criteria.methods.is_empty() {
        parts.push(
            criteria
                .methods
                .iter()
                .map(Method::as_str)
                .collect::<Vec<_>>()
                .join(","),
        );
    }
    parts.extend(criteria.host.iter().map(|host| host.as_str().to_owned()));
    parts.extend(criteria.path.iter().map(|path| path.as_str().to_owned()));
    parts.extend(
        criteria
            .extensions
            .iter()
            .map(|all| format!("*.{}", all.iter().collect::<Vec<_>>().join(","))),
    );
    parts.extend(
        criteria
            .headers
            .iter()
            .map(|header| format!("{}:", header.name)),
    );
    parts.extend(
        criteria
            .query
            .iter()
            .map(|query| format!("?{}", query.name)),
    );
    Arc::from(parts.join(" "))
}

fn route_name<'v>(name: &'v Value<'_>) -> Option<&'v str> {
    let text = name.some_text()?;
    if OWN_LABELS.contains(&text) || text.starts_with("preset:") {
        return name.refuse(
            "this name has a meaning of its own in metrics",
            "choose another one",
        );
    }
    Some(text)
}

impl Value<'_> {
    /// The pattern, or its error reported.
    fn pattern<T>(&self, compiled: Result<T, PatternError>) -> Option<T> {
        match compiled {
            Ok(pattern) => Some(pattern),
            Err(PatternError::Regex(error)) => self.refuse_regex(&error),
            Err(PatternError::NoLeadingSlash) => {
                let text = self.text().unwrap_or_default();
                self.refuse(
                    "a path begins with / or **/",
                    format!("write \"/{text}\" or \"**/{text}\""),
                )
            }
            Err(error) => self.refuse(error.to_string(), FORMS),
        }
    }
}

const FORMS: &str = "* is any text within a segment, ** any segments, e.g. \"/reports/**\"";

/// What [`RouteTable`] calls requests that no route decided.
const OWN_LABELS: [&str; 3] = ["default", "unsafe_path", "method_override"];

pub(super) const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "QUERY",
    "MERGE",
    "PURGE",
];

pub(super) const CRITERIA: &[&str] = &[
    "path",
    "regex",
    "methods",
    "host",
    "header",
    "query",
    "extensions",
];

pub(super) const ROUTE: Keys = Keys {
    known: &[
        "name",
        "path",
        "regex",
        "methods",
        "host",
        "header",
        "query",
        "extensions",
        "access",
        "reads",
        "mode",
        "queue",
        "release",
        "follow_hold",
        "on_client_gone",
    ],
    refused: &[],
};
