//! The shape of a path: what many requests for one page have in common.
//!
//! Guarantees: pure; a shape is a glob that the path matches, of at most [`SEGMENTS`] segments and a bounded length; what
//! may be an id, a name or a token of a user is `*`; nothing of a query, a path parameter or a session id is in it.
//! Does not do: tell `/orders/*` of numbers from `/orders/new`: as a glob the first matches both.

use crate::session::path::{PathCase, normalize};

/// The shape of a raw path; None when it cannot be normalized safely, since no route could name it either.
#[must_use]
pub fn shape(raw: &str, case: PathCase) -> Option<String> {
    let path = normalize(raw, case).ok()?;
    let mut shape = String::with_capacity(path.len());
    for (number, segment) in path.strip_prefix('/')?.split('/').enumerate() {
        shape.push('/');
        if number == SEGMENTS {
            shape.push_str("**");
            break;
        }
        add(segment, &mut shape);
    }
    Some(shape)
}

/// Whether a path may have both shapes: as globs they may match the same path.
#[must_use]
pub fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
            (Some(a), Some(b)) if meet(a, b) => {}
            _ => return false,
        }
    }
}

fn meet(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (None, None) => one == other,
        (Some(end), None) => other.ends_with(end),
        (None, Some(end)) => one.ends_with(end),
        (Some(one), Some(other)) => one.ends_with(other) || other.ends_with(one),
    }
}

/// Adds a segment, or `*` in its place; an extension stays, since it tells a page from an image.
fn add(segment: &str, shape: &mut String) {
    match segment.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_extension(extension) => {
            shape.push_str(if is_plain(stem) { stem } else { "*" });
            shape.push('.');
            shape.push_str(extension);
        }
        _ if segment.is_empty() || is_plain(segment) => shape.push_str(segment),
        _ => shape.push('*'),
    }
}

/// Whether this is the application's own word, as far as can be seen.
fn is_plain(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let known = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let number = digits == text.len();
    let token = digits > 0 && (text.len() >= TOKEN || (hexadecimal && text.len() >= HASH));
    // The rest may be a name, an address, or a sign with a meaning in globs and YAML.
    text.chars().all(known)
        && text.contains(char::is_alphanumeric)
        && !number
        && !token
        && text.len() <= LONGEST
}

fn is_extension(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Segments of a shape; what lies deeper is `**`.
const SEGMENTS: usize = 6;

/// A word with digits that is as long as this is taken for a token: session ids of PHP and ASP.NET have 24 and more.
const TOKEN: usize = 16;

/// Hexadecimal digits of the shortest hashes, and of the first part of a GUID.
const HASH: usize = 8;

/// Longest word, bytes; what is longer is a token, or the title of an article.
const LONGEST: usize = 31;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> String {
        shape(raw, PathCase::Insensitive).unwrap_or_else(|| "none".to_owned())
    }

    #[test]
    fn numbers_hashes_guids_and_tokens_are_one_shape() {
        for (raw, expected) in [
            ("/", "/"),
            ("/Reports/", "/reports/"),
            ("/orders/12345", "/orders/*"),
            ("/orders/7.aspx", "/orders/*.aspx"),
            ("/orders/new.aspx", "/orders/new.aspx"),
            ("/a/0f8fad5b-d9cb-469f-a165-70867728950e/b", "/a/*/b"),
            ("/commit/21aa2a9f", "/commit/*"),
            ("/facade/deadbeef", "/facade/deadbeef"),
            ("/web2/v1/page12", "/web2/v1/page12"),
            ("/verify/abcdefghijklm4opqrstuvwx", "/verify/*"),
            ("/user/jane@example.com", "/user/*.com"),
            ("/glob/*/[a]/{b}", "/glob/*/*/*"),
            ("/a/${HOME}", "/a/*"),
            ("/a%20b/-", "/*/*"),
            ("/caf%C3%A9", "/caf\u{e9}"),
        ] {
            assert_eq!(of(raw), expected, "{raw}");
        }
        assert_eq!(of(&format!("/{}", "x".repeat(60))), "/*");
    }

    #[test]
    fn no_session_id_is_left_in_a_shape() {
        assert_eq!(of("/(S(abcdefghijklmnopqrstuvwx))/a.aspx"), "/a.aspx");
        assert_eq!(of("/shop;jsessionid=ABC.node1/cart"), "/shop/cart");
        assert_eq!(of("/a/S(abcdefghijklmnopqrstuvwx)"), "/a/*");
    }

    #[test]
    fn what_is_deep_is_cut_and_what_is_unsafe_has_none() {
        assert_eq!(of("/a/b/c/d/e/f"), "/a/b/c/d/e/f");
        assert_eq!(of("/a/b/c/d/e/f/g/h"), "/a/b/c/d/e/f/**");
        assert_eq!(of("/%252e"), "none");
        assert_eq!(of("*"), "none");
        let case = |case| shape("/Cart", case);
        assert_eq!(case(PathCase::Sensitive).as_deref(), Some("/Cart"));
    }

    #[test]
    fn shapes_that_may_match_one_path_overlap() {
        for (one, other) in [
            ("/a", "/a"),
            ("/orders/*", "/orders/new"),
            ("/orders/*", "/orders/"),
            ("/orders/*", "/orders/new.aspx"),
            ("/orders/*.aspx", "/orders/new.aspx"),
            ("/*/b", "/a/*"),
            ("/a/b/c/d/e/f/**", "/a/b/c/d/e/f"),
            ("/a/b/c/d/e/f/**", "/a/b/c/d/e/f/*"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("/a", "/a/"),
            ("/a", "/b"),
            ("/orders/*", "/orders"),
            ("/orders/*.aspx", "/orders/new"),
            ("/orders/*.aspx", "/orders/*.png"),
        ] {
            assert!(
                !overlap(one, other) && !overlap(other, one),
                "{one} {other}"
            );
        }
    }
}
