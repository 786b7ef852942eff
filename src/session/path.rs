//! Paths, normalized for matching only: the raw path is what is forwarded.
//!
//! Guarantees: spellings that servers take for one path come out as one; what servers read differently from one another
//! is [`Unsafe`], not guessed; normalizing twice changes nothing; an ordinary clean path costs no allocation.
//! Does not do: look at the query, or at files.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::cookieless;

/// Whether the application tells `/Page` from `/page`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathCase {
    /// It does not, and it takes `/page.` and `/page%20` for `/page`: Windows.
    Insensitive,
    /// It does.
    #[default]
    Sensitive,
}

/// Why a path cannot be normalized safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsafe {
    /// `..` leads above the root.
    #[error("it leads above the root")]
    AboveRoot,
    /// Servers read it differently: an escaped `;`, `..;`, a slash hidden in a parameter, `..` behind `//`.
    #[error("servers read it differently from one another")]
    Ambiguous,
    /// It holds a NUL or another control character.
    #[error("it holds a control character")]
    Control,
    /// It is still escaped after one decoding (`%252e`).
    #[error("it is escaped twice")]
    DoubleEncoded,
    /// It is not UTF-8 once decoded.
    #[error("it is not UTF-8 once decoded")]
    Encoding,
    /// A `%` without two hexadecimal digits.
    #[error("it holds a % without two hexadecimal digits")]
    Escape,
    /// It does not begin with a slash: `OPTIONS *`, CONNECT.
    #[error("it is no path")]
    NotAPath,
    /// A segment ends with a dot or a space, which Windows drops from file names.
    #[error("a segment ends with a dot or a space")]
    TrailingDot,
}

/// Normalizes a raw path: `;params` removed, percent-decoded once, `\` as `/`, `//` as `/`, dot segments resolved,
/// cookieless segments `(S(…))` removed, lower case where the application ignores case. A final slash stays.
///
/// # Errors
/// When the path cannot be normalized safely.
pub fn normalize(raw: &str, case: PathCase) -> Result<Cow<'_, str>, Unsafe> {
    if is_clean(raw.as_bytes(), case) {
        return Ok(Cow::Borrowed(raw));
    }
    let resolved = without_cookieless(resolve(raw, case)?);
    Ok(Cow::Owned(match case {
        PathCase::Insensitive => folded(resolved),
        PathCase::Sensitive => resolved,
    }))
}

/// Lower case, one character at a time: unlike `str::to_lowercase` it does not depend on a letter's neighbours.
pub(crate) fn folded(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether a path is its own normal form, as far as one look at its bytes can tell.
fn is_clean(raw: &[u8], case: PathCase) -> bool {
    let mut previous = 0;
    for &byte in raw {
        let unclean = match byte {
            0..=0x1f | 0x7f.. | b'%' | b'\\' | b';' | b'(' => true,
            b'A'..=b'Z' => case == PathCase::Insensitive,
            b'/' => matches!(previous, b'/' | b'.' | b' '),
            b'.' => previous == b'/',
            _ => false,
        };
        if unclean {
            return false;
        }
        previous = byte;
    }
    raw.starts_with(b"/") && !matches!(previous, b'.' | b' ')
}

/// A raw path as a server resolves it, before its application reads it: all of [`normalize`] but the cookieless segment
/// and the case.
pub(super) fn resolve(raw: &str, case: PathCase) -> Result<String, Unsafe> {
    let behind_root = raw.strip_prefix('/').ok_or(Unsafe::NotAPath)?;
    let mut path = Resolving {
        out: String::with_capacity(raw.len()),
        open: true,
        seen_empty: false,
        case,
    };
    let mut segments = behind_root.split('/').peekable();
    while let Some(segment) = segments.next() {
        let (name, params) = match segment.split_once(';') {
            Some((name, params)) => (name, Some(params)),
            None => (segment, None),
        };
        if params
            .map(decode)
            .transpose()?
            .is_some_and(|params| params.contains(['/', '\\']))
        {
            return Err(Unsafe::Ambiguous);
        }
        let name = decode(name)?;
        if name.contains(';') {
            return Err(Unsafe::Ambiguous);
        }
        let mut parts = name.split(['/', '\\']).peekable();
        while let Some(part) = parts.next() {
            if params.is_some() && matches!(part, "." | "..") {
                return Err(Unsafe::Ambiguous);
            }
            let last = segments.peek().is_none() && parts.peek().is_none();
            path.push(part, last)?;
        }
    }
    Ok(path.finish())
}

/// A path under construction, segment by segment.
struct Resolving {
    out: String,
    /// Whether it ends with a slash.
    open: bool,
    seen_empty: bool,
    case: PathCase,
}

impl Resolving {
    fn push(&mut self, segment: &str, last: bool) -> Result<(), Unsafe> {
        self.open = true;
        match segment {
            "" => self.seen_empty |= !last,
            "." => {}
            // RFC 3986 lets `..` remove an empty segment; servers that merge slashes first remove the one before it.
            ".." if self.seen_empty => return Err(Unsafe::Ambiguous),
            ".." => {
                let parent = self.out.rfind('/').ok_or(Unsafe::AboveRoot)?;
                self.out.truncate(parent);
            }
            name => {
                if self.case == PathCase::Insensitive && name.ends_with(['.', ' ']) {
                    return Err(Unsafe::TrailingDot);
                }
                self.out.push('/');
                self.out.push_str(name);
                self.open = false;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> String {
        if self.open {
            self.out.push('/');
        }
        self.out
    }
}

/// Decodes once, and refuses what decoding leaves in doubt.
fn decode(raw: &str) -> Result<Cow<'_, str>, Unsafe> {
    let bytes = raw.as_bytes();
    let escaped = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !escaped(at)) {
        return Err(Unsafe::Escape);
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Unsafe::Encoding)?;
    if decoded.contains(|c: char| c.is_control()) {
        return Err(Unsafe::Control);
    }
    let bytes = decoded.as_bytes();
    let twice = |triple: &[u8]| {
        triple[0] == b'%' && triple[1].is_ascii_hexdigit() && triple[2].is_ascii_hexdigit()
    };
    if bytes.windows(3).any(twice) {
        return Err(Unsafe::DoubleEncoded);
    }
    Ok(decoded)
}

/// Removes cookieless segments; the last segment is a file name and never one (it needs a slash behind it).
fn without_cookieless(path: String) -> String {
    if !path.contains("/(") {
        return path;
    }
    let (folders, file) = path.rsplit_once('/').unwrap_or_default();
    let mut kept = String::with_capacity(path.len());
    for segment in folders
        .split('/')
        .skip(1)
        .filter(|segment| cookieless::read(segment).is_none())
    {
        kept.push('/');
        kept.push_str(segment);
    }
    kept.push('/');
    kept.push_str(file);
    kept
}
