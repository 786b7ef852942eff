//! The scripted application behind TLS: a relay that ends TLS in front of it, with a server of rustls' own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::certificates::Pair;

/// A running relay; dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    resumed: Arc<AtomicUsize>,
    /// Dropped to end the relay.
    _end: oneshot::Sender<()>,
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
            accepted: Arc::default(),
            resumed: Arc::default(),
            _end: end,
        };
        let (accepted, resumed) = (Arc::clone(&relay.accepted), Arc::clone(&relay.resumed));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let accept = async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    accepted.fetch_add(1, Ordering::SeqCst);
                    let resumed = Arc::clone(&resumed);
                    tokio::spawn(relay_one(stream, acceptor.clone(), app, resumed));
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
        self.accepted.load(Ordering::SeqCst)
    }

    /// Handshakes that resumed a session.
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.load(Ordering::SeqCst)
    }
}

/// Everything in both directions, until one of them ends.
async fn relay_one(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    app: SocketAddr,
    resumed: Arc<AtomicUsize>,
) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut near) = acceptor.accept(stream).await else {
        return; // refused, as some tests want it
    };
    if near.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
        resumed.fetch_add(1, Ordering::SeqCst);
    }
    let mut far = TcpStream::connect(app).await.unwrap();
    far.set_nodelay(true).unwrap();
    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
}
