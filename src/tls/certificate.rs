//! One certificate with its key, from two PEM files.
//!
//! Guarantees: a [`Certificate`] has at least one certificate, and the key that belongs to the first; it knows when it
//! is valid. Its key is never printed.
//! Does not do: check who signed it; its clients do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use blake3::Hash;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError as Verdict, Error, InconsistentKeys, RootCertStore};

use super::provider;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Files {
    /// PEM: the certificate, then those that lead to its authority.
    pub cert: PathBuf,
    /// PEM: the key, as PKCS#8, PKCS#1 or SEC1, without a password.
    pub key: PathBuf,
}

/// What is in the two files, read together.
pub(super) struct Content {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate with its key, fit to be served.
pub struct Certificate {
    key: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
    /// Of the files' content.
    digest: Hash,
}

/// Whether a certificate is valid at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Clients refuse it.
    Expired,
    /// Clients refuse it until its time begins.
    NotYet,
    /// Its time has begun and not ended.
    Valid,
}

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct CertificateError {
    /// The file to look at.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a file of a certificate or key.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The certificate's time has ended; only when it would replace another.
    #[error("the certificate has expired")]
    Expired,
    /// The key has a password.
    #[error("the key is encrypted")]
    Encrypted,
    /// The key is another certificate's.
    #[error("the key does not belong to the certificate")]
    Mismatch,
    /// There is no certificate in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// There is no key in it.
    #[error("there is no private key in it")]
    NoKey,
    /// The certificate's time has not begun; only when it would replace another.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// Larger than any certificate.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// The system refused.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is PEM, and what is in it cannot be used.
    #[error("cannot be used: {0}")]
    Unusable(#[source] Error),
    /// It has the marks of PEM, and what is between them is not.
    #[error("not PEM: {0}")]
    NotPem(#[source] pem::Error),
}

impl Problem {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Expired | Self::NotYetValid => "renew the certificate, or set the clock",
            Self::Encrypted => "store the key without its password, readable by Onelane alone",
            Self::Mismatch => "give the key that the certificate was made with",
            Self::NoCertificate | Self::NotPem(_) => {
                "give a PEM file: it has -----BEGIN CERTIFICATE-----"
            }
            Self::NoKey => "give a PEM file with the private key: PKCS#8, PKCS#1 or SEC1",
            Self::TooLarge => "give the certificate and those of its authorities alone",
            Self::Unreadable(_) => {
                "give the path from the folder of the configuration, and let Onelane's user read it"
            }
            Self::Unusable(_) => "make a new one: RSA of 2048 bits or more, ECDSA or Ed25519",
        }
    }
}

impl Files {
    /// Reads both files.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub(super) fn read(&self) -> Result<Content, CertificateError> {
        Ok(Content {
            cert: read(&self.cert)?,
            key: read(&self.key)?,
        })
    }

    /// The certificate that `content`, read from these files, holds.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub(super) fn certificate(&self, content: &Content) -> Result<Certificate, CertificateError> {
        let of_cert = |problem| problem_of(&self.cert, problem);
        let of_key = |problem| problem_of(&self.key, problem);
        let chain = chain(&content.cert).map_err(of_cert)?;
        let key = key(&content.key).map_err(of_key)?;
        let (not_before, not_after) = {
            let first = ParsedCertificate::try_from(&chain[0])
                .map_err(|error| of_cert(Problem::Unusable(error)))?;
            time_of(&first).map_err(|error| of_cert(Problem::Unusable(error)))?
        };
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
            of_key(match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Problem::Mismatch,
                other => Problem::Unusable(other),
            })
        })?;
        Ok(Certificate {
            key: Arc::new(key),
            not_before,
            not_after,
            digest: content.digest(),
        })
    }
}

impl Content {
    /// Tells one content from another; the key is not kept for it.
    pub(super) fn digest(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(blake3::hash(&self.cert).as_bytes());
        hasher.update(&self.key);
        hasher.finalize()
    }
}

impl Certificate {
    /// The certificate in `files`; its time is not looked at.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn load(files: &Files) -> Result<Self, CertificateError> {
        files.certificate(&files.read()?)
    }

    /// Whether it is valid at `now`.
    pub fn validity(&self, now: SystemTime) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }

    /// The last moment of its time.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether it was made for `name`, itself or by a wildcard.
    pub(super) fn covers(&self, name: &ServerName<'_>) -> bool {
        let first = self.key.end_entity_cert().ok();
        first
            .and_then(|first| ParsedCertificate::try_from(first).ok())
            .is_some_and(|first| verify_server_name(&first, name).is_ok())
    }

    /// Tells it from what its files may hold later.
    pub(super) fn digest(&self) -> Hash {
        self.digest
    }

    /// It and its key, as rustls serves them.
    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive() // the key is in it
    }
}

/// The bytes of `file`, no more than a certificate has.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|open| io::Read::read_to_end(&mut io::Read::take(open, LARGEST + 1), &mut bytes));
    match read {
        Err(error) => Err(problem_of(file, Problem::Unreadable(error))),
        Ok(_) if bytes.len() as u64 > LARGEST => Err(problem_of(file, Problem::TooLarge)),
        Ok(_) => Ok(bytes),
    }
}

pub(super) fn problem_of(file: &Path, problem: Problem) -> CertificateError {
    CertificateError {
        file: file.to_owned(),
        problem,
    }
}

/// The certificates of a PEM text, at least one.
pub(super) fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(Problem::NotPem)?;
    if chain.is_empty() {
        return Err(Problem::NoCertificate);
    }
    Ok(chain)
}

fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if is_encrypted(text) => Err(Problem::Encrypted),
        Err(pem::Error::NoItemsFound) => Err(Problem::NoKey),
        // The old form of a key with a password has headers, which are no base 64.
        Err(_) if is_encrypted(text) => Err(Problem::Encrypted),
        Err(error) => Err(Problem::NotPem(error)),
    }
}

fn is_encrypted(text: &[u8]) -> bool {
    text.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED)
}

/// The first and last moment of a certificate's time. webpki reads it and does not tell, except when it refuses: it looks
/// at the time before anything else, so a certificate is refused at the beginning and at the end of all times.
pub(super) fn time_of(
    certificate: &ParsedCertificate<'_>,
) -> Result<(SystemTime, SystemTime), Error> {
    let verdict = |now| {
        verify_server_cert_signed_by_trust_anchor(
            certificate,
            &RootCertStore::empty(),
            &[],
            now,
            provider().signature_verification_algorithms.all,
        )
    };
    let begin = UnixTime::since_unix_epoch(Duration::ZERO);
    let end = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let not_before = match verdict(begin) {
        Err(Error::InvalidCertificate(Verdict::NotValidYetContext { not_before, .. })) => {
            not_before
        }
        Err(error @ Error::InvalidCertificate(Verdict::BadEncoding)) => return Err(error),
        _ => begin, // it was valid when time began
    };
    match verdict(end) {
        Err(Error::InvalidCertificate(Verdict::ExpiredContext { not_after, .. })) => {
            Ok((time(not_before), time(not_after)))
        }
        Err(error) => Err(error),
        Ok(()) => Err(Error::InvalidCertificate(Verdict::BadEncoding)), // nothing is valid then
    }
}

/// The system's form of a time; what it cannot express is as far as no clock goes.
fn time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(time.as_secs()))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Longer than any chain; a device or a log file is not read whole.
const LARGEST: u64 = 1 << 20;

/// In the first line of a PKCS#8 key with a password, and in the headers of older ones.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
