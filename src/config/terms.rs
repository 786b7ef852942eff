//! What the top level says for all requests and a route for its own: access, reads, mode, queue, release and the like.
//!
//! Guarantees: what a place leaves out is what the place above it says, so the terms of a route are complete.
//! Does not do: say which requests a route is for.

use std::time::Duration;

use super::defaults;
use super::reader::{Keys, Refused, Section, Value};
use crate::lane::{Admission, Limits, OnFull, OnHoldLimit};
use crate::route::{Access, Mode, OnClientGone, Reads, Release, Terms, preset};
use crate::session::Preset;

/// The terms of a request that matches no route, before the top level says anything.
pub(super) fn of_preset(preset: Option<Preset>) -> Terms {
    Terms {
        access: defaults::DEFAULT_ACCESS,
        reads: preset.map_or(defaults::READS, preset::reads),
        mode: defaults::MODE,
        limits: Limits {
            waiters: defaults::QUEUE_LIMIT,
            wait_timeout: defaults::WAIT_TIMEOUT,
            hold_limit: defaults::HOLD_LIMIT,
            on_overflow: defaults::ON_OVERFLOW,
            on_wait_timeout: defaults::ON_WAIT_TIMEOUT,
            on_hold_limit: preset.map_or(defaults::ON_HOLD_LIMIT, preset::on_hold_limit),
            max_passed: defaults::MAX_PASSED,
            admission: defaults::ADMISSION,
        },
        release: preset.map_or(defaults::RELEASE, preset::release),
        follow_hold: defaults::FOLLOW_HOLD,
        on_client_gone: defaults::ON_CLIENT_GONE,
    }
}

/// The terms of the top level, over those of the preset.
pub(super) fn of_top(top: &Section<'_>, preset: Option<Preset>) -> Terms {
    let mut terms = over(top, of_preset(preset), &QUEUE);
    if let Some(default_access) = top.get("default_access") {
        terms.access = access(&default_access).unwrap_or(terms.access);
        if preset.is_some() && terms.access != Access::Write {
            default_access.warn(
                "requests that no route names will not wait for each other; name the reading routes instead, and leave this at write",
            );
        }
    }
    terms
}

/// The terms of a route, over those of the top level.
pub(super) fn of_route(route: &Section<'_>, top: &Terms) -> Terms {
    let mut terms = over(route, top.clone(), &ROUTE_QUEUE);
    terms.access = route.read("access", access).unwrap_or(terms.access);
    terms
}

/// The cap on the waiters of all lanes together.
pub(super) fn max_waiting(top: &Section<'_>) -> usize {
    let value = top.get("queue").and_then(|queue| queue.key("max_waiting"));
    value
        .and_then(|value| value.whole(1..=defaults::MOST))
        .unwrap_or(defaults::MAX_WAITING)
}

/// Reads what top level and routes have in common, over `terms`.
fn over(section: &Section<'_>, terms: Terms, queue_keys: &'static Keys) -> Terms {
    Terms {
        access: terms.access,
        reads: section
            .read("reads", |value| value.choice(READS))
            .unwrap_or(terms.reads),
        mode: section
            .read("mode", |value| value.choice(MODES))
            .unwrap_or(terms.mode),
        limits: match section.read("queue", |value| value.section(queue_keys)) {
            Some(queue) => limits(&queue, &terms.limits),
            None => terms.limits,
        },
        release: section.read("release", release).unwrap_or(terms.release),
        follow_hold: section
            .read("follow_hold", |value| value.duration(Duration::ZERO))
            .unwrap_or(terms.follow_hold),
        on_client_gone: section
            .read("on_client_gone", |value| value.choice(ON_CLIENT_GONE))
            .unwrap_or(terms.on_client_gone),
    }
}

