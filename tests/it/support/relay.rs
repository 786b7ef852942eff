//! The scripted application behind TLS: a relay that ends TLS in front of it, with a server of rustls' own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::certificates::Pair;

/// A running relay; dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    /// Dropped to end the relay.
    _end: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    resumed: AtomicUsize,
    /// Connections on which the application has not ended.
    open: AtomicUsize,
}

impl Relay {
    /// In front of `app`, with the certificate of `pair`, in these versions of TLS.
    pub(crate) fn start(
        app: SocketAddr,
        pair: &Pair,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::pem_file_iter(&pair.cert).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                chain.map(Result::unwrap).collect(),
                PrivateKeyDer::from_pem_file(&pair.key).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            counts: Arc::default(),
            _end: end,
        };
        let counts = Arc::clone(&relay.counts);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let accept = async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    counts.accepted.fetch_add(1, Ordering::SeqCst);
                    let counts = Arc::clone(&counts);
                    tokio::spawn(relay_one(stream, acceptor.clone(), app, counts));
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    () = accept => {}
                }
            });
        });
        relay
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were accepted, whatever became of their handshakes.
    pub(crate) fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Handshakes that resumed a session.
    pub(crate) fn resumed(&self) -> usize {
        self.counts.resumed.load(Ordering::SeqCst)
    }

    /// Connections of the application whose end, if there was one, their client has not been told yet.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }
}

/// Everything in both directions, until both have ended.
async fn relay_one(stream: TcpStream, acceptor: TlsAcceptor, app: SocketAddr, counts: Arc<Counts>) {
    stream.set_nodelay(true).unwrap();
    let Ok(near) = acceptor.accept(stream).await else {
        return; // refused, as some tests want it
    };
    if near.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
        counts.resumed.fetch_add(1, Ordering::SeqCst);
    }
    let mut far = TcpStream::connect(app).await.unwrap();
    far.set_nodelay(true).unwrap();
    counts.open.fetch_add(1, Ordering::SeqCst);
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let (mut from_app, mut to_app) = far.split();
    let down = async {
        tokio::io::copy(&mut from_app, &mut to_client).await.ok();
        to_client.shutdown().await.ok();
        counts.open.fetch_sub(1, Ordering::SeqCst);
    };
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_app).await.ok();
        to_app.shutdown().await.ok();
    };
    tokio::join!(down, up);
}
