//! One client connection, from its accept to the protocol that is spoken on it.
//!
//! Guarantees: each stage before the first request has a time limit; HTTP/2 is spoken where its preface or ALPN asks for
//! it, and where the listener has it. Does not do: speak HTTP; that is `http1` and `http2`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::core::Open;
use super::proxy_protocol::{self, ProxyFaults};
use super::{Door, Http2, Limits, http1, http2};
use crate::client::{PeerAddr, ProxyProtocol, Scheme};
use crate::gateway::{Client, Gateway};
use crate::metrics::{Ending, Handshake};
use crate::shutdown::Draining;
use crate::socket::{Socket, SocketIo};
use crate::throttle::{TooManyWaiting, Waiters, WaitingPlace};
use crate::tls::{Acceptor, Alpn};

/// What the connections of a core share.
pub(super) struct Premises {
    pub(super) gateway: Rc<Gateway>,
    pub(super) limits: Limits,
    pub(super) draining: Draining,
    /// The connections of each client, of all cores.
    pub(super) clients: Arc<Waiters>,
    pub(super) faults: ProxyFaults,
}

/// A connection that is about to be served.
pub(super) struct Arrival {
    pub(super) client: Client,
    pub(super) socket: Arc<Socket>,
    pub(super) place: Rc<Place>,
    pub(super) premises: Rc<Premises>,
}

/// What a connection counts for until it has ended.
#[derive(Debug)]
pub(super) struct Place {
    _open: Open,
    /// None where one client may have any number.
    _of_client: Option<WaitingPlace>,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: PeerAddr,
    door: Arc<Door>,
    open: Open,
    premises: Rc<Premises>,
) {
    let (socket, patience) = (Socket::tcp(stream), premises.limits.header_timeout);
    let Some(peer) = speaker(&socket, peer, &door, &premises).await else {
        return;
    };
    let Ok(of_client) = premises.admit(peer) else {
        premises.gateway.connection_ended(Ending::ClientConnections);
        return;
    };
    let scheme = match door.tls {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    };
    let io = SocketIo::new(Arc::clone(&socket));
    let arrival = Arrival {
        client: Client::new(peer, scheme, Arc::downgrade(&socket)),
        socket,
        place: Rc::new(Place {
            _open: open,
            _of_client: of_client,
        }),
        premises,
    };
    if let Some(tls) = &door.tls {
        return Box::pin(encrypted(arrival, io, tls)).await;
    }
    if door.http2 == Http2::On {
        let preface = arrival.socket.look_ahead(is_preface);
        match timeout(patience, preface).await {
            Ok(Some(true)) => return Box::pin(http2::serve(arrival, io)).await,
            Ok(Some(false) | None) => {} // HTTP/1.1, or left within it
            Err(_) => return,            // silent
        }
    }
    http1::serve(arrival, io).await;
}

/// Whose connection it is: the peer's, or of whom its PROXY header names. None when it is to be closed.
async fn speaker(
    socket: &Socket,
    peer: PeerAddr,
    door: &Door,
    premises: &Premises,
) -> Option<PeerAddr> {
    if door.proxy_protocol == ProxyProtocol::Off {
        return Some(peer);
    }
    let (policy, patience) = (premises.gateway.policy(), premises.limits.header_timeout);
    let trusted = &policy.client.trusted_proxies;
    match proxy_protocol::read(socket, peer, door.proxy_protocol, trusted, patience).await {
        Ok(speaker) => Some(speaker),
        Err(fault) => {
            premises.faults.tell(peer, fault, Instant::now());
            None
        }
    }
}

/// Whether a connection begins as HTTP/2 does (RFC 9113 3.4); None while that is open.
fn is_preface(bytes: &[u8]) -> Option<bool> {
    let length = bytes.len().min(http2::PREFACE.len());
    if bytes[..length] != http2::PREFACE[..length] {
        return Some(false);
    }
    (length == http2::PREFACE.len()).then_some(true)
}

impl Premises {
    /// A place among the connections of one client. Trusted proxies speak for many: they have any number.
    fn admit(&self, peer: PeerAddr) -> Result<Option<WaitingPlace>, TooManyWaiting> {
        let Some(share) = self.limits.connections_per_client else {
            return Ok(None);
        };
        let (policy, client) = (self.gateway.policy(), peer.client());
        if policy.client.trusted_proxies.contains(client) {
            return Ok(None);
        }
        let network = policy.client.network(client);
        self.clients.admit(network, share).map(Some)
    }
}

/// Serves a connection over TLS.
async fn encrypted(arrival: Arrival, io: SocketIo, tls: &Acceptor) {
    let premises = &arrival.premises;
    let handshake = timeout(premises.limits.header_timeout, tls.accept(io));
    let Ok(Ok(stream)) = handshake.await else {
        // A browser that does not trust the certificate ends here too: no line for each.
        premises.gateway.handshake(Handshake::Failed);
        premises.gateway.connection_ended(Ending::TlsHandshake);
        return;
    };
    premises.gateway.handshake(Handshake::Ok);
    match Alpn::of(&stream) {
        Alpn::Http2 => http2::serve(arrival, stream).await,
        Alpn::Http1 | Alpn::None => http1::serve(arrival, stream).await,
    }
}

/// Lets a client read the last answer: nothing more is sent, and what it still sends is read over until it closes its
/// side too, for a while.
pub(super) async fn linger(socket: Arc<Socket>, place: Rc<Place>) {
    drop(timeout(LINGER, socket.close()).await);
    drop(place); // it counts until then
}

/// How long a client may take to close its side; nginx's lingering_timeout is 5 s between two reads.
const LINGER: Duration = Duration::from_secs(2);
