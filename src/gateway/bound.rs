//! Windows authentication: NTLM and Negotiate authenticate a connection, so it has to be one client's own.
//!
//! From an application's challenge on, or from a request that carries such credentials, the connection to the application
//! belongs to that client connection alone, for as long as both live; when the application closes it, a new one takes
//! its place, and the application challenges again. Guarantees: such a connection is never given to the idle ones that
//! all clients share, and is closed when its client connection ends; a handshake's next leg goes over the connection of
//! the last one. Always on, also in observe mode: this is correctness, not policy. `Proxy-Support:
//! Session-Based-Authentication` (RFC 4559 6) is not sent: it is for proxies that a client knows of, and to its clients
//! a gateway is the server. Does not do: read the credentials; HTTP/2, where requests of one connection run together
//! and which is therefore left for HTTP/1.1 (RFC 9113 7, HTTP_1_1_REQUIRED).

use std::cell::{OnceCell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, WWW_AUTHENTICATE};
use http::{Response, StatusCode, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::alarm::{Presence, now};
use super::exchange::Ended;
use super::reply::NoAnswer;
use super::upload::RequestBody;
use super::{Client, Visit};
use crate::upstream::Connection;

/// What a client connection has of its own in the application: nothing, until it is authenticated there.
#[derive(Clone, Debug, Default)]
pub struct Bound(Rc<OnceCell<Rc<Own>>>);

/// The place of a client's own connection to the application, between its requests.
#[derive(Debug)]
struct Own {
    idle: RefCell<Option<Connection<RequestBody>>>,
    /// One request has the connection at a time. The next one waits until the last has given it back (a `grace` or the
    /// rest of an upload may last longer than its answer): on another connection a handshake would never end, since
    /// each leg would be the first.
    turn: Arc<Semaphore>,
}

/// A request's use of its client's own connection; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    own: Rc<Own>,
    /// None when another request of this client has the connection: this one's takes its place.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Client {
    /// Its connection has ended: its requests are told, and what it had of its own is closed.
    pub fn leave(&self) {
        self.presence.leave();
        if let Some(own) = self.bound.0.get() {
            own.idle.take();
        }
    }
}

impl Bound {
    fn own(&self) -> Rc<Own> {
        let own = self.0.get_or_init(|| {
            Rc::new(Own {
                idle: RefCell::default(),
                turn: Arc::new(Semaphore::new(1)),
            })
        });
        Rc::clone(own)
    }

    fn is_bound(&self) -> bool {
        self.0.get().is_some()
    }

    /// Waits until no other request of this client has the connection. Cancel safe.
    async fn turn(&self) -> Turn {
        let own = self.own();
        let turn = Arc::clone(&own.turn).acquire_owned().await;
        Turn {
            own,
            _turn: turn.ok(), // the semaphore is never closed
        }
    }

    fn turn_now(&self) -> Turn {
        let own = self.own();
        let turn = Arc::clone(&own.turn).try_acquire_owned();
        Turn {
            own,
            _turn: turn.ok(),
        }
    }
}

impl Turn {
    /// The client's own connection, unless the application has closed it meanwhile. How long it was idle does not count:
    /// the client would have to be authenticated again.
    pub(super) fn take(&self) -> Option<Connection<RequestBody>> {
        let mut connection = self.own.idle.take()?;
        connection.is_open().then_some(connection)
    }

    /// Keeps the connection for the next request of `client`, if there may be one.
    fn keep(self, mut connection: Connection<RequestBody>, client: &Presence) {
        if !client.has_left() && connection.settle(now()) {
            self.own.idle.replace(Some(connection));
        }
    }
}

impl Visit<'_> {
    /// Before a request is sent: its turn on its client's own connection, if the client has one, or needs one from this
    /// request on since it carries credentials that authenticate a connection.
    ///
    /// # Errors
    /// [`Ended`], when it needs HTTP/1.1 or its client left.
    pub(super) async fn claim(&mut self, headers: &HeaderMap) -> Result<(), Ended> {
        let bound = &self.client.bound;
        if !bound.is_bound() && !names_connection_scheme(headers, &AUTHORIZATION) {
            return Ok(());
        }
        if self.version == Version::HTTP_2 {
            return Err(self.needs_http11());
        }
        let turn = self.before_sending(pin!(bound.turn())).await?;
        self.own = Some(turn);
        Ok(())
    }

    /// After a response's headers: upon a challenge, its connection becomes its client's own, since the next leg of the
    /// handshake must go over it.
    ///
    /// # Errors
    /// [`Ended`], when that needs HTTP/1.1.
    pub(super) fn bind<B>(&mut self, response: &Response<B>) -> Result<(), Ended> {
        if response.status() != StatusCode::UNAUTHORIZED
            || self.own.is_some()
            || !names_connection_scheme(response.headers(), &WWW_AUTHENTICATE)
        {
            return Ok(());
        }
        if self.version == Version::HTTP_2 {
            return Err(self.needs_http11());
        }
        self.own = Some(self.client.bound.turn_now());
        self.gateway.metrics.upstream_bound();
        Ok(())
    }

    /// After an exchange that has ended well: its connection goes to its client, or to the idle ones.
    ///
    /// `promised` is the application's `Keep-Alive: timeout`, if it sent one.
    pub(super) fn give_back(
        &mut self,
        connection: Connection<RequestBody>,
        promised: Option<Duration>,
    ) {
        match self.own.take() {
            Some(turn) => turn.keep(connection, &self.client.presence),
            None => self.gateway.upstream.give_back(connection, promised, now()),
        }
    }

    fn needs_http11(&mut self) -> Ended {
        self.reply.withhold(NoAnswer::NeedsHttp11);
        Ended::NeedsHttp11
    }
}

/// Whether one of the schemes in this field authenticates a connection. As in HAProxy the first four letters decide:
/// `Nego2` and `Negotiate:Kerberos` are such schemes too. A comma in a quoted realm is taken for one between two
/// schemes: at worst, a connection is kept apart that need not be.
fn names_connection_scheme(headers: &HeaderMap, name: &HeaderName) -> bool {
    let begins = |element: &[u8], scheme: &[u8]| {
        element
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let mut elements = headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    elements.any(|element| {
        let element = element.trim_ascii_start();
        begins(element, b"NTLM") || begins(element, b"Nego")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binds(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        names_connection_scheme(&headers, &WWW_AUTHENTICATE)
    }

    #[test]
    fn ntlm_and_negotiate_authenticate_a_connection() {
        for lines in [
            &["NTLM"][..],
            &["Negotiate"],
            &["negotiate YIIF/w=="],
            &["nTlM TlRMTVNTUAAC"],
            &["Nego2"],
            &["Negotiate:Kerberos"],
            &["Basic realm=\"site\"", "NTLM"],
            &["Basic realm=\"site\", charset=\"UTF-8\",\tNegotiate , NTLM"],
            &[", ,NTLM"],
        ] {
            assert!(binds(lines), "{lines:?}");
        }
    }

    #[test]
    fn other_schemes_do_not() {
        for lines in [
            &[][..],
            &[""],
            &["Basic realm=\"NTLM\""],
            &["Digest realm=\"a\", nonce=\"NTLM\"", "Bearer"],
            &["X-NTLM"],
            &["NTL"],
        ] {
            assert!(!binds(lines), "{lines:?}");
        }
    }

    #[test]
    fn in_doubt_a_connection_is_kept_apart() {
        assert!(binds(&["Basic realm=\"a, NTLM\""]));
    }
}
