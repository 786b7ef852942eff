//! Whether a certificate proves that the other end is the application.
//!
//! Guarantees: but for [`Trust::Anybody`], the certificate is for the name, in its time, and an authority's or listed
//! itself; its holder has proved to have the key.
//! Does not do: revocation; the authorities of private networks offer none.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use blake3::Hash;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError as Verdict, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::certificate::{self, CertificateError, Problem, problem_of, time_of};
use super::connector::Trust;
use super::provider;

/// What asks for as much as `trust` wants, and the digest of the file that it was made from.
///
/// # Errors
/// When the file of authorities cannot be used.
pub(super) fn of(trust: &Trust) -> Result<Verifier, CertificateError> {
    match trust {
        Trust::Anybody => Ok((Arc::new(Unverified), None)),
        Trust::PublicAuthorities => {
            let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
            Ok((by_authorities(RootCertStore::from_iter(roots)), None))
        }
        Trust::File(file) => {
            let text = certificate::read(file)?;
            let digest = blake3::hash(&text);
            Ok((Arc::new(Listed::new(file, &text)?), Some(digest)))
        }
    }
}

type Verifier = (Arc<dyn ServerCertVerifier>, Option<Hash>);

fn by_authorities(roots: RootCertStore) -> Arc<WebPkiServerVerifier> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .expect("there are authorities, and no lists of revoked certificates")
}

/// Believes the authorities of a file, and the certificates in it themselves: the usual self-signed certificate
/// (`openssl req -x509`) calls itself an authority, and rustls takes no authority for a server.
#[derive(Debug)]
struct Listed {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Listed {
    /// Of the PEM `text` of `file`.
    fn new(file: &Path, text: &[u8]) -> Result<Self, CertificateError> {
        let certificates = certificate::chain(text).map_err(|problem| problem_of(file, problem))?;
        let mut roots = RootCertStore::empty();
        for authority in &certificates {
            roots
                .add(authority.clone())
                .map_err(|error| problem_of(file, Problem::Unusable(error)))?;
        }
        Ok(Self {
            certificates,
            authorities: by_authorities(roots),
        })
    }
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.certificates.contains(certificate) {
            let authorities = &self.authorities;
            return authorities.verify_server_cert(certificate, chain, name, ocsp, now);
        }
        let listed = ParsedCertificate::try_from(certificate)?;
        verify_server_name(&listed, name)?;
        let (not_before, not_after) = time_of(&listed)?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        if now < not_before {
            return Err(Error::InvalidCertificate(Verdict::NotValidYet));
        }
        if now > not_after {
            return Err(Error::InvalidCertificate(Verdict::Expired));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let authorities = &self.authorities;
        authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let authorities = &self.authorities;
        authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Believes everybody. Signatures are not looked at either: who has the key of an unknown certificate is unknown.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
