//! The client side: who is taken for the application.

use rustls::CertificateError as Verdict;

use super::*;

/// A handshake of `connector` with `pair`'s owner.
async fn shake(pair: &Pair, connector: &Connector) -> Result<Alpn, HandshakeError> {
    let acceptor = Acceptor::new(certificates([pair.clone()]), Offer::Http2AndHttp1).unwrap();
    let (near, far) = duplex(1 << 16);
    let (ours, theirs) = tokio::join!(connector.connect(near), acceptor.accept(far));
    drop(ours?);
    Ok(Alpn::of(&theirs.unwrap()))
}

fn verdict(error: HandshakeError) -> Verdict {
    match error {
        HandshakeError::Refused(rustls::Error::InvalidCertificate(verdict)) => verdict,
        other => panic!("{other}"),
    }
}

fn connector(name: &str, trust: Trust) -> Connector {
    Connector::new(name, trust).unwrap()
}

#[tokio::test]
async fn the_application_is_who_an_authority_of_the_file_says() {
    let (_folder, authority) = authority();
    let pair = authority.issue("app", &["app.test", "127.0.0.1"]);
    for name in ["app.test", "127.0.0.1"] {
        let trust = Trust::File(authority.file());
        let alpn = shake(&pair, &connector(name, trust)).await.unwrap();
        assert_eq!(alpn, Alpn::Http1);
    }
}

#[tokio::test]
async fn whoever_is_not_the_application_is_refused_for_good() {
    let (_folder, authority) = authority();
    let (_other_folder, other) = super::authority();
    let pair = authority.issue("app", &["app.test"]);
    let file = || Trust::File(authority.file());
    let refused = async |pair, connector| verdict(shake(pair, &connector).await.unwrap_err());
    for stranger in [Trust::File(other.file()), Trust::PublicAuthorities] {
        let verdict = refused(&pair, connector("app.test", stranger.clone())).await;
        assert!(
            matches!(verdict, Verdict::UnknownIssuer | Verdict::BadSignature),
            "{stranger:?}: {verdict:?}"
        );
    }
    let unknown = shake(&pair, &connector("app.test", Trust::PublicAuthorities)).await;
    assert!(
        unknown
            .unwrap_err()
            .advice()
            .unwrap()
            .contains("upstream.tls.ca")
    );
    let verdict = refused(&pair, connector("other.test", file())).await;
    assert!(
        matches!(verdict, Verdict::NotValidForNameContext { .. }),
        "{verdict:?}"
    );
    let old = authority.issue_for("old", &["app.test"], 2000..2001);
    let verdict = refused(&old, connector("app.test", file())).await;
    assert!(
        matches!(verdict, Verdict::ExpiredContext { .. }),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn anybody_is_taken_for_it_only_when_asked_for() {
    let (_folder, authority) = authority();
    let old = authority.issue_for("old", &["other.test"], 2000..2001);
    shake(&old, &connector("app.test", Trust::Anybody))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_self_signed_certificate_is_believed_when_it_is_listed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/tests/openssl");
    let pair = |name: &str| Pair {
        cert: here.join(format!("{name}.pem")),
        key: here.join(format!("{name}.key")),
    };
    let listed = Trust::File(pair("rsa").cert);
    shake(&pair("rsa"), &connector("app.test", listed.clone()))
        .await
        .unwrap();
    let other_name = shake(&pair("rsa"), &connector("other.test", listed.clone())).await;
    assert!(matches!(
        verdict(other_name.unwrap_err()),
        Verdict::NotValidForNameContext { .. }
    ));
    let other_key = shake(&pair("ec"), &connector("app.test", listed)).await;
    verdict(other_key.unwrap_err());
}

#[tokio::test]
async fn a_connection_that_breaks_may_be_tried_again_and_clear_text_may_not() {
    let connector = connector("app.test", Trust::Anybody);
    let (near, far) = duplex(1 << 16);
    drop(far);
    let broken = connector.connect(near).await.unwrap_err();
    assert!(matches!(broken, HandshakeError::Broken(_)), "{broken}");
    let (near, mut far) = duplex(1 << 16);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let refused = connector.connect(near).await.unwrap_err();
    assert!(matches!(refused, HandshakeError::Refused(_)), "{refused}");
    assert!(refused.advice().unwrap().contains("http://"));
}

#[test]
fn what_cannot_be_asked_is_an_error_at_the_start() {
    let (folder, authority) = authority();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    for file in [empty, folder.path().join("absent")] {
        let error = Connector::new("app.test", Trust::File(file)).unwrap_err();
        assert!(matches!(error, ConnectorError::Authorities(_)), "{error}");
    }
    let error = Connector::new("a b", Trust::File(authority.file())).unwrap_err();
    assert!(matches!(error, ConnectorError::Name), "{error}");
}

#[test]
fn two_are_equal_when_their_settings_are() {
    let anybody = |name| connector(name, Trust::Anybody);
    assert_eq!(anybody("a.test"), anybody("a.test"));
    assert_ne!(anybody("a.test"), anybody("b.test"));
    assert_ne!(
        anybody("a.test"),
        connector("a.test", Trust::PublicAuthorities)
    );
}

#[tokio::test]
async fn who_is_believed_is_who_is_in_the_file_when_it_is_renewed() {
    let (_folder, authority) = authority();
    let (_other_folder, other) = super::authority();
    let pair = authority.issue("app", &["app.test"]);
    let file = authority.file();
    let trusting = || connector("app.test", Trust::File(file.clone()));
    let used = trusting();
    let clone = used.clone();
    shake(&pair, &clone).await.unwrap();
    assert_eq!(used.renew(&trusting()), Renewed::Same);
    let first = used.authorities().unwrap().1;
    fs::copy(other.file(), &file).unwrap();
    shake(&pair, &clone).await.unwrap(); // the control: not by itself
    assert_eq!(used.renew(&trusting()), Renewed::Replaced);
    // Not even by resuming the session of a handshake that went well.
    verdict(shake(&pair, &clone).await.unwrap_err());
    let digests = (used.authorities().unwrap().1, Connector::digest_of(&file));
    assert!(first != digests.0 && Some(digests.0) == digests.1);
}
