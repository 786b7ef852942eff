//! Cookies of a request, as the applications' own parsers read them.
//!
//! Guarantees: all Cookie lines are one list, split on `;` only; any bytes are accepted, of any length; what is not
//! removed stays byte for byte.
//! Does not do: unquote or decode values; that is a transform of the source.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// Which cookies carry the session id, and how the application compares names.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieName {
    matcher: Matcher,
    spelling: Spelling,
    configured: String,
}

/// How an application compares cookie names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Byte for byte; spaces around `=` do not count (Tomcat).
    Exact,
    /// ASCII case does not matter; a space before `=` belongs to the name (ASP.NET: HttpCookieCollection is
    /// OrdinalIgnoreCase).
    IgnoreCase,
    /// Byte for byte, but `.` and space are `_` (PHP: main/php_variables.c).
    Php,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Prefix,
    Regex(regex::bytes::Regex),
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact, Self::Exact) | (Self::Prefix, Self::Prefix) => true,
            // How they compare case is the spelling's.
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            (Self::Exact | Self::Prefix | Self::Regex(_), _) => false,
        }
    }
}

impl CookieName {
    /// The cookie of this name.
    #[must_use]
    pub fn exact(name: &str, spelling: Spelling) -> Self {
        Self {
            matcher: Matcher::Exact,
            spelling,
            configured: name.to_owned(),
        }
    }

    /// Each cookie whose name begins like this.
    #[must_use]
    pub fn prefix(prefix: &str, spelling: Spelling) -> Self {
        Self {
            matcher: Matcher::Prefix,
            spelling,
            configured: prefix.to_owned(),
        }
    }

    /// Each cookie whose whole name matches this expression. [`Spelling::Php`] compares it with the name as sent.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn regex(pattern: &str, spelling: Spelling) -> Result<Self, regex::Error> {
        regex::bytes::Regex::new(pattern)?;
        let whole = regex::bytes::RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
            .case_insensitive(spelling == Spelling::IgnoreCase)
            .build()?;
        Ok(Self {
            matcher: Matcher::Regex(whole),
            spelling,
            configured: pattern.to_owned(),
        })
    }

    /// The name, prefix or expression as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.configured
    }

    /// The value of one piece of a Cookie line, when it is this cookie.
    fn value_of<'p>(&self, piece: &'p [u8]) -> Option<&'p [u8]> {
        let piece = piece.trim_ascii();
        if is_attribute(piece) {
            return None;
        }
        let (name, value) = split_at_equals(piece);
        let (name, value) = match self.spelling {
            Spelling::Exact => (name.trim_ascii_end(), value.trim_ascii_start()),
            Spelling::IgnoreCase | Spelling::Php => (name, value),
        };
        self.matches(name).then_some(value)
    }

    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let configured = self.configured.as_bytes();
        match &self.matcher {
            Matcher::Exact => name.len() == configured.len() && self.same(name, configured),
            Matcher::Prefix => name
                .get(..configured.len())
                .is_some_and(|start| self.same(start, configured)),
            Matcher::Regex(whole) => whole.is_match(name),
        }
    }

    /// Whether two names of one length are the same to the application.
    fn same(&self, name: &[u8], configured: &[u8]) -> bool {
        match self.spelling {
            Spelling::Exact => name == configured,
            Spelling::IgnoreCase => name.eq_ignore_ascii_case(configured),
            Spelling::Php => name.iter().zip(configured).all(|(a, b)| php(*a) == php(*b)),
        }
    }
}

/// The values of a cookie in the order of the request.
pub(super) fn values<'r>(
    headers: &'r HeaderMap,
    name: &CookieName,
) -> impl Iterator<Item = &'r [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pieces = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    pieces.filter_map(|piece| name.value_of(piece))
}

/// Removes a cookie, each time it occurs, from a request's Cookie lines; the rest stays byte for byte, and a line with
/// nothing left goes.
pub fn without_cookie(headers: &mut HeaderMap, name: &CookieName) {
    if values(headers, name).next().is_none() {
        return;
    }
    let lines: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line_without(line, name))
        .collect();
    headers.remove(COOKIE);
    for line in lines {
        headers.append(COOKIE, line);
    }
}

/// Removes the lines of a response that set a cookie; the others stay, in their order.
pub fn without_set_cookie(headers: &mut HeaderMap, name: &CookieName) {
    let sets = |line: &HeaderValue| {
        let pair = line
            .as_bytes()
            .split(|b| *b == b';')
            .next()
            .unwrap_or_default();
        name.matches(split_at_equals(pair).0.trim_ascii())
    };
    if !headers.get_all(SET_COOKIE).iter().any(sets) {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|line| !sets(line))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for line in kept {
        headers.append(SET_COOKIE, line);
    }
}

/// A Cookie line without a cookie and the `$Path` and `$Domain` behind it, which would else describe the one before.
fn line_without(line: &HeaderValue, name: &CookieName) -> Option<HeaderValue> {
    let mut kept: Vec<u8> = Vec::with_capacity(line.len());
    let mut removing = false;
    let mut first = true;
    for piece in line.as_bytes().split(|b| *b == b';') {
        removing = name.value_of(piece).is_some() || (removing && is_attribute(piece.trim_ascii()));
        if removing {
            continue;
        }
        if first {
            kept.extend_from_slice(piece.trim_ascii_start());
        } else {
            kept.push(b';');
            kept.extend_from_slice(piece);
        }
        first = false;
    }
    if kept.trim_ascii().is_empty() {
        return None;
    }
    Some(HeaderValue::from_bytes(&kept).expect("the pieces of a header value are header values"))
}

/// Whether a piece is `$Version`, `$Path` or `$Domain` (RFC 2965), which describe cookies and are none.
fn is_attribute(piece: &[u8]) -> bool {
    piece.starts_with(b"$")
}

fn split_at_equals(piece: &[u8]) -> (&[u8], &[u8]) {
    match piece.iter().position(|b| *b == b'=') {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, &[]),
    }
}

fn php(byte: u8) -> u8 {
    if matches!(byte, b'.' | b' ') {
        b'_'
    } else {
        byte
    }
}
