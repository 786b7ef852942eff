//! `session.keys:`: where a session id stands, what is done to it, and what it looks like.
//!
//! Guarantees: a key has one place, and a pattern that compiles.
//! Does not do: presets; `session` has theirs.

use std::sync::Arc;

use http::HeaderName;

use super::reader::{Keys, Value};
use crate::session::{
    CookieName, DEFAULT_MAX_LENGTH, Duplicates, IdPattern, LaneName, MOST_LANES, OldId, Place,
    Source, Spelling, Transform,
};

/// `keys`: those of one lane are alternatives, the first with a valid id wins.
pub(super) fn read(keys: &Value<'_>) -> Vec<Source> {
    let items = keys.one_or_more();
    if items.is_empty() {
        keys.refuse::<()>(
            "an empty list: no request would have a session",
            "give at least one key",
        );
    }
    let mut sources: Vec<Source> = Vec::with_capacity(items.len());
    for item in items {
        let Some(source) = source(&item) else {
            continue;
        };
        if sources.iter().any(|earlier| earlier.label == source.label) {
            item.refuse::<()>(
                format!("two keys are called {}", source.label),
                "give one of them a name:",
            );
        }
        sources.push(source);
    }
    check_lanes(keys, &sources);
    sources
}

/// Refuses lanes that are too many, or none of which is the session's own.
fn check_lanes(keys: &Value<'_>, sources: &[Source]) {
    let mut names: Vec<&str> = sources.iter().map(|source| source.lane.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > MOST_LANES {
        keys.refuse::<()>(
            format!(
                "{} lanes: each request would wait in up to so many",
                names.len()
            ),
            format!("name {MOST_LANES} at most; keys with one lane are alternatives"),
        );
    }
    if !sources.is_empty() && !sources.iter().any(|source| source.lane.is_session()) {
        keys.refuse::<()>(
            "no key has the lane session",
            "leave lane: out of the keys of the user's own session",
        );
    }
}

fn source(item: &Value<'_>) -> Option<Source> {
    let section = item.section(&KEY)?;
    let (default_label, place) = match section.present(PLACES)[..] {
        [] => {
            return item.refuse(
                "the key has no place",
                format!("add one of {}", PLACES.join(", ")),
            );
        }
        [place] => section.read(place, |value| self::place(place, value))?,
        [first, second, ..] => {
            let problem = format!("both {first} and {second}: an id is in one place");
            return item.refuse(
                problem,
                "make two keys of it; the first with a valid id wins",
            );
        }
    };
    let label = section
        .read("name", |name| name.some_text().map(str::to_owned))
        .unwrap_or(default_label);
    Some(Source {
        label: Arc::from(label),
        lane: section.read("lane", lane).unwrap_or_default(),
        place,
        transforms: section.get("transform").map_or_else(Vec::new, |list| {
            list.one_or_more().iter().filter_map(transform).collect()
        }),
        pattern: section.read("pattern", pattern).unwrap_or(IdPattern::Any),
        max_length: section
            .read("max_length", |value| value.whole(1..=LONGEST_ID))
            .unwrap_or(DEFAULT_MAX_LENGTH),
        duplicates: section
            .read("duplicates", |value| value.choice(DUPLICATES))
            .unwrap_or(Duplicates::First),
        old_id: OldId::Unknown,
    })
}

/// A short word, since `explain` shows it.
fn lane(value: &Value<'_>) -> Option<LaneName> {
    let name = value.some_text()?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.len() > LONGEST_LANE_NAME || !name.chars().all(is_word) {
        return value.refuse(
            format!("not a lane's name: up to {LONGEST_LANE_NAME} letters, digits, - and _"),
            "write a word such as shared",
        );
    }
    Some(LaneName::new(name))
}

/// The place that `key` names, and how it is called when the operator gives no name.
fn place(key: &str, value: &Value<'_>) -> Option<(String, Place)> {
    if key == "cookie" {
        return cookie(value);
    }
    let name = value.some_text()?;
    match key {
        "header" => {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                return value.refuse("not the name of a header", "write one such as X-Session");
            };
            Some((name.to_owned(), Place::Header(header)))
        }
        "path_parameter" => Some((format!(";{name}"), Place::PathParameter(name.to_owned()))),
        "query" => Some((format!("?{name}"), Place::Query(name.to_owned()))),
        _ if name == "S" => Some(("(S(id))".to_owned(), Place::PathSegment)),
        _ => value.refuse(
            "there is no such path segment",
            "write path_segment: S, for ASP.NET's /(S(id))/",
        ),
    }
}

