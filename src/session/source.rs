//! One place where a session id may be, and what makes it an id.
//!
//! Guarantees: judging a value never panics and never shows the value; candidates without transforms are judged where
//! they stand in the request.
//! Does not do: look at other sources, or digest the id.

use std::borrow::Cow;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use percent_encoding::percent_decode;

use super::cookie::{self, CookieName, Spelling};
use super::lanes::LaneName;
use super::{cookieless, query};

/// One place where a session id may be (an entry of `session.keys`, or a part of a preset).
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name in metrics and warnings.
    pub label: Arc<str>,
    /// Which lane its ids name. Sources of one lane are alternatives.
    pub lane: LaneName,
    /// Where the id stands.
    pub place: Place,
    /// What is done to the value, in order, before it is judged.
    pub transforms: Vec<Transform>,
    /// What an id looks like after the transforms.
    pub pattern: IdPattern,
    /// The longest id after the transforms, bytes.
    pub max_length: usize,
    /// Which of several candidates counts.
    pub duplicates: Duplicates,
    /// What becomes of an id when a response sets another one.
    pub old_id: OldId,
}

/// Where a session id stands in a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In a cookie. Several Cookie lines are one list.
    Cookie(Arc<CookieName>),
    /// In a request header.
    Header(HeaderName),
    /// In two places, neither of which is an id by itself. The candidate is the first of each with a `;` between them,
    /// which no cookie holds.
    Pair(Box<Pair>),
    /// In a path parameter, `/page;jsessionid=ID`; the name as it stands here, case-sensitive (Tomcat).
    PathParameter(String),
    /// In ASP.NET's cookieless path segment, `/(S(ID))/`; see System.Web's CookielessHelper.
    PathSegment,
    /// In a query parameter. It is form-decoded (`%XX`, `+`) before the transforms.
    Query(String),
}

/// Two places that hold an id only together (ColdFusion's CFID and CFTOKEN).
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    places: [Place; 2],
    /// Both cookies under one name, if they are cookies.
    cookies: Option<Arc<CookieName>>,
}

/// What is done to a value before it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Keep what stands after the first of this character; a value without it stays whole.
    CutAfter(char),
    /// Keep what stands before the first of this character (`id.node` cut before `.` is `id`); a value without it stays
    /// whole.
    CutBefore(char),
    /// As `CutBefore`, the last of this character: a signature stands behind it, and an id may hold more of it.
    CutBeforeLast(char),
    /// ASCII letters become lower case.
    Lowercase,
    /// `%XX` is decoded once; what is no valid escape stays. `+` stays.
    PercentDecode,
    /// Remove this from the start, if it is there.
    StripPrefix(String),
    /// Remove this from the end, if it is there.
    StripSuffix(String),
    /// Remove a pair of double quotes around the value, if both are there.
    Unquote,
}

/// What an id looks like.
#[derive(Clone, Debug, PartialEq)]
pub enum IdPattern {
    /// Any UTF-8 text.
    Any,
    /// Exactly 24 of `[a-z0-5]`: System.Web's SessionId.IsLegit.
    AspNet,
    /// 8 to 256 of `[A-Za-z0-9_+*-]`: hexadecimal (Tomcat, GlassFish), base64url (Undertow), JBoss's `+`, Jetty's `node0…`.
    /// Shorter ones are words such as `null`, not ids.
    Java,
    /// 22 to 256 of `[A-Za-z0-9,-]`: ext/session's php_session_valid_key and sid_length.
    Php,
    /// The whole id matches this expression. Build it with [`IdPattern::regex`].
    Regex(WholeMatch),
}

/// A regular expression that must match the whole id.
#[derive(Clone, Debug)]
pub struct WholeMatch(regex::bytes::Regex);

impl PartialEq for WholeMatch {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// Which of several candidates of one source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The first, valid or not: ASP.NET, PHP.
    First,
    /// The first that is valid: Tomcat.
    FirstValid,
    /// The last, valid or not: Tomcat's path parameters, some frameworks' cookies.
    Last,
}

/// What becomes of a session's id in the application when a response sets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldId {
    /// The application forgets it: who still comes with it begins an empty session.
    Forgotten,
    /// It may stay valid, or nobody knows.
    Unknown,
}

