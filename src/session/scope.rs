//! What belongs to a session's key beside its id.
//!
//! Guarantees: two spellings of one host or one path give one scope.
//! Does not do: know where applications begin; the operator says how many path segments name one.

use http::header::HOST;
use http::request::Parts;

use super::path::{self, PathCase};

/// What belongs to a session's key beside its id (`session.scope`). The default is the id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whether sites of different hosts have different sessions.
    pub host: HostScope,
    /// How many leading segments of the normalized path name an application: 1 for `/shop/…` beside `/wiki/…`. Each page
    /// directly under `/` would be an application of its own, so not for a site with an application there. A path that
    /// cannot be normalized safely counts as having none.
    pub path_segments: usize,
    /// Whether the application tells `/Shop` from `/shop`.
    pub path_case: PathCase,
}

/// Whether the host is part of a session's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostScope {
    /// One id is one session on every host.
    Ignored,
    /// One id on two hosts is two sessions. The port does not count.
    Included,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            host: HostScope::Ignored,
            path_segments: 0,
            path_case: PathCase::Sensitive,
        }
    }
}

impl Scope {
    /// Adds the scope to a digest; each part is preceded by its length, so that no two scopes read the same.
    pub(super) fn add_to(&self, add: &mut dyn FnMut(&[u8]), request: &Parts) {
        if self.host == HostScope::Included {
            let host = host_of(request).unwrap_or_default();
            add(b"host");
            add(&(host.len() as u64).to_le_bytes());
            for byte in host.bytes() {
                add(&[byte.to_ascii_lowercase()]);
            }
        }
        if self.path_segments == 0 {
            return;
        }
        let Ok(path) = path::normalize(request.uri.path(), self.path_case) else {
            return;
        };
        for segment in path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .take(self.path_segments)
        {
            add(b"path");
            add(&(segment.len() as u64).to_le_bytes());
            add(segment.as_bytes());
        }
    }
}

/// The host a request is for, as spelled but without the port and a final dot: of the target when it has one (RFC 9112
/// section 3.2.2), else of the Host header. None when it has neither, or is not UTF-8.
pub(crate) fn host_of(request: &Parts) -> Option<&str> {
    let host = match request.uri.authority() {
        Some(authority) => authority.host(),
        None => without_port(
            request
                .headers
                .get(HOST)
                .and_then(|host| std::str::from_utf8(host.as_bytes()).ok())?,
        ),
    };
    Some(host.strip_suffix('.').unwrap_or(host))
}

fn without_port(host: &str) -> &str {
    let host = host.trim();
    if host.starts_with('[') {
        // An IPv6 address keeps its brackets, as http::uri::Authority has it.
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    host.split_once(':').map_or(host, |(host, _)| host)
}
