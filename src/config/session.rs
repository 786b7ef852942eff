//! `session:`: what a request's session is.
//!
//! Guarantees: the rules come from a preset or from explicit keys, never from both or neither.
//! Does not do: read explicit keys; `keys` does.

use super::reader::{Keys, Section, Value};
use super::{defaults, keys};
use crate::gateway::WithoutSession;
use crate::route::preset;
use crate::session::{HostScope, OwnCookie, PathCase, Preset, Scope, Sessions, Settings, Source};

/// What the section says, for those that follow.
#[derive(Debug)]
pub(super) struct SessionRules {
    /// The kind of application, when it is a known one.
    pub preset: Option<Preset>,
    /// How the application compares paths.
    pub path_case: PathCase,
    /// Where the session id is looked for, compiled.
    pub sessions: Sessions,
    /// What becomes of requests without a session.
    pub without_session: WithoutSession,
}

/// `session`.
pub(super) fn read(top: &Section<'_>) -> SessionRules {
    let section = top.read("session", open);
    let preset = section
        .as_ref()
        .and_then(|section| section.read("preset", preset));
    let path_case = preset.map_or(PathCase::Sensitive, preset::path_case);
    let without_session = without_session(section.as_ref());
    let rules = |settings| SessionRules {
        without_session,
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
    if Preset::ALL
        .iter()
        .any(|preset| value.is_word(preset.name()))
    {
        return value.refuse(
            "expected a section, found text",
            "write session: { preset: … }",
        );
    }
    value.section(&SESSION)
}

fn preset(value: &Value<'_>) -> Option<Preset> {
    value.choice(&Preset::ALL.map(|preset| (preset.name(), preset)))
}

fn sources(section: &Section<'_>, preset: Option<Preset>) -> Vec<Source> {
    let cookie = section.get("cookie");
    let keys = section.get("keys");
    match (preset, keys) {
        (Some(preset), None) => {
            if cookie.is_none() && preset.own_cookie() == OwnCookie::Unknown {
                section.value().refuse::<()>(
                    format!(
                        "each application of the preset {} names its own cookie",
                        preset.name()
                    ),
                    "add cookie: with the name of the session cookie, such as _shop_session",
                );
            }
            let name = cookie.and_then(|cookie| keys::cookie_name(&cookie).map(str::to_owned));
            let mut sources = preset.sources(name.as_deref());
            sources.extend(shared(section, preset));
            sources
        }
        (None, Some(keys)) => {
            if let Some(cookie) = cookie {
                cookie.refuse::<()>(
                    "cookie replaces the cookie of a preset, and there is none",
                    "move it to an item of keys:",
                );
            }
            if let Some(said) = section.get("shared") {
                refuse_shared::<()>(&said);
            }
            keys::read(&keys)
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
                    format!(
                        "write preset: with one of {}",
                        Preset::ALL.map(Preset::name).join(", ")
                    ),
                );
            }
            Vec::new()
        }
    }
}

/// The session that a user's browsers share, if it is to have a lane (`shared`).
fn shared(section: &Section<'_>, preset: Preset) -> Option<Source> {
    let said = section.get("shared")?;
    let Some(source) = preset.shared() else {
        return refuse_shared(&said);
    };
    said.truth()?.then_some(source)
}

fn refuse_shared<T>(said: &Value<'_>) -> Option<T> {
    said.refuse(
        "only Sitecore is known to have a session that browsers share",
        "remove it, or write a second one of keys: with lane: shared",
    )
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

/// `without_session` and `by_client_window`.
fn without_session(session: Option<&Section<'_>>) -> WithoutSession {
    let Some(session) = session else {
        return defaults::WITHOUT_SESSION;
    };
    let window = session
        .read("by_client_window", Value::timeout)
        .unwrap_or(defaults::BY_CLIENT_WINDOW);
    let choices = [
        ("pass", WithoutSession::Pass),
        ("by_client", WithoutSession::ByClient { window }),
    ];
    session
        .read("without_session", |value| value.choice(&choices))
        .unwrap_or(defaults::WITHOUT_SESSION)
}

pub(super) const SESSION: Keys = Keys {
    known: &[
        "preset",
        "keys",
        "cookie",
        "shared",
        "scope",
        "secret",
        "without_session",
        "by_client_window",
    ],
    refused: &[],
};

pub(super) const SCOPE: Keys = Keys {
    known: &["host", "path_segments"],
    refused: &[],
};
