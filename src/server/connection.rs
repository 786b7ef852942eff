//! One client connection, from its accept to the protocol that is spoken on it.
//!
//! Guarantees: each stage before the first request has a time limit; HTTP/2 is spoken where its preface or ALPN asks for
//! it, and where the listener has it. Does not do: speak HTTP; that is `http1` and `http2`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::core::Open;
use super::{Door, Http2, Limits, http1, http2};
use crate::client::{PeerAddr, Scheme};
use crate::gateway::{Client, Gateway};
use crate::metrics::Ending;
use crate::shutdown::Draining;
use crate::socket::{Socket, SocketIo};
use crate::tls::{Acceptor, Alpn};

/// A connection that is about to be served, and what it is served with.
pub(super) struct Arrival {
    pub(super) client: Client,
    pub(super) socket: Arc<Socket>,
    pub(super) open: Rc<Open>,
    pub(super) gateway: Rc<Gateway>,
    pub(super) limits: Limits,
    pub(super) draining: Draining,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: PeerAddr,
    door: Arc<Door>,
    open: Open,
    gateway: Rc<Gateway>,
    limits: Limits,
    draining: Draining,
) {
    let socket = Socket::tcp(stream);
    let mut arrival = Arrival {
        client: Client::new(peer, Scheme::Http, Arc::downgrade(&socket)),
        socket,
        open: Rc::new(open),
        gateway,
        limits,
        draining,
    };
    let io = SocketIo::new(Arc::clone(&arrival.socket));
    if let Some(tls) = &door.tls {
        arrival.client.scheme = Scheme::Https;
        return Box::pin(encrypted(arrival, io, tls)).await;
    }
    if door.http2 == Http2::On {
        let begins = arrival.socket.begins_with(http2::PREFACE);
        match timeout(limits.header_timeout, begins).await {
            Ok(Ok(true)) => return Box::pin(http2::serve(arrival, io)).await,
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => return, // left, or silent
        }
    }
    http1::serve(arrival, io).await;
}

/// Serves a connection over TLS.
async fn encrypted(arrival: Arrival, io: SocketIo, tls: &Acceptor) {
    let handshake = timeout(arrival.limits.header_timeout, tls.accept(io));
    let Ok(Ok(stream)) = handshake.await else {
        // A browser that does not trust the certificate ends here too: no line for each.
        arrival.gateway.connection_ended(Ending::TlsHandshake);
        return;
    };
    match Alpn::of(&stream) {
        Alpn::Http2 => http2::serve(arrival, stream).await,
        Alpn::Http1 | Alpn::None => http1::serve(arrival, stream).await,
    }
}

/// Lets a client read the last answer: nothing more is sent, and what it still sends is read over until it closes its
/// side too, for a while.
pub(super) async fn linger(socket: Arc<Socket>, open: Rc<Open>) {
    drop(timeout(LINGER, socket.close()).await);
    drop(open); // it counts until then
}

/// How long a client may take to close its side; nginx's lingering_timeout is 5 s between two reads.
const LINGER: Duration = Duration::from_secs(2);
