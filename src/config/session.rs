//! `session:`: what a request's session is.

use std::sync::Arc;

use http::HeaderName;

use super::reader::{Keys, NOT_IN_THIS_VERSION, Refused, Section, Value};
use crate::route::preset;
use crate::session::{
    CookieName, DEFAULT_MAX_LENGTH, Duplicates, HostScope, IdPattern, PathCase, Place, Preset,
    Scope, Sessions, Settings, Source, Spelling, Transform,
};

/// What the section says, for those that follow.
#[derive(Debug)]
pub(super) struct SessionRules {
    /// The kind of application, when it is a known one.
    pub preset: Option<Preset>,
    /// How the application compares paths.
    pub path_case: PathCase,
    /// Where the session id is looked for, compiled.
    pub sessions: Sessions,
}

/// `session`.
pub(super) fn read(top: &Section<'_>) -> SessionRules {
    let section = top.read("session", open);
    let preset = section
        .as_ref()
        .and_then(|section| section.read("preset", preset));
    let path_case = preset.map_or(PathCase::Sensitive, preset::path_case);
    let rules = |settings| SessionRules {
        preset,
        path_case,
        sessions: Sessions::new(settings),
    };
    let Some(section) = section else {
        if top.present(&["session"]).is_empty() {
            top.value().warn("no session is configured, so no request has a lane; write session: { preset: aspnet }");
        }
        return rules(Settings {
            sources: Vec::new(),
            scope: Scope::default(),
            secret: None,
        });
    };
    section.read("without_session", without_session);
    rules(Settings {
        sources: sources(&section, preset),
        scope: Scope {
            path_case,
            ..section.read("scope", scope).unwrap_or_default()
        },
        secret: section.read("secret", |secret| secret.text().map(str::to_owned)),
    })
}

fn open<'a>(value: &Value<'a>) -> Option<Section<'a>> {
    if PRESETS.iter().any(|(name, _)| value.is_word(name)) {
        return value.refuse(
            "expected a section, found text",
            "write session: { preset: … }",
        );
    }
    value.section(&SESSION)
}

fn preset(value: &Value<'_>) -> Option<Preset> {
    if let Some(later) = LATER_PRESETS.iter().find(|later| value.is_word(later)) {
        let suggestion = format!(
            "write keys: for {later}, or one of the presets {}",
            names(PRESETS)
        );
        return value.refuse(
            format!("the preset {later} is {NOT_IN_THIS_VERSION}"),
            suggestion,
        );
    }
    value.choice(PRESETS)
}

fn sources(section: &Section<'_>, preset: Option<Preset>) -> Vec<Source> {
    let cookie = section.get("cookie");
    let keys = section.get("keys");
    match (preset, keys) {
        (Some(preset), None) => {
            let name = cookie.and_then(|cookie| cookie_name(&cookie).map(str::to_owned));
            preset.sources(name.as_deref())
        }
        (None, Some(keys)) => {
            if let Some(cookie) = cookie {
                cookie.refuse::<()>(
                    "cookie replaces the cookie of a preset, and there is none",
                    "move it to an item of keys:",
                );
            }
            explicit(&keys)
        }
        (Some(_), Some(keys)) => {
            keys.refuse::<()>("a preset has its own keys", "remove preset: or keys:");
            Vec::new()
        }
        (None, None) => {
            // A preset that was refused has said enough.
            if section.present(&["preset"]).is_empty() {
                section.value().refuse::<()>(
                    "neither preset nor keys",
                    format!("write preset: with one of {}", names(PRESETS)),
                );
            }
            Vec::new()
        }
    }
}

/// `keys`: alternatives, the first with a valid id wins.
fn explicit(keys: &Value<'_>) -> Vec<Source> {
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
    sources
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
    })
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
fn cookie_name<'v>(value: &'v Value<'_>) -> Option<&'v str> {
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

fn scope(value: &Value<'_>) -> Option<Scope> {
    let section = value.section(&SCOPE)?;
    let default = Scope::default();
    Some(Scope {
        host: match section.read("host", Value::truth) {
            Some(true) => HostScope::Included,
            Some(false) => HostScope::Ignored,
            None => default.host,
        },
        path_segments: section
            .read("path_segments", |value| value.whole(0..=16))
            .unwrap_or(default.path_segments),
        ..default
    })
}

fn without_session(value: &Value<'_>) -> Option<()> {
    if value.is_word("by_client") {
        return value.refuse_later(
            "without_session: by_client",
            "write pass: requests without a session have no lane",
        );
    }
    value.choice(&[("pass", ())])
}

fn names<T>(choices: &[(&'static str, T)]) -> String {
    choices
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
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

const PRESETS: &[(&str, Preset)] = &[
    ("aspnet", Preset::AspNet),
    ("php", Preset::Php),
    ("java", Preset::Java),
];

const LATER_PRESETS: &[&str] = &[
    "sitecore",
    "aspnetcore",
    "laravel",
    "django",
    "rails",
    "express",
    "woocommerce",
    "coldfusion",
    "classic-asp",
    "magento",
    "moodle",
];

const DUPLICATES: &[(&str, Duplicates)] = &[
    ("first", Duplicates::First),
    ("first_valid", Duplicates::FirstValid),
    ("last", Duplicates::Last),
];

const PLACES: &[&str] = &[
    "cookie",
    "header",
    "query",
    "path_parameter",
    "path_segment",
];

const SESSION: Keys = Keys {
    known: &[
        "preset",
        "keys",
        "cookie",
        "scope",
        "secret",
        "without_session",
    ],
    refused: &[Refused::later(
        "by_client_window",
        "remove it; without_session is pass",
    )],
};

const KEY: Keys = Keys {
    known: &[
        "name",
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
    refused: &[Refused::later(
        "lane",
        "remove it; the first key with a valid id names the lane",
    )],
};

const COOKIE: Keys = Keys {
    known: &["name", "prefix", "regex", "ignore_case"],
    refused: &[],
};

const TRANSFORM: Keys = Keys {
    known: &["cut_before", "cut_after", "strip_prefix", "strip_suffix"],
    refused: &[],
};

const SCOPE: Keys = Keys {
    known: &["host", "path_segments"],
    refused: &[],
};

/// Longer than any head that is accepted by default.
const LONGEST_ID: usize = 64 << 10;
