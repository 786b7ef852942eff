//! Routes: from a request to its access and the terms it is served on.
//!
//! Guarantees: the first matching route decides, the operator's before the preset's; what matches none is on the
//! default terms; what cannot be normalized safely, or overrides its method, is a write.
//! Does not do: change the request; the raw path is what is forwarded.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;

use crate::session::path::normalize;
use crate::session::query;

mod coverage;
mod criteria;
mod demotion;
mod explain;
mod pattern;
pub mod preset;
mod terms;

pub use crate::session::{PathCase, Unsafe};
pub use coverage::{Never, NeverMatches};
pub use criteria::{Criteria, ExtensionMiss, Extensions, HeaderMatch, Mismatch, QueryMatch};
pub use demotion::Demoted;
pub use explain::{Explanation, Outcome, Step};
pub use pattern::{HostPattern, PathPattern, PatternError, ValuePattern};
pub use terms::{Access, Mode, OnClientGone, Reads, Release, Terms};

use demotion::Demotion;

/// A route's label in metrics, logs and `explain`: its name, or what it matches. Cheap to clone.
pub type Label = Arc<str>;

/// One rule of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name, or what it matches.
    pub label: Label,
    /// Who wrote it.
    pub origin: Origin,
    /// Which requests it is for.
    pub criteria: Criteria,
    /// What it decides.
    pub terms: Arc<Terms>,
}

/// Who wrote a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator, under `routes:`.
    Operator,
    /// The preset brought it.
    Preset,
}

/// The routes in matching order, compiled.
#[derive(Debug)]
pub struct RouteTable {
    routes: Vec<Route>,
    /// For each of `routes`, and then for the default.
    demotions: Vec<Option<Demotion>>,
    case: PathCase,
    default: Arc<Terms>,
    default_label: Label,
    /// The default terms as a write, for requests in doubt.
    write: Arc<Terms>,
    unsafe_label: Label,
    override_label: Label,
}

/// What the table decides about a request.
#[derive(Clone, Debug)]
pub struct Decision<'t> {
    /// The terms it is served on.
    pub terms: &'t Arc<Terms>,
    /// The route's label; `default`, `unsafe_path` or `method_override` when no route decided.
    pub label: &'t Label,
    /// The route's place in the table; None when no route decided.
    pub route: Option<usize>,
    /// The place of its label among [`RouteTable::labels`].
    pub place: usize,
}

/// Why no route is asked, and the request is a write on the default terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A header or query parameter tells the application to take another method than the request's.
    #[error("a header or query parameter overrides its method")]
    MethodOverride,
    /// Its path cannot be normalized safely.
    #[error("its path cannot be normalized safely: {0}")]
    Path(#[from] Unsafe),
}

impl RouteTable {
    /// Puts routes in order, the operator's first; `default` are the terms of what matches none. `case` must be the one
    /// that the path patterns were compiled with.
    #[must_use]
    pub fn new(routes: Vec<Route>, default: Arc<Terms>, case: PathCase) -> Self {
        let (operators, presets): (Vec<_>, Vec<_>) = routes
            .into_iter()
            .partition(|route| route.origin == Origin::Operator);
        let routes: Vec<_> = operators.into_iter().chain(presets).collect();
        let terms = routes.iter().map(|route| &route.terms).chain([&default]);
        Self {
            demotions: terms.map(|terms| Demotion::of(terms)).collect(),
            routes,
            case,
            write: Arc::new(Terms {
                access: Access::Write,
                ..Terms::clone(&default)
            }),
            default,
            default_label: Arc::from("default"),
            unsafe_label: Arc::from("unsafe_path"),
            override_label: Arc::from("method_override"),
        }
    }

