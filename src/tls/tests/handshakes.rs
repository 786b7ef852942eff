//! The server side: which certificate, which version, which protocol.

use super::*;

const ONE_2: &[&SupportedProtocolVersion] = &[&version::TLS12];
const ONE_3: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// The certificate that a client which trusts `authority` gets when it asks for `name`.
async fn served(acceptor: &Acceptor, authority: &Authority, name: &str) -> CertificateDer<'static> {
    let client = client(authority.roots(), &BROWSER);
    meet(acceptor, &client, name).await.unwrap().certificate
}

#[tokio::test]
async fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
    let (_folder, authority) = authority();
    let first = authority.issue("first", &["a.test"]);
    let second = authority.issue("second", &["b.test", "*.wild.test"]);
    let acceptor = Acceptor::new(
        certificates([first.clone(), second.clone()]),
        Offer::Http2AndHttp1,
    )
    .unwrap();
    for (name, pair) in [
        ("a.test", &first),
        ("A.TEST", &first),
        ("b.test", &second),
        ("B.Test", &second),
        ("x.wild.test", &second),
        ("X.WILD.test", &second),
    ] {
        assert_eq!(
            served(&acceptor, &authority, name).await,
            der(&pair.cert),
            "{name}"
        );
    }
}

#[tokio::test]
async fn whoever_names_no_certificate_gets_the_first() {
    let (_folder, authority) = authority();
    let first = authority.issue("first", &["a.test", "127.0.0.1"]);
    let second = authority.issue("second", &["*.wild.test"]);
    let acceptor =
        Acceptor::new(certificates([first.clone(), second]), Offer::Http2AndHttp1).unwrap();
    let silent = client(
        authority.roots(),
        &Talk {
            sni: false,
            ..BROWSER
        },
    );
    let met = meet(&acceptor, &silent, "a.test").await.unwrap();
    assert_eq!(met.certificate, der(&first.cert));
    // An address is never sent as a name.
    assert_eq!(
        served(&acceptor, &authority, "127.0.0.1").await,
        der(&first.cert)
    );
    // What the first is not for is for its client to judge; a wildcard is one label.
    for stranger in ["stranger.test", "wild.test", "x.y.wild.test"] {
        let client = TlsConnector::from(Arc::new(
            ClientConfig::builder_with_provider(provider())
                .with_protocol_versions(BOTH)
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(verifier::of(&Trust::Anybody).unwrap().0)
                .with_no_client_auth(),
        ));
        let met = meet(&acceptor, &client, stranger).await.unwrap();
        assert_eq!(met.certificate, der(&first.cert), "{stranger}");
    }
}

#[tokio::test]
async fn of_two_for_one_name_the_client_gets_the_one_it_can_check() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/tests/openssl");
    let pair = |name: &str| Pair {
        cert: here.join(format!("{name}.pem")),
        key: here.join(format!("{name}.key")),
    };
    let both = certificates([pair("rsa"), pair("ec")]);
    let acceptor = Acceptor::new(both, Offer::Http1).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(BOTH)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(EcdsaAlone))
        .with_no_client_auth();
    let ecdsa = TlsConnector::from(Arc::new(config));
    let met = meet(&acceptor, &ecdsa, "app.test").await.unwrap();
    assert_eq!(met.certificate, der(&pair("ec").cert));
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_newer_preferred() {
    let (_folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let acceptor = Acceptor::new(certificates([pair]), Offer::Http1).unwrap();
    for (versions, expected) in [
        (ONE_2, ProtocolVersion::TLSv1_2),
        (ONE_3, ProtocolVersion::TLSv1_3),
        (BOTH, ProtocolVersion::TLSv1_3),
    ] {
        let client = client(
            authority.roots(),
            &Talk {
                versions,
                ..BROWSER
            },
        );
        let met = meet(&acceptor, &client, "a.test").await.unwrap();
        assert_eq!(met.version, expected);
    }
}

#[tokio::test]
async fn http_2_is_spoken_only_where_it_is_offered_and_wanted() {
    let (_folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let certificates = certificates([pair]);
    let both = Acceptor::new(certificates.clone(), Offer::Http2AndHttp1).unwrap();
    let one = Acceptor::new(certificates, Offer::Http1).unwrap();
    let old: &[&[u8]] = &[b"http/1.1"];
    let reversed: &[&[u8]] = &[b"http/1.1", b"h2"];
    for (acceptor, alpn, expected) in [
        (&both, BROWSER.alpn, Alpn::Http2),
        (&both, reversed, Alpn::Http2),
        (&both, old, Alpn::Http1),
        (&both, &[], Alpn::None),
        (&one, BROWSER.alpn, Alpn::Http1),
        (&one, &[], Alpn::None),
    ] {
        let client = client(authority.roots(), &Talk { alpn, ..BROWSER });
        let met = meet(acceptor, &client, "a.test").await.unwrap();
        assert_eq!(met.alpn, expected, "{alpn:?}");
    }
    let only_http_2 = client(
        authority.roots(),
        &Talk {
            alpn: &[b"h2"],
            ..BROWSER
        },
    );
    assert!(meet(&one, &only_http_2, "a.test").await.is_err());
}

#[tokio::test]
async fn a_session_is_resumed_with_nothing_kept_for_it() {
    let (_folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let acceptor = Acceptor::new(certificates([pair]), Offer::Http1).unwrap();
    for versions in [ONE_2, ONE_3] {
        let client = client(
            authority.roots(),
            &Talk {
                versions,
                ..BROWSER
            },
        );
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (near, far) = duplex(1 << 16);
            let name = ServerName::try_from("a.test").unwrap();
            let theirs = async {
                let mut stream = acceptor.accept(far).await.unwrap();
                stream.write_all(b"!").await.unwrap();
                stream.flush().await.unwrap();
                stream.get_ref().1.handshake_kind().unwrap()
            };
            let ours = async {
                let mut stream = client.connect(name, near).await.unwrap();
                stream.read_u8().await.unwrap();
            };
            kinds.push(tokio::join!(theirs, ours).0);
        }
        assert_eq!(
            kinds,
            [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]
        );
    }
}

#[tokio::test]
async fn who_does_not_speak_tls_is_an_error_of_one_connection() {
    let (_folder, authority) = authority();
    let pair = authority.issue("site", &["a.test"]);
    let acceptor = Acceptor::new(certificates([pair]), Offer::Http1).unwrap();
    let (mut near, far) = duplex(1 << 16);
    near.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let error = acceptor.accept(far).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let (near, far) = duplex(1 << 16);
    drop(near);
    assert!(acceptor.accept(far).await.is_err());
    served(&acceptor, &authority, "a.test").await;
}

/// Takes every certificate, but signatures of ECDSA only.
#[derive(Debug)]
struct EcdsaAlone;

impl rustls::client::danger::ServerCertVerifier for EcdsaAlone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