/// Why a value is no session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OddReason {
    /// Nothing is left after the transforms; applications empty the cookie at logout.
    Empty,
    /// It is not UTF-8.
    Encoding,
    /// It does not match the pattern.
    Pattern,
    /// It is longer than the maximum length.
    TooLong,
}

impl OddReason {
    /// The labels, in the order of declaration.
    pub const LABELS: [&'static str; 4] = ["empty", "encoding", "pattern", "too_long"];
}

impl Source {
    /// The id this source finds in a request; None when it has no candidate there.
    pub(super) fn find<'r>(&self, request: &'r Parts) -> Option<Result<Cow<'r, [u8]>, OddReason>> {
        let mut verdict: Option<Result<Cow<'r, [u8]>, OddReason>> = None;
        self.place.visit(request, &mut |candidate| {
            let judged = self.judge(candidate);
            match self.duplicates {
                Duplicates::First => {
                    verdict = Some(judged);
                    ControlFlow::Break(())
                }
                Duplicates::FirstValid if judged.is_ok() => {
                    verdict = Some(judged);
                    ControlFlow::Break(())
                }
                Duplicates::FirstValid => {
                    verdict.get_or_insert(judged);
                    ControlFlow::Continue(())
                }
                Duplicates::Last => {
                    verdict = Some(judged);
                    ControlFlow::Continue(())
                }
            }
        });
        verdict
    }

    fn judge<'v>(&self, value: Cow<'v, [u8]>) -> Result<Cow<'v, [u8]>, OddReason> {
        let id = self
            .transforms
            .iter()
            .fold(value, |value, transform| transform.apply(value));
        if id.is_empty() {
            Err(OddReason::Empty)
        } else if id.len() > self.max_length {
            Err(OddReason::TooLong)
        } else if self.pattern.accepts(&id) {
            Ok(id)
        } else if std::str::from_utf8(&id).is_err() {
            Err(OddReason::Encoding)
        } else {
            Err(OddReason::Pattern)
        }
    }
}

impl Place {
    /// The cookie of this place, if it is one.
    pub(super) fn cookie(&self) -> Option<&Arc<CookieName>> {
        match self {
            Self::Cookie(name) => Some(name),
            Self::Pair(pair) => pair.cookies.as_ref(),
            Self::Header(_) | Self::PathParameter(_) | Self::PathSegment | Self::Query(_) => None,
        }
    }

    /// The first candidate.
    fn first<'r>(&self, request: &'r Parts) -> Option<Cow<'r, [u8]>> {
        let mut first = None;
        self.visit(request, &mut |candidate| {
            first = Some(candidate);
            ControlFlow::Break(())
        });
        first
    }

    /// Shows each candidate in the order of the request, until told to stop.
    fn visit<'r>(
        &self,
        request: &'r Parts,
        take: &mut dyn FnMut(Cow<'r, [u8]>) -> ControlFlow<()>,
    ) {
        let path = request.uri.path();
        let stopped = match self {
            Self::Cookie(name) => cookie::values(&request.headers, name)
                .map(Cow::Borrowed)
                .try_for_each(take),
            Self::Header(name) => {
                let lines = request.headers.get_all(name).iter();
                lines
                    .map(|line| Cow::Borrowed(line.as_bytes().trim_ascii()))
                    .try_for_each(take)
            }
            Self::Pair(pair) => pair.joined(request).into_iter().try_for_each(take),
            Self::PathParameter(name) => cookieless::parameters(path, name)
                .map(|value| Cow::Borrowed(value.as_bytes()))
                .try_for_each(take),
            Self::PathSegment => cookieless::session_in(path).into_iter().try_for_each(take),
            Self::Query(name) => query::pairs(request.uri.query().unwrap_or_default())
                .filter(|(key, _)| key.as_ref() == name.as_bytes())
                .map(|(_, value)| query::decode(value))
                .try_for_each(take),
        };
        // Stopping early is the visitor's wish, not a failure.
        let _ = stopped;
    }
}

impl Pair {
    /// Two cookies. Where one is removed or replaced, so is the other.
    #[must_use]
    pub fn of_cookies(names: [&str; 2], spelling: Spelling) -> Self {
        let [first, second] = names.map(regex::escape);
        let both = CookieName::regex(&format!("{first}|{second}"), spelling);
        Self {
            places: names.map(|name| Place::Cookie(Arc::new(CookieName::exact(name, spelling)))),
            cookies: Some(Arc::new(both.expect("two escaped names are an expression"))),
        }
    }

