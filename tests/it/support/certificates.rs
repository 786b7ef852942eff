//! Certificates as operators have them: PEM files in a folder, made for a name by an authority or by themselves.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Who signs certificates; its own is the file `ca.pem` in its folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// A new one, whose files are written to `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self {
            issuer,
            folder: folder.to_owned(),
        }
    }

    /// The file with its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for `names` (DNS names, wildcards or addresses) in the files `<file>.pem` and `<file>.key`, which
    /// are overwritten.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> Pair {
        self.issue_for(file, names, 2000..3000)
    }

    /// As [`Authority::issue`], valid in these years.
    pub(crate) fn issue_for(&self, file: &str, names: &[&str], years: Range<i32>) -> Pair {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            cert: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        fs::write(&pair.cert, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }

    /// What a client that trusts this authority alone is given.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.file()).unwrap())
            .unwrap();
        Arc::new(roots)
    }
}

impl Pair {
    /// `{ cert: …, key: … }` for a configuration.
    pub(crate) fn yaml(&self) -> String {
        format!(
            "{{ cert: '{}', key: '{}' }}",
            self.cert.display(),
            self.key.display()
        )
    }
}
