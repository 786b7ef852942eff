//! Who may ask for what.
//!
//! On loopback everybody on the machine may read, and nobody else: a web page that a browser here shows reaches the
//! listener by a rebound DNS name, which is refused, or across origins, where it can read nothing. To change something
//! takes the token, which no browser sends by itself. From another machine reading takes it as well.
//!
//! Guarantees: without a token configured nothing can be changed. Does not do: compare tokens; `guarded` does.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use http::uri::Authority;

use super::answer::{self, Refusal};
use super::guarded::{Guarded, Shown};

/// What keeps others out.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) reach: Reach,
    pub(super) token: Option<Guarded>,
}

/// Who reaches the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The programs of this machine.
    Loopback,
    /// Other machines.
    Network,
}

/// What an answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it tells nothing.
    Nothing,
    /// The right to read.
    Read,
    /// The right to change something.
    Change,
}

impl Door {
    /// Whether a request with these headers, which `asker` sends `now`, may go on.
    ///
    /// # Errors
    /// The answer instead.
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        need: Need,
        asker: SocketAddr,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.reach == Reach::Loopback && !headers.get_all(HOST).iter().all(is_of_this_machine) {
            let why = "use localhost or an address";
            return Err(Box::new(answer::plain(
                StatusCode::MISDIRECTED_REQUEST,
                why,
            )));
        }
        match (need, self.reach, &self.token) {
            (Need::Nothing, _, _) | (Need::Read, Reach::Loopback, _) => Ok(()),
            (Need::Change, _, None) => Err(answer::refusal(StatusCode::FORBIDDEN, NO_TOKEN)),
            // The configuration does not allow this.
            (Need::Read, Reach::Network, None) => {
                Err(answer::refusal(StatusCode::FORBIDDEN, NO_TOKEN))
            }
            (_, _, Some(token)) => {
                let shown = shown(headers).map(|shown| token.look(shown, asker, now));
                match shown {
                    Some(Shown::Right) => Ok(()),
                    // Who shows none does not guess: a browser, a probe.
                    None | Some(Shown::Wrong) => {
                        Err(answer::refusal(StatusCode::UNAUTHORIZED, SHOW_TOKEN))
                    }
                    Some(Shown::Ignored { retry_after }) => {
                        Err(Box::new(answer::too_many(retry_after, TOO_MANY)))
                    }
                }
            }
        }
    }
}

/// Whether what is sent is said to be JSON. A form of another page's cannot say so without a preflight.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The token that the headers show, once.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, shown) = value.as_bytes().split_at_checked(BEARER.len())?;
    scheme
        .eq_ignore_ascii_case(BEARER)
        .then_some(shown.trim_ascii())
}

fn is_of_this_machine(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

const BEARER: &[u8] = b"Bearer ";

const SHOW_TOKEN: &str = "show the token of admin.token: Authorization: Bearer TOKEN";

const TOO_MANY: &str =
    "too many wrong tokens came from this network: none is looked at for a while";

const NO_TOKEN: &str = "this needs a token, and none is configured: set admin.token";
