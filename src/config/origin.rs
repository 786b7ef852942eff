//! What a configuration was read from, so that it can be read again.
//!
//! Guarantees: the digest is that of what was read, not of what is there a moment later; it covers the file, and the
//! refusal pages and files of authorities that it names. Does not do: watch; cover certificates, which are replaced by
//! themselves, and the environment, which no process can change from outside.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Startup, file};
use crate::tls::Connector;

/// What a configuration was read from.
#[derive(Clone)]
pub struct Origin {
    /// The file; None when it was a text.
    pub file: Option<PathBuf>,
    /// What only a restart changes, as it was written: the start may lower a limit that the system cannot hold.
    pub startup: Startup,
    digest: Digest,
    pages: Vec<PathBuf>,
    authorities: Vec<PathBuf>,
}

/// A digest of a configuration and of the files that it names. It is shown in eight hex digits, which tell two
/// configurations apart and are too few to guess a secret by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(blake3::Hash);

/// What other files are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside<'a> {
    /// Relative paths begin here.
    pub(super) folder: &'a Path,
    /// A certificate's time may be over.
    pub(super) now: SystemTime,
    /// The pages that were read.
    pub(super) pages: &'a Pages,
}

/// The pages that were read, with their text, in their order.
#[derive(Debug, Default)]
pub(super) struct Pages(RefCell<Vec<(PathBuf, blake3::Hash)>>);

impl Pages {
    pub(super) fn add(&self, path: PathBuf, text: &str) {
        let page = (path, blake3::hash(text.as_bytes()));
        self.0.borrow_mut().push(page);
    }
}

impl Origin {
    /// Of the configuration `text`, which is that of `file` if there is one.
    pub(super) fn new(file: Option<&Path>, text: &str, pages: Pages, startup: &Startup) -> Self {
        let (pages, mut digests): (Vec<_>, Vec<_>) = pages.0.into_inner().into_iter().unzip();
        let read = startup.connectors().filter_map(Connector::authorities);
        let (authorities, of_authorities): (Vec<_>, Vec<_>) =
            read.map(|(file, digest)| (file.to_owned(), digest)).unzip();
        digests.extend(of_authorities);
        Self {
            file: file.map(Path::to_owned),
            startup: startup.clone(),
            digest: Digest::of(text, digests),
            pages,
            authorities,
        }
    }

    /// The digest of what was read.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The digest of what is there now; None when something of it cannot be read.
    pub fn digest_now(&self) -> Option<Digest> {
        let text = file::read(self.file.as_deref()?).ok()?;
        let read = |page: &PathBuf| Some(blake3::hash(file::read(page).ok()?.as_bytes()));
        let pages = self.pages.iter().map(read);
        let authorities = self
            .authorities
            .iter()
            .map(|file| Connector::digest_of(file));
        let beside = pages.chain(authorities).collect::<Option<Vec<_>>>()?;
        Some(Digest::of(&text, beside))
    }

    /// The file and those that it names, each as it is named and, behind links, where it is.
    pub fn files(&self) -> Vec<PathBuf> {
        let named = self.file.iter().chain(&self.pages).chain(&self.authorities);
        named
            .flat_map(|path| [Some(path.clone()), path.canonicalize().ok()])
            .flatten()
            .collect()
    }
}

impl Digest {
    fn of(text: &str, beside: impl IntoIterator<Item = blake3::Hash>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(blake3::hash(text.as_bytes()).as_bytes());
        for file in beside {
            hasher.update(file.as_bytes());
        }
        Self(hasher.finalize())
    }

    /// What is shown of it.
    pub fn short(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = *self.0.as_bytes();
        [a, b, c, d]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex()[..8])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
