//! What TLS promises, with certificates made for the test and handshakes with rustls' own client.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsConnector;

use super::certificates::{Authority, Pair};
use super::*;

mod application;
mod files;
mod handshakes;
mod replacing;

/// A folder with an authority in it; it is removed at the end of the test.
fn authority() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    (folder, authority)
}

impl From<Pair> for Files {
    fn from(Pair { cert, key }: Pair) -> Self {
        Self { cert, key }
    }
}

/// What the first certificate in `file` is on the wire.
fn der(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

fn certificates(pairs: impl IntoIterator<Item = Pair>) -> Certificates {
    let files = pairs.into_iter().map(Files::from).collect();
    Certificates::load(files).unwrap().unwrap()
}

/// How a client talks.
struct Talk {
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: &'static [&'static [u8]],
    sni: bool,
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const BROWSER: Talk = Talk {
    versions: BOTH,
    alpn: &[b"h2", b"http/1.1"],
    sni: true,
};

/// What a client got.
#[derive(Debug, PartialEq)]
struct Met {
    certificate: CertificateDer<'static>,
    version: ProtocolVersion,
    alpn: Alpn,
}

fn client(roots: Arc<RootCertStore>, talk: &Talk) -> TlsConnector {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(talk.versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = talk.alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_sni = talk.sni;
    TlsConnector::from(Arc::new(config))
}

/// One handshake over a pipe, and a byte each way.
async fn meet(acceptor: &Acceptor, client: &TlsConnector, name: &str) -> io::Result<Met> {
    let (near, far) = duplex(1 << 16);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let ours = async {
        let mut stream = client.connect(name, near).await?;
        stream.write_all(b"?").await?;
        assert_eq!(stream.read_u8().await?, b'!');
        let (_, connection) = stream.get_ref();
        let certificate = connection.peer_certificates().unwrap()[0].clone();
        let version = connection.protocol_version().unwrap();
        io::Result::Ok((certificate.into_owned(), version))
    };
    let theirs = async {
        let mut stream = acceptor.accept(far).await?;
        assert_eq!(stream.read_u8().await?, b'?');
        stream.write_all(b"!").await?;
        stream.flush().await?;
        io::Result::Ok(Alpn::of(&stream))
    };
    let (ours, theirs) = tokio::join!(ours, theirs);
    let ((certificate, version), alpn) = (ours?, theirs?);
    Ok(Met {
        certificate,
        version,
        alpn,
    })
}
