//! Patterns of routes: paths, hosts, values.
//!
//! Guarantees: a pattern that no normalized path can match is an error where that can be seen; matching never allocates.
//! Does not do: normalize; it is given normalized paths.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};

use crate::session::path::{PathCase, folded};

/// What a path must look like.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: String,
    kind: Kind,
}

/// What a host must look like: a glob without a port, in which case does not matter and `*` goes across dots.
#[derive(Clone, Debug)]
pub struct HostPattern {
    text: String,
    glob: GlobMatcher,
}

/// What a header or query value must look like: a glob over the whole value, case-sensitive, in which `*` is any text.
#[derive(Clone, Debug)]
pub struct ValuePattern {
    text: String,
    glob: GlobMatcher,
}

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// An extension that is none.
    #[error("`{0}` is no extension: write it like `css`")]
    Extension(String),
    /// The glob cannot be parsed.
    #[error(transparent)]
    Glob(#[from] globset::Error),
    /// A host with a port.
    #[error("a host is compared without its port")]
    HostWithPort,
    /// A list of extensions with nothing in it.
    #[error("no extension is given, so nothing would match")]
    NoExtensions,
    /// A path glob must begin at the root.
    #[error("a path begins with `/` or `**/`")]
    NoLeadingSlash,
    /// The regular expression cannot be parsed.
    #[error(transparent)]
    Regex(#[from] regex::Error),
    /// Normalized paths never look like this.
    #[error("it would never match: paths are compared without {0}")]
    Unmatchable(&'static str),
}

#[derive(Clone, Debug)]
enum Kind {
    /// A path and all below it: `/reports/**` without its end.
    Below(String),
    Exact(String),
    Glob(GlobSet),
    Regex(Regex),
}

impl PathPattern {
    /// Compiles a glob: `*` stays within a segment, `**` goes across, `?`, `[…]` and `{a,b}` as usual. `/reports/**` matches
    /// all below `/reports/`, and `/reports` itself, as IIS users expect of a folder. It is written decoded: a space, not
    /// `%20`. A final slash counts: `/a` does not match `/a/`.
    ///
    /// # Errors
    /// When it is no glob, does not begin with `/` or `**/`, or can never match a normalized path.
    pub fn glob(pattern: &str, case: PathCase) -> Result<Self, PatternError> {
        if !pattern.starts_with('/') && !pattern.starts_with("**/") {
            return Err(PatternError::NoLeadingSlash);
        }
        refuse_unmatchable(pattern)?;
        let own_case = |text: &str| match case {
            PathCase::Insensitive => folded(text.to_owned()),
            PathCase::Sensitive => text.to_owned(),
        };
        let base = pattern.strip_suffix("/**");
        let kind = match base {
            Some(base) if is_literal(base) => Kind::Below(own_case(base)),
            None if is_literal(pattern) => Kind::Exact(own_case(pattern)),
            _ => {
                let mut set = GlobSetBuilder::new();
                for text in base
                    .filter(|base| !base.is_empty())
                    .into_iter()
                    .chain([pattern])
                {
                    let mut glob = GlobBuilder::new(text);
                    glob.literal_separator(true).backslash_escape(true);
                    set.add(
                        glob.case_insensitive(case == PathCase::Insensitive)
                            .build()?,
                    );
                }
                Kind::Glob(set.build()?)
            }
        };
        Ok(Self {
            text: pattern.to_owned(),
            kind,
        })
    }

    /// Compiles a regular expression that is searched in the normalized path; `^` and `$` anchor it.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn regex(pattern: &str, case: PathCase) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(case == PathCase::Insensitive)
            .build()?;
        Ok(Self {
            text: pattern.to_owned(),
            kind: Kind::Regex(regex),
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Below(base) => is_below(path, base),
            Kind::Exact(exact) => path == exact,
            Kind::Glob(globs) => globs.is_match(path),
            Kind::Regex(regex) => regex.is_match(path),
        }
    }

    /// Whether it matches each path.
    pub(super) fn is_catch_all(&self) -> bool {
        matches!(&self.kind, Kind::Below(base) if base.is_empty())
    }

    /// Whether it certainly matches each path that `other` matches; false when that cannot be seen.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Below(base), _) if base.is_empty() => true,
            (_, Kind::Exact(path)) => self.matches(path),
            (Kind::Below(base), Kind::Below(inner)) => is_below(inner, base),
            (Kind::Below(base), Kind::Glob(_)) => other
                .text
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with('/')),
            (Kind::Glob(_), Kind::Glob(_)) | (Kind::Regex(_), Kind::Regex(_)) => {
                self.text == other.text
            }
            _ => false,
        }
    }

    /// The only path it matches, if there is only one.
    pub(super) fn only_path(&self) -> Option<&str> {
        match &self.kind {
            Kind::Exact(path) => Some(path),
            Kind::Below(_) | Kind::Glob(_) | Kind::Regex(_) => None,
        }
    }
}

impl HostPattern {
    /// Compiles a glob such as `*.example.com`, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// When it is no glob, or has a port.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let glob = if pattern.starts_with('[') && pattern.ends_with(']') && pattern.contains(':') {
            globset::escape(pattern)
        } else if pattern.contains(':') {
            return Err(PatternError::HostWithPort);
        } else {
            pattern.strip_suffix('.').unwrap_or(pattern).to_owned()
        };
        let glob = GlobBuilder::new(&glob)
            .case_insensitive(true)
            .build()?
            .compile_matcher();
        Ok(Self {
            text: pattern.to_owned(),
            glob,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        self.glob.is_match(host)
    }
}

impl ValuePattern {
    /// Compiles a glob.
    ///
    /// # Errors
    /// When it is no glob.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let glob = GlobBuilder::new(pattern)
            .backslash_escape(true)
            .build()?
            .compile_matcher();
        Ok(Self {
            text: pattern.to_owned(),
            glob,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a value matches; one that is not UTF-8 does not.
    pub(super) fn matches(&self, value: &[u8]) -> bool {
        std::str::from_utf8(value).is_ok_and(|value| self.glob.is_match(value))
    }
}

fn refuse_unmatchable(pattern: &str) -> Result<(), PatternError> {
    let bytes = pattern.as_bytes();
    let escaped = |w: &[u8]| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit();
    let never = if bytes.windows(3).any(escaped) {
        "%-escapes"
    } else if pattern.contains("//") {
        "double slashes"
    } else if pattern.contains(';') {
        "parameters"
    } else if pattern
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
    {
        "dot segments"
    } else {
        return Ok(());
    };
    Err(PatternError::Unmatchable(never))
}

fn is_literal(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