fn limits(queue: &Section<'_>, base: &Limits) -> Limits {
    let limits = Limits {
        waiters: queue
            .read("limit", |value| value.whole(0..=defaults::MOST))
            .unwrap_or(base.waiters),
        wait_timeout: queue
            .read("wait_timeout", Value::timeout)
            .unwrap_or(base.wait_timeout),
        hold_limit: queue
            .read("hold_limit", Value::timeout)
            .unwrap_or(base.hold_limit),
        on_overflow: queue
            .read("on_overflow", |value| value.choice(ON_FULL))
            .unwrap_or(base.on_overflow),
        on_wait_timeout: queue
            .read("on_wait_timeout", |value| value.choice(ON_FULL))
            .unwrap_or(base.on_wait_timeout),
        on_hold_limit: queue
            .read("on_hold_limit", |value| value.choice(ON_HOLD_LIMIT))
            .unwrap_or(base.on_hold_limit),
        max_passed: queue
            .read("max_passed", |value| value.whole(0..=defaults::MOST))
            .unwrap_or(base.max_passed),
        admission: queue.read("admission", admission).unwrap_or(base.admission),
    };
    // The defaults are so: of the 130 s, 20 are for the application to end a page that was given 110.
    let as_by_default =
        (limits.wait_timeout, limits.hold_limit) == (defaults::WAIT_TIMEOUT, defaults::HOLD_LIMIT);
    if limits.wait_timeout < limits.hold_limit
        && !as_by_default
        && let Some(said) = queue
            .get("wait_timeout")
            .or_else(|| queue.get("hold_limit"))
    {
        said.warn(format!(
            "wait_timeout ({}) is shorter than hold_limit ({}): users are refused while the page before theirs may still run; make it longer",
            humantime::format_duration(limits.wait_timeout),
            humantime::format_duration(limits.hold_limit),
        ));
    }
    limits
}

/// `body`, `headers`, or `{after, grace}`.
fn release(value: &Value<'_>) -> Option<Release> {
    if !value.is_section() {
        return value.choice(RELEASE);
    }
    let section = value.section(&RELEASE_KEYS)?;
    let Some(after) = section.get("after") else {
        return value.refuse("after is missing", "write {after: body, grace: 50ms}");
    };
    let release = after.choice(RELEASE)?;
    let Some(grace) = section.get("grace") else {
        return Some(release);
    };
    let time = grace.duration(Duration::ZERO)?;
    match release {
        Release::Body { .. } => Some(Release::Body { grace: time }),
        Release::Headers => grace.refuse(
            "grace counts from the end of the body",
            "write after: body, or remove grace",
        ),
    }
}

/// `write`, `read` or `none`.
fn access(value: &Value<'_>) -> Option<Access> {
    value.choice(ACCESS)
}

/// `off` or `estimate`.
fn admission(value: &Value<'_>) -> Option<Admission> {
    if value.is_word("false") {
        return Some(Admission::Off);
    }
    value.choice(ADMISSION)
}

pub(super) const ACCESS: &[(&str, Access)] = &[
    ("write", Access::Write),
    ("read", Access::Read),
    ("none", Access::None),
];

pub(super) const READS: &[(&str, Reads)] = &[
    ("overtake", Reads::Overtake),
    ("follow", Reads::Follow),
    ("share", Reads::Share),
];

pub(super) const MODES: &[(&str, Mode)] = &[("enforce", Mode::Enforce), ("observe", Mode::Observe)];

pub(super) const RELEASE: &[(&str, Release)] = &[
    (
        "body",
        Release::Body {
            grace: Duration::ZERO,
        },
    ),
    ("headers", Release::Headers),
];

pub(super) const ON_CLIENT_GONE: &[(&str, OnClientGone)] =
    &[("leave", OnClientGone::Leave), ("stay", OnClientGone::Stay)];

pub(super) const ON_FULL: &[(&str, OnFull)] = &[
    ("refuse", OnFull::Refuse),
    ("pass", OnFull::Pass),
    ("pass_without_session", OnFull::PassWithoutSession),
];

pub(super) const ADMISSION: &[(&str, Admission)] =
    &[("off", Admission::Off), ("estimate", Admission::Estimate)];

pub(super) const ON_HOLD_LIMIT: &[(&str, OnHoldLimit)] = &[
    ("release", OnHoldLimit::Release),
    ("abort", OnHoldLimit::Abort),
    ("wait", OnHoldLimit::Wait),
];

pub(super) const RELEASE_KEYS: Keys = Keys {
    known: &["after", "grace"],
    refused: &[],
};

pub(super) const QUEUE: Keys = Keys {
    known: &[
        "limit",
        "wait_timeout",
        "hold_limit",
        "on_overflow",
        "on_wait_timeout",
        "on_hold_limit",
        "max_waiting",
        "max_passed",
        "admission",
    ],
    refused: &[],
};

pub(super) const ROUTE_QUEUE: Keys = Keys {
    known: &[
        "limit",
        "wait_timeout",
        "hold_limit",
        "on_overflow",
        "on_wait_timeout",
        "on_hold_limit",
        "max_passed",
        "admission",
    ],
    refused: &[Refused::because(
        "max_waiting",
        "this limit is for all lanes together",
        "move it to queue: at the top level",
    )],
};
