//! The routes and defaults that a preset brings.
//!
//! Guarantees: a preset's routes only take requests out of the lane that use no session in that kind of application; where
//! that depends on the site (a front controller answers for a missing file, a filter opens the session), there is none.
//! Does not do: read the configuration; `config` asks for what the operator left open.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::{Access, Criteria, Extensions, Origin, PathPattern, Reads, Release, Route, Terms};
use crate::lane::OnHoldLimit;
use crate::session::{PathCase, Preset};

/// The routes of a preset: the default terms, without a lane. They belong behind the operator's.
#[must_use]
pub fn routes(preset: Preset, default: &Terms) -> Vec<Route> {
    let without = Without {
        case: path_case(preset),
        terms: Arc::new(Terms {
            access: Access::None,
            ..default.clone()
        }),
    };
    match preset {
        Preset::AspNet => aspnet(&without),
        Preset::Sitecore => sitecore(&without),
        Preset::AspNetCore => vec![
            // Blazor's hub uses no session, and a long poll of it would hold the lane.
            without.path("blazor", "**/_blazor/**"),
            without.files("static", None),
        ],
        // Only .asp runs asp.dll, only .cfm and .cfc run ColdFusion.
        Preset::ClassicAsp | Preset::ColdFusion => vec![without.files("static", None)],
        Preset::Django => vec![without.files("static", Some("^/static/"))],
        Preset::Laravel => vec![without.files("static", Some("^/build/"))],
        Preset::Rails => vec![without.files("static", Some("^/(assets|packs)/"))],
        Preset::Magento => vec![without.files("static", Some(MAGENTO_FILES))],
        Preset::Moodle => vec![without.regex("scripts", MOODLE_SCRIPTS)],
        Preset::Express | Preset::Java | Preset::Php | Preset::WooCommerce => Vec::new(),
    }
}

/// How reads meet writers, when neither the route nor the top level says so.
#[must_use]
pub fn reads(preset: Preset) -> Reads {
    match preset {
        // ASP.NET's own reads wait for the writer ahead, and hold nothing.
        Preset::AspNet | Preset::Sitecore => Reads::Follow,
        _ => Reads::Overtake,
    }
}

/// What the end of the hold limit does, when neither the route nor the top level says so.
#[must_use]
pub fn on_hold_limit(preset: Preset) -> OnHoldLimit {
    match preset {
        // PHP's flock never breaks: the next request would only wait inside the application, with a worker each.
        Preset::Magento | Preset::Moodle | Preset::Php => OnHoldLimit::Wait,
        _ => OnHoldLimit::Release,
    }
}

/// When a permit ends, when neither the route nor the top level says so.
#[must_use]
pub fn release(preset: Preset) -> Release {
    let grace = match preset {
        // SessionMiddleware commits after the pipeline has run: a response with a length is complete before that (tried;
        // one in chunks, or without a body, is not).
        Preset::AspNetCore => Duration::from_millis(50),
        _ => Duration::ZERO,
    };
    Release::Body { grace }
}

/// Whether the application tells `/Page` from `/page`. Where it depends on the machine it runs on, it does not: a route
/// that says `write` must not be missed.
#[must_use]
pub fn path_case(preset: Preset) -> PathCase {
    match preset {
        Preset::AspNet
        | Preset::AspNetCore
        | Preset::ClassicAsp
        | Preset::ColdFusion
        | Preset::Express // Router's `caseSensitive` is off by default
        | Preset::Sitecore => PathCase::Insensitive,
        Preset::Django
        | Preset::Java
        | Preset::Laravel
        | Preset::Magento
        | Preset::Moodle
        | Preset::Php
        | Preset::Rails
        | Preset::WooCommerce => PathCase::Sensitive,
    }
}

/// What System.Web serves without a session: SignalR's endpoints, the resource handlers (no IRequiresSessionState), the
/// static file handler, and CORS preflights.
fn aspnet(without: &Without) -> Vec<Route> {
    let preflight = Criteria {
        methods: vec![Method::OPTIONS],
        ..Criteria::default()
    };
    vec![
        without.path("signalr", "**/signalr/**"),
        without.path("WebResource.axd", "**/WebResource.axd"),
        without.path("ScriptResource.axd", "**/ScriptResource.axd"),
        without.files("static", None),
        without.route("OPTIONS", preflight),
    ]
}

/// Sitecore serves media by a handler of its own that asks for no session (MediaRequestHandler), whatever the extension:
/// it may be .ashx. Only what reads: a handler that a site derives from it may do more. The static parts of /sitecore are
/// ASP.NET's; all else there is an editor's work in his session.
fn sitecore(without: &Without) -> Vec<Route> {
    let media = |label: &str, glob: &str| {
        let criteria = Criteria {
            methods: vec![Method::GET, Method::HEAD],
            ..without.at_path(glob)
        };
        without.route(label, criteria)
    };
    let mut routes = vec![
        media("media", "**/-/media/**"),
        media("old media", "**/~/media/**"),
    ];
    routes.extend(aspnet(without));
    routes
}

/// Makes the routes of requests without a lane.
struct Without {
    case: PathCase,
    terms: Arc<Terms>,
}

impl Without {
    fn route(&self, label: &str, criteria: Criteria) -> Route {
        Route {
            label: Arc::from(format!("preset:{label}")),
            origin: Origin::Preset,
            criteria,
            terms: Arc::clone(&self.terms),
        }
    }

    fn at_path(&self, glob: &str) -> Criteria {
        let pattern = PathPattern::glob(glob, self.case).expect("the preset's globs are valid");
        Criteria {
            path: Some(pattern),
            ..Criteria::default()
        }
    }

    fn path(&self, label: &str, glob: &str) -> Route {
        self.route(label, self.at_path(glob))
    }

    fn regex(&self, label: &str, regex: &str) -> Route {
        self.route(label, self.at_regex(regex))
    }

    fn at_regex(&self, regex: &str) -> Criteria {
        let pattern =
            PathPattern::regex(regex, self.case).expect("the preset's expressions are valid");
        Criteria {
            path: Some(pattern),
            ..Criteria::default()
        }
    }

    /// Static files; only those whose path this expression is found in, if there is one.
    fn files(&self, label: &str, regex: Option<&str>) -> Route {
        let extensions = Extensions::new(STATIC).expect("the preset's extensions are valid");
        let criteria = Criteria {
            extensions: Some(extensions),
            ..regex.map_or_else(Criteria::default, |regex| self.at_regex(regex))
        };
        self.route(label, criteria)
    }
}

/// Where Magento never asks its front controller, also for a file that is missing: static.php and get.php have no session.
const MAGENTO_FILES: &str = "^/(pub/)?(static|media|skin|js)/";

/// Moodle's scripts that define NO_MOODLE_COOKIES, or end before the session begins (ABORT_AFTER_CONFIG); of the site's
/// root, or one folder below it. A plugin's own styles.php is none of them.
const MOODLE_SCRIPTS: &str = r"^(/[^/]+)?/(theme/(styles|image|font|javascript|jquery|yui_combo|yui_image)|lib/(javascript|requirejs|jssourcemap|ajax/service-nologin|editor/tiny/(loader|lang))|help_ajax)\.php(/|$)";

/// Extensions that applications do not generate as a rule. Not among them: pdf, xml, json, txt, html, which they do.
const STATIC: [&str; 28] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "jpe", "gif", "svg", "svgz", "ico", "cur",
    "bmp", "webp", "avif", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm", "ogg",
    "wav", "swf", "htc",
];
