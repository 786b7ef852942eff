//! The session id: a cookie of 24 characters, as ASP.NET's `SessionIDManager` makes and reads it.

use std::fmt;

use http::HeaderMap;
use http::header::COOKIE;

/// A legitimate id: 24 of `[a-z0-5]`. Drawn without cryptographic care: it guards a demonstration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionId(String);

impl SessionId {
    /// Draws a new one.
    pub(super) fn generate() -> Self {
        Self(
            (0..LENGTH)
                .map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())]))
                .collect(),
        )
    }

    /// Reads the request's cookies: the name in any case, the first of several, the value lower-cased. A value that
    /// is not legitimate counts as none.
    pub(super) fn from_cookies(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case(COOKIE_NAME))
            .map(|(_, value)| value.to_ascii_lowercase())
            .filter(|value| {
                value.len() == LENGTH && value.bytes().all(|byte| ALPHABET.contains(&byte))
            })
            .map(Self)
    }

    /// The value of `Set-Cookie` for it.
    pub(super) fn set_cookie(&self) -> String {
        format!("{COOKIE_NAME}={self}; path=/; HttpOnly; SameSite=Lax")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const COOKIE_NAME: &str = "ASP.NET_SessionId";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
const LENGTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdefghijklmnopqrst0123";

    fn cookies(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, http::HeaderValue::from_static(line));
        }
        SessionId::from_cookies(&headers).map(|id| id.to_string())
    }

    #[test]
    fn a_new_id_is_legitimate() {
        let id = SessionId::generate();
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, format!("ASP.NET_SessionId={id}").parse().unwrap());
        assert_eq!(SessionId::from_cookies(&headers), Some(id));
    }

    #[test]
    fn cookies_are_read_as_asp_net_reads_them() {
        assert_eq!(
            cookies(&["a=b; ASP.NET_SessionId=abcdefghijklmnopqrst0123"]).as_deref(),
            Some(ID)
        );
        assert_eq!(
            cookies(&["a=b", "asp.net_sessionid=ABCDEFGHIJKLMNOPQRST0123 ;c=d"]).as_deref(),
            Some(ID)
        );
        let first = cookies(&[
            "ASP.NET_SessionId=abcdefghijklmnopqrst0123; ASP.NET_SessionId=zzzzzzzzzzzzzzzzzzzzzzzz",
        ]);
        assert_eq!(first.as_deref(), Some(ID));
    }

    #[test]
    fn what_is_not_legitimate_is_no_id() {
        for line in [
            "",
            "ASP.NET_SessionId",
            "ASP.NET_SessionId=",
            "ASP.NET_SessionId=short",
            "ASP.NET_SessionId=\"abcdefghijklmnopqrst0123\"",
            "ASP.NET_SessionId=abcdefghijklmnopqrst0129",
            "ASP.NET_SessionId=abcdefghijklmnopqrst01234",
        ] {
            assert_eq!(cookies(&[line]), None, "{line}");
        }
    }
}