/// A name, or `{name|prefix|regex, ignore_case}`.
fn cookie(value: &Value<'_>) -> Option<(String, Place)> {
    if !value.is_section() {
        let name = cookie_name(value)?;
        return Some((
            name.to_owned(),
            Place::Cookie(Arc::new(CookieName::exact(name, Spelling::Exact))),
        ));
    }
    let section = value.section(&COOKIE)?;
    let spelling = match section.read("ignore_case", Value::truth) {
        Some(true) => Spelling::IgnoreCase,
        Some(false) | None => Spelling::Exact,
    };
    let [how] = section.present(&["name", "prefix", "regex"])[..] else {
        return value.refuse(
            "a cookie has one of name, prefix and regex",
            "write { prefix: ASPSESSIONID }",
        );
    };
    let said = section.get(how)?;
    let cookie = match how {
        "name" => CookieName::exact(cookie_name(&said)?, spelling),
        "prefix" => CookieName::prefix(cookie_name(&said)?, spelling),
        _ => match CookieName::regex(said.some_text()?, spelling) {
            Ok(cookie) => cookie,
            Err(error) => return said.refuse_regex(&error),
        },
    };
    Some((cookie.as_str().to_owned(), Place::Cookie(Arc::new(cookie))))
}

/// A name that a cookie can have.
pub(super) fn cookie_name<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    let name = value.some_text()?;
    if name.contains(['=', ';', ',']) || name.contains(char::is_whitespace) {
        return value.refuse(
            "not the name of a cookie",
            "write the name alone, without = and the value",
        );
    }
    Some(name)
}

/// A word, or a section of one key such as `{cut_before: "."}`.
fn transform(value: &Value<'_>) -> Option<Transform> {
    if !value.is_section() {
        return match value.choice(&[("lowercase", 0), ("percent_decode", 1), ("unquote", 2)])? {
            0 => Some(Transform::Lowercase),
            1 => Some(Transform::PercentDecode),
            _ => Some(Transform::Unquote),
        };
    }
    let section = value.section(&TRANSFORM)?;
    let [how] = section.present(TRANSFORM.known)[..] else {
        return value.refuse(
            "a transform does one thing",
            "make an item of the list for each",
        );
    };
    let said = section.get(how)?;
    let text = said.some_text()?.to_owned();
    let mut characters = text.chars();
    match (how, characters.next(), characters.next()) {
        ("strip_prefix", ..) => Some(Transform::StripPrefix(text)),
        ("strip_suffix", ..) => Some(Transform::StripSuffix(text)),
        ("cut_before", Some(mark), None) => Some(Transform::CutBefore(mark)),
        ("cut_before_last", Some(mark), None) => Some(Transform::CutBeforeLast(mark)),
        ("cut_after", Some(mark), None) => Some(Transform::CutAfter(mark)),
        _ => said.refuse(
            "expected one character",
            "write the character alone, in quotes",
        ),
    }
}

fn pattern(value: &Value<'_>) -> Option<IdPattern> {
    match IdPattern::regex(value.some_text()?) {
        Ok(pattern) => Some(pattern),
        Err(error) => value.refuse_regex(&error),
    }
}

impl Value<'_> {
    /// Refuses a regular expression with the library's own reason.
    pub(super) fn refuse_regex<T>(&self, error: &regex::Error) -> Option<T> {
        let full = error.to_string();
        let reason = full
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        self.refuse(
            format!("not a regular expression: {reason}"),
            "single quotes keep backslashes as they are: '\\d+'",
        )
    }
}

pub(super) const DUPLICATES: &[(&str, Duplicates)] = &[
    ("first", Duplicates::First),
    ("first_valid", Duplicates::FirstValid),
    ("last", Duplicates::Last),
];

pub(super) const PLACES: &[&str] = &[
    "cookie",
    "header",
    "query",
    "path_parameter",
    "path_segment",
];

pub(super) const KEY: Keys = Keys {
    known: &[
        "name",
        "lane",
        "cookie",
        "header",
        "query",
        "path_parameter",
        "path_segment",
        "transform",
        "pattern",
        "max_length",
        "duplicates",
    ],
    refused: &[],
};

pub(super) const COOKIE: Keys = Keys {
    known: &["name", "prefix", "regex", "ignore_case"],
    refused: &[],
};

pub(super) const TRANSFORM: Keys = Keys {
    known: &[
        "cut_before",
        "cut_before_last",
        "cut_after",
        "strip_prefix",
        "strip_suffix",
    ],
    refused: &[],
};

/// It is a column of `explain`.
pub(super) const LONGEST_LANE_NAME: usize = 24;

/// Longer than any head that is accepted by default.
pub(super) const LONGEST_ID: usize = 64 << 10;
