//! The parameters of a query string, form-decoded.
//!
//! Guarantees: any text is accepted; a parameter without escapes costs no allocation.
//! Does not do: read bodies; read PHP's or Rails' nested names.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Decoded names and raw values in the order of the query: split on `&`, then at the first `=`.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, [u8]>, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), value)
        })
}

/// A name or a value with `+` and `%XX` decoded. What is no valid escape stays as it is (WHATWG URL,
/// application/x-www-form-urlencoded).
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect())
    } else {
        percent_decode(text.as_bytes()).into()
    }
}
