//! The routes and defaults that a preset brings.
//!
//! Guarantees: a preset's routes only take requests out of the lane that use no session in that kind of application.
//! Does not do: read the configuration; `config` asks for what the operator left open.

use std::sync::Arc;

use http::Method;

use super::{Access, Criteria, Extensions, Origin, PathPattern, Reads, Route, Terms};
use crate::lane::OnHoldLimit;
use crate::session::{PathCase, Preset};

/// The routes of a preset: the default terms, without a lane. They belong behind the operator's.
#[must_use]
pub fn routes(preset: Preset, default: &Terms) -> Vec<Route> {
    match preset {
        Preset::AspNet => aspnet(default),
        Preset::Java | Preset::Php => Vec::new(),
    }
}

/// How reads meet writers, when neither the route nor the top level says so.
#[must_use]
pub fn reads(preset: Preset) -> Reads {
    match preset {
        // ASP.NET's own reads wait for the writer ahead, and hold nothing.
        Preset::AspNet => Reads::Follow,
        Preset::Java | Preset::Php => Reads::Overtake,
    }
}

/// What the end of the hold limit does, when neither the route nor the top level says so.
#[must_use]
pub fn on_hold_limit(preset: Preset) -> OnHoldLimit {
    match preset {
        Preset::AspNet | Preset::Java => OnHoldLimit::Release,
        // PHP's flock never breaks: the next request would only wait inside the application, with a worker each.
        Preset::Php => OnHoldLimit::Wait,
    }
}

/// Whether the application tells `/Page` from `/page`.
#[must_use]
pub fn path_case(preset: Preset) -> PathCase {
    match preset {
        Preset::AspNet => PathCase::Insensitive,
        Preset::Java | Preset::Php => PathCase::Sensitive,
    }
}

/// What System.Web serves without a session: SignalR's endpoints, the resource handlers (no IRequiresSessionState), the
/// static file handler, and CORS preflights.
fn aspnet(default: &Terms) -> Vec<Route> {
    let terms = Arc::new(Terms {
        access: Access::None,
        ..default.clone()
    });
    let route = |label: &str, criteria| Route {
        label: Arc::from(format!("preset:{label}")),
        origin: Origin::Preset,
        criteria,
        terms: Arc::clone(&terms),
    };
    let path = |glob: &str| {
        let pattern =
            PathPattern::glob(glob, PathCase::Insensitive).expect("the preset's globs are valid");
        Criteria {
            path: Some(pattern),
            ..Criteria::default()
        }
    };
    let extensions = Extensions::new(STATIC).expect("the preset's extensions are valid");
    vec![
        route("signalr", path("**/signalr/**")),
        route("WebResource.axd", path("**/WebResource.axd")),
        route("ScriptResource.axd", path("**/ScriptResource.axd")),
        route(
            "static",
            Criteria {
                extensions: Some(extensions),
                ..Criteria::default()
            },
        ),
        route(
            "OPTIONS",
            Criteria {
                methods: vec![Method::OPTIONS],
                ..Criteria::default()
            },
        ),
    ]
}

/// Extensions that applications do not generate as a rule. Not among them: pdf, xml, json, txt, html, which they do.
const STATIC: [&str; 28] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "jpe", "gif", "svg", "svgz", "ico", "cur",
    "bmp", "webp", "avif", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm", "ogg",
    "wav", "swf", "htc",
];
