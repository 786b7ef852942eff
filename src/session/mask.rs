//! Paths without the session ids in them, for logs.
//!
//! Guarantees: no value of a cookieless segment and no value of a path parameter is left, however it is escaped.
//! Does not do: read queries; those do not belong in a log.

use std::borrow::Cow;

/// A raw path with `(S(…))` as `(*)` and `;jsessionid=…` as `;jsessionid=*`. Other cookieless values (`F(…)` is a login)
/// and other path parameters are masked too, since any may be an id. No allocation when there is nothing to mask.
#[must_use]
pub fn mask_path(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    // A look at several bytes at once is cheaper than an end at the first.
    let opens = |byte: u8| (byte == b'%') | (byte == b'(') | (byte == b';');
    let any = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | opens(*byte));
    let (many, rest) = bytes.as_chunks::<16>();
    if !many.iter().any(|some| any(some)) && !any(rest) {
        return Cow::Borrowed(raw); // as most are
    }
    let mut masked = String::new();
    let mut copied = 0;
    let mut in_parameter = false;
    let mut at = 0;
    while at < bytes.len() {
        let (byte, next) = decoded(bytes, at);
        let hidden = match byte {
            b'(' if opens_value(bytes, next) => Some(("(*)", end(bytes, next, b"/\\"))),
            b'=' if in_parameter => Some(("=*", end_of_parameter(bytes, next))),
            _ => None,
        };
        in_parameter = byte == b';' || (in_parameter && !matches!(byte, b'/' | b'\\'));
        if let Some((mask, end)) = hidden {
            masked.push_str(&raw[copied..at]);
            masked.push_str(mask);
            copied = end;
            at = end;
        } else {
            at = next;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(raw);
    }
    masked.push_str(&raw[copied..]);
    Cow::Owned(masked)
}

/// The byte that stands at a position, `%XX` decoded, and the position behind it.
fn decoded(bytes: &[u8], at: usize) -> (u8, usize) {
    let hex = |at: usize| {
        bytes
            .get(at)
            .and_then(|b| char::from(*b).to_digit(16))
            .and_then(|d| u8::try_from(d).ok())
    };
    match (bytes[at], hex(at + 1), hex(at + 2)) {
        (b'%', Some(high), Some(low)) => (high << 4 | low, at + 3),
        (byte, _, _) => (byte, at + 1),
    }
}

/// Whether a letter and a parenthesis follow: `S(`.
fn opens_value(bytes: &[u8], at: usize) -> bool {
    if at >= bytes.len() {
        return false;
    }
    let (tag, next) = decoded(bytes, at);
    tag.is_ascii_alphabetic() && next < bytes.len() && decoded(bytes, next).0 == b'('
}

/// The position of the `/` or `;` that ends a parameter's value, or the end. Tomcat reads parameters before it decodes:
/// an escaped one, or a `\`, does not end the id.
fn end_of_parameter(bytes: &[u8], from: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b'/' | b';');
    let length = bytes[from..].iter().position(ends);
    length.map_or(bytes.len(), |length| from + length)
}

/// The position of the first of these bytes, escaped or not, or the end.
fn end(bytes: &[u8], from: usize, marks: &[u8]) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let (byte, next) = decoded(bytes, at);
        if marks.contains(&byte) {
            return at;
        }
        at = next;
    }
    bytes.len()
}