    /// The terms of a request. Allocates only when its path is not in normal form.
    #[must_use]
    pub fn decide(&self, request: &Parts) -> Decision<'_> {
        let path = match self.read(request) {
            Ok(path) => path,
            Err(doubt) => return self.doubted(doubt),
        };
        let route = self
            .routes
            .iter()
            .position(|route| route.criteria.mismatch(request, &path).is_none());
        self.decided(route)
    }

    /// The routes in matching order.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The routes of the configuration, without those of a preset.
    pub fn operators(&self) -> impl Iterator<Item = &Route> {
        let is_operators = |route: &&Route| route.origin == Origin::Operator;
        self.routes.iter().filter(is_operators)
    }

    /// Each label that [`RouteTable::decide`] can give: the closed set for metrics.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        let own = [
            &self.default_label,
            &self.unsafe_label,
            &self.override_label,
        ];
        self.routes.iter().map(|route| &route.label).chain(own)
    }

    /// The terms of what no route matches, and their label.
    #[must_use]
    pub fn default_terms(&self) -> (&Label, &Arc<Terms>) {
        (&self.default_label, &self.default)
    }

    /// Each of [`RouteTable::labels`] with its terms, as they were written.
    pub fn all_terms(&self) -> impl Iterator<Item = (&Label, &Terms)> {
        let own = [&self.default, &self.write, &self.write];
        let terms = self.routes.iter().map(|route| &route.terms).chain(own);
        self.labels().zip(terms.map(|terms| &**terms))
    }

    /// The mode of each route, then that of the default.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        let routes = self.routes.iter().map(|route| route.terms.mode);
        routes.chain([self.default.mode])
    }

    /// How paths are read, for matching.
    #[must_use]
    pub fn case(&self) -> PathCase {
        self.case
    }

    /// Makes a `read` route count as `write` from now on; `route` is as in [`Decision::route`], None for the default.
    pub fn demote(&self, route: Option<usize>) -> Demoted {
        self.demotion(route)
            .map_or(Demoted::Before, Demotion::demote)
    }

    /// The labels of the routes that were demoted.
    pub fn demoted(&self) -> impl Iterator<Item = &Label> {
        let mut demotions = self.demotions.iter();
        self.labels().filter(move |_| {
            let demotion = demotions.next().and_then(Option::as_ref);
            demotion.is_some_and(|demotion| demotion.terms().is_some())
        })
    }

    fn demotion(&self, route: Option<usize>) -> Option<&Demotion> {
        let place = route.unwrap_or(self.routes.len());
        self.demotions.get(place)?.as_ref()
    }

    /// Whether a route, or the default, is in observe mode.
    #[must_use]
    pub fn observes(&self) -> bool {
        let mut terms = self.routes.iter().map(|route| &route.terms);
        let observes = |terms: &Arc<Terms>| terms.mode == Mode::Observe;
        observes(&self.default) || terms.any(observes)
    }

    /// The normalized path, when the request is what it looks like.
    fn read<'r>(&self, request: &'r Parts) -> Result<Cow<'r, str>, Doubt> {
        let path = normalize(request.uri.path(), self.case)?;
        if overrides_method(request) {
            Err(Doubt::MethodOverride)
        } else {
            Ok(path)
        }
    }

    fn decided(&self, route: Option<usize>) -> Decision<'_> {
        let (terms, label) = match route {
            Some(index) => (&self.routes[index].terms, &self.routes[index].label),
            None => (&self.default, &self.default_label),
        };
        let demoted = self.demotion(route).and_then(Demotion::terms);
        Decision {
            terms: demoted.unwrap_or(terms),
            label,
            route,
            place: route.unwrap_or(self.routes.len()),
        }
    }

    fn doubted(&self, doubt: Doubt) -> Decision<'_> {
        let behind_default = self.routes.len() + 1;
        let (label, place) = match doubt {
            Doubt::Path(_) => (&self.unsafe_label, behind_default),
            Doubt::MethodOverride => (&self.override_label, behind_default + 1),
        };
        Decision {
            terms: &self.write,
            label,
            route: None,
            place,
        }
    }
}

/// Whether a request asks for another method than its own: in a header (read by ASP.NET MVC, Rails, Laravel, Symfony), or
/// in a query parameter of the header's name (ASP.NET MVC's GetHttpMethodOverride) or `_method`. One in a body cannot be
/// seen here; such a request is a POST.
fn overrides_method(request: &Parts) -> bool {
    let query = request.uri.query().unwrap_or_default();
    request
        .headers
        .keys()
        .any(|name| is_override(name.as_str().as_bytes()))
        || query::pairs(query).any(|(name, _)| is_override(&name))
}

/// Whether a name is one of [`OVERRIDES`]; applications behind CGI or PHP cannot tell `-`, `_`, `.` and space apart.
fn is_override(name: &[u8]) -> bool {
    let plain = |byte: u8| match byte {
        b'_' | b'.' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    };
    OVERRIDES.iter().any(|known| {
        known.len() == name.len()
            && name
                .iter()
                .zip(known.bytes())
                .all(|(byte, other)| plain(*byte) == other)
    })
}

const OVERRIDES: [&str; 4] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "-method",
];

#[cfg(test)]
mod tests;
