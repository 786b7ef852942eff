//! Which requests a route is for.
//!
//! Guarantees: all criteria that are given must hold; the first that does not is named.
//! Does not do: normalize the path, or decide between routes.

use http::request::Parts;
use http::{HeaderName, Method};

use super::pattern::{HostPattern, PathPattern, PatternError, ValuePattern};
use crate::session::{host_of, query};

/// Which requests a route is for; the default is for all.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    /// What the normalized path looks like.
    pub path: Option<PathPattern>,
    /// The methods; empty for any. GET does not include HEAD.
    pub methods: Vec<Method>,
    /// What the host looks like.
    pub host: Option<HostPattern>,
    /// Headers that are present, all of them.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters that are present, all of them.
    pub query: Vec<QueryMatch>,
    /// What the file name ends with.
    pub extensions: Option<Extensions>,
}

/// A header that is present, on any of its lines.
#[derive(Clone, Debug)]
pub struct HeaderMatch {
    /// Its name.
    pub name: HeaderName,
    /// What its value looks like; None for any.
    pub value: Option<ValuePattern>,
}

/// A query parameter that is present, in any of its places.
#[derive(Clone, Debug)]
pub struct QueryMatch {
    /// Its name, decoded; case-sensitive.
    pub name: String,
    /// What its decoded value looks like; None for any.
    pub value: Option<ValuePattern>,
}

/// File name extensions: for GET and HEAD, on the last segment, and not when an earlier segment has a dot
/// (`/checkout.aspx/x.css` runs checkout.aspx). Case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extensions(Vec<String>);

/// The criterion of a route that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The extension.
    Extension(ExtensionMiss),
    /// The header criterion at this place.
    Header(usize),
    /// The host.
    Host,
    /// The method.
    Method,
    /// The path.
    Path,
    /// The query criterion at this place.
    Query(usize),
}

/// Why a path does not have one of the extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionMiss {
    /// An earlier segment has a dot.
    DotBefore,
    /// The method is not GET or HEAD.
    Method,
    /// The last segment ends otherwise.
    Other,
}

impl Criteria {
    /// The first criterion that a request does not meet; None when it meets all. `path` is its normalized path.
    pub(super) fn mismatch(&self, request: &Parts, path: &str) -> Option<Mismatch> {
        if !self.methods.is_empty() && !self.methods.contains(&request.method) {
            return Some(Mismatch::Method);
        }
        if self
            .path
            .as_ref()
            .is_some_and(|pattern| !pattern.matches(path))
        {
            return Some(Mismatch::Path);
        }
        if let Some(miss) = self
            .extensions
            .as_ref()
            .and_then(|extensions| extensions.miss(&request.method, path))
        {
            return Some(Mismatch::Extension(miss));
        }
        if self
            .host
            .as_ref()
            .is_some_and(|pattern| !host_of(request).is_some_and(|host| pattern.matches(host)))
        {
            return Some(Mismatch::Host);
        }
        if let Some(index) = self
            .headers
            .iter()
            .position(|header| !header.holds(request))
        {
            return Some(Mismatch::Header(index));
        }
        self.query
            .iter()
            .position(|query| !query.holds(request))
            .map(Mismatch::Query)
    }
}

impl HeaderMatch {
    fn holds(&self, request: &Parts) -> bool {
        let mut lines = request.headers.get_all(&self.name).iter();
        lines.any(|line| {
            self.value
                .as_ref()
                .is_none_or(|pattern| pattern.matches(line.as_bytes()))
        })
    }
}

impl QueryMatch {
    fn holds(&self, request: &Parts) -> bool {
        query::pairs(request.uri.query().unwrap_or_default())
            .filter(|(name, _)| name.as_ref() == self.name.as_bytes())
            .any(|(_, value)| {
                self.value
                    .as_ref()
                    .is_none_or(|pattern| pattern.matches(&query::decode(value)))
            })
    }
}

impl Extensions {
    /// A list such as `css`, `js`; a leading dot is allowed.
    ///
    /// # Errors
    /// When the list is empty, or one of them is empty or holds a dot or a slash.
    pub fn new<'e>(extensions: impl IntoIterator<Item = &'e str>) -> Result<Self, PatternError> {
        let parse = |text: &str| {
            let name = text.strip_prefix('.').unwrap_or(text);
            if name.is_empty() || name.contains(['.', '/', '\\', '*']) {
                return Err(PatternError::Extension(text.to_owned()));
            }
            Ok(name.to_ascii_lowercase())
        };
        let extensions = extensions
            .into_iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        if extensions.is_empty() {
            Err(PatternError::NoExtensions)
        } else {
            Ok(Self(extensions))
        }
    }

    /// The extensions, lower-case and without dots.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn miss(&self, method: &Method, path: &str) -> Option<ExtensionMiss> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(ExtensionMiss::Method);
        }
        let (folders, file) = path.rsplit_once('/').unwrap_or_default();
        let extension = file
            .rsplit_once('.')
            .filter(|(stem, _)| !stem.is_empty())
            .map(|(_, extension)| extension);
        match extension {
            Some(extension)
                if self
                    .0
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(extension)) =>
            {
                folders.contains('.').then_some(ExtensionMiss::DotBefore)
            }
            _ => Some(ExtensionMiss::Other),
        }
    }

    /// Whether all of these are among the other's.
    pub(super) fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|extension| other.0.contains(extension))
    }
}