    /// Two query parameters.
    #[must_use]
    pub fn of_query(names: [&str; 2]) -> Self {
        Self {
            places: names.map(|name| Place::Query(name.to_owned())),
            cookies: None,
        }
    }

    /// The candidate, when both places have one.
    fn joined<'r>(&self, request: &'r Parts) -> Option<Cow<'r, [u8]>> {
        let [first, second] = &self.places;
        let (first, second) = (first.first(request)?, second.first(request)?);
        Some(Cow::Owned([&*first, b";", &*second].concat()))
    }
}

impl Transform {
    fn apply<'v>(&self, value: Cow<'v, [u8]>) -> Cow<'v, [u8]> {
        match self {
            Self::Lowercase if value.iter().any(u8::is_ascii_uppercase) => {
                Cow::Owned(value.to_ascii_lowercase())
            }
            Self::PercentDecode if value.contains(&b'%') => {
                Cow::Owned(percent_decode(&value).collect())
            }
            _ => {
                let kept = self.kept(&value);
                slice(value, kept)
            }
        }
    }

    /// The part of a value that stays.
    fn kept(&self, value: &[u8]) -> Range<usize> {
        let len = value.len();
        match self {
            Self::CutAfter(mark) => {
                position(value, *mark).map_or(0, |at| at + mark.len_utf8())..len
            }
            Self::CutBefore(mark) => 0..position(value, *mark).unwrap_or(len),
            Self::CutBeforeLast(mark) => 0..last_position(value, *mark).unwrap_or(len),
            Self::Lowercase | Self::PercentDecode => 0..len,
            Self::StripPrefix(prefix) => {
                let has = value.starts_with(prefix.as_bytes());
                if has { prefix.len()..len } else { 0..len }
            }
            Self::StripSuffix(suffix) => {
                let has = value.ends_with(suffix.as_bytes());
                if has { 0..len - suffix.len() } else { 0..len }
            }
            Self::Unquote => {
                let quoted = len >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
                if quoted { 1..len - 1 } else { 0..len }
            }
        }
    }
}

impl IdPattern {
    /// Compiles an expression that the whole id must match, as if it stood between `^` and `$`.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub fn regex(pattern: &str) -> Result<Self, regex::Error> {
        // Alone first, so that `a)|(b` is an error and not an escape from the group.
        regex::bytes::Regex::new(pattern)?;
        regex::bytes::Regex::new(&format!(r"\A(?:{pattern})\z"))
            .map(|whole| Self::Regex(WholeMatch(whole)))
    }

    fn accepts(&self, id: &[u8]) -> bool {
        match self {
            Self::Any => std::str::from_utf8(id).is_ok(),
            Self::AspNet => {
                id.len() == 24 && id.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'5'))
            }
            Self::Java => {
                (8..=256).contains(&id.len())
                    && id.iter().all(|b| {
                        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'*' | b'-')
                    })
            }
            Self::Php => {
                (22..=256).contains(&id.len())
                    && id
                        .iter()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b',' | b'-'))
            }
            Self::Regex(WholeMatch(whole)) => whole.is_match(id),
        }
    }
}

impl fmt::Display for OddReason {
    /// The label in metrics and warnings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Encoding => "encoding",
            Self::Pattern => "pattern",
            Self::TooLong => "too_long",
        })
    }
}

fn position(value: &[u8], mark: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let mark = mark.encode_utf8(&mut buffer).as_bytes();
    value.windows(mark.len()).position(|window| window == mark)
}

fn last_position(value: &[u8], mark: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let mark = mark.encode_utf8(&mut buffer).as_bytes();
    value.windows(mark.len()).rposition(|window| window == mark)
}

fn slice(value: Cow<'_, [u8]>, kept: Range<usize>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[kept]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(kept.end);
            bytes.drain(..kept.start);
            Cow::Owned(bytes)
        }
    }
}

/// The longest id of an explicit key that names no other: what browsers allow a cookie.
pub const DEFAULT_MAX_LENGTH: usize = 4096;
