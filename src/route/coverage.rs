//! Routes that can never match, for `onelane check`.
//!
//! Guarantees: what it reports is so.
//! Does not do: find all of them; routes that only together cover a later one, or two expressions that mean the same,
//! are not seen.

use std::fmt;

use http::Method;

use super::criteria::Criteria;
use super::{Label, Origin, RouteTable};

/// A route of the operator's that can never match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverMatches {
    /// Its place in the table, which is its place under `routes:`.
    pub route: usize,
    /// Why.
    pub reason: Never,
}

/// Why a route can never match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Never {
    /// An earlier route matches all that it would match.
    Covered {
        /// The earlier route's place in the table.
        by: usize,
        /// The earlier route's label.
        label: Label,
    },
    /// Its only path does not end in one of its extensions, or has a dot in an earlier segment.
    ExtensionsAgainstPath,
    /// It has extensions, which are for GET and HEAD, and neither of these among its methods.
    ExtensionsWithoutGet,
}

impl RouteTable {
    /// The operator's routes that can never match, in their order.
    #[must_use]
    pub fn never_matching(&self) -> Vec<NeverMatches> {
        let operators = self
            .routes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.origin == Origin::Operator);
        let found = operators.filter_map(|(index, route)| {
            let reason = contradiction(&route.criteria).or_else(|| self.covered(index))?;
            Some(NeverMatches {
                route: index,
                reason,
            })
        });
        found.collect()
    }

    fn covered(&self, index: usize) -> Option<Never> {
        let (earlier, later) = (&self.routes[..index], &self.routes[index]);
        let by = earlier
            .iter()
            .position(|route| covers(&route.criteria, &later.criteria))?;
        Some(Never::Covered {
            by,
            label: Label::clone(&earlier[by].label),
        })
    }
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Covered { by, label } => write!(
                f,
                "routes[{by}] ({label}) matches first whatever this one would match"
            ),
            Self::ExtensionsAgainstPath => {
                f.write_str("its path does not have one of its extensions")
            }
            Self::ExtensionsWithoutGet => f.write_str(
                "extensions are for GET and HEAD only, and neither is among its methods",
            ),
        }
    }
}

fn contradiction(criteria: &Criteria) -> Option<Never> {
    let extensions = criteria.extensions.as_ref()?;
    let reads = [Method::GET, Method::HEAD];
    if !criteria.methods.is_empty() && !criteria.methods.iter().any(|method| reads.contains(method))
    {
        return Some(Never::ExtensionsWithoutGet);
    }
    let path = criteria.path.as_ref()?.only_path()?;
    extensions
        .miss(&Method::GET, path)
        .map(|_| Never::ExtensionsAgainstPath)
}

/// Whether each request that meets `later` certainly meets `earlier`: each criterion of the earlier follows from one of
/// the later.
fn covers(earlier: &Criteria, later: &Criteria) -> bool {
    let path = match (&earlier.path, &later.path) {
        (None, _) => true,
        (Some(earlier), Some(later)) => earlier.covers(later),
        (Some(earlier), None) => earlier.is_catch_all(),
    };
    let methods = earlier.methods.is_empty()
        || (!later.methods.is_empty()
            && later
                .methods
                .iter()
                .all(|method| earlier.methods.contains(method)));
    let host = earlier.host.as_ref().is_none_or(|host| {
        later
            .host
            .as_ref()
            .is_some_and(|other| host.as_str().eq_ignore_ascii_case(other.as_str()))
    });
    let headers = earlier.headers.iter().all(|header| {
        let same = |value: Option<&str>| {
            header
                .value
                .as_ref()
                .is_none_or(|own| Some(own.as_str()) == value)
        };
        later.headers.iter().any(|other| {
            other.name == header.name && same(other.value.as_ref().map(|v| v.as_str()))
        })
    });
    let query = earlier.query.iter().all(|query| {
        let same = |value: Option<&str>| {
            query
                .value
                .as_ref()
                .is_none_or(|own| Some(own.as_str()) == value)
        };
        later
            .query
            .iter()
            .any(|other| other.name == query.name && same(other.value.as_ref().map(|v| v.as_str())))
    });
    let extensions = earlier.extensions.as_ref().is_none_or(|extensions| {
        later
            .extensions
            .as_ref()
            .is_some_and(|other| other.within(extensions))
    });
    path && methods && host && headers && query && extensions
}
