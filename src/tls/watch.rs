//! Certificates that are replaced while we run: their files are watched, and what is good in them is served.
//!
//! Guarantees: no request waits for a file; what is unreadable, rubbish, of another key or out of its time does not
//! replace what is served; each content is judged, and reported, once.
//! Does not do: notice a change behind a link to a file of another folder before the next slow look.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use blake3::Hash;

use super::acceptor::{Certificates, Entry};
use super::certificate::{Certificate, CertificateError, Files, Problem, Validity, problem_of};
use crate::watch;

pub use crate::watch::Pace;

/// How soon a changed certificate is looked at: both of its files are to be there.
pub const PACE: Pace = Pace {
    settle: Duration::from_millis(200),
    poll: Duration::from_secs(60),
};

/// What became of a certificate whose files have changed.
#[derive(Debug)]
pub enum Reload {
    /// The old one goes on.
    Failed(CertificateError),
    /// The next handshakes get the new one.
    Replaced(Files),
}

/// Watches the files of certificates until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watch: watch::Watch,
}

/// What looks at them.
struct Looker<Clock, Report> {
    watched: Vec<Watched>,
    clock: Clock,
    report: Report,
}

struct Watched {
    certificates: Certificates,
    /// What was judged last, by entry; None when it could not be read.
    judged: Vec<Option<Hash>>,
}

impl Watch {
    /// Watches `all` on a thread of its own. From the return on, no change is missed. `clock` tells what is out of its
    /// time; `report` is told what became of each change, on that thread.
    ///
    /// # Errors
    /// When the thread cannot be started. A system that does not tell of changes is none: the slow look remains.
    pub fn start(
        all: Vec<Certificates>,
        pace: Pace,
        clock: impl Fn() -> SystemTime + Send + 'static,
        report: impl FnMut(Reload) + Send + 'static,
    ) -> io::Result<Self> {
        let files = files(&all);
        let mut looker = Looker {
            watched: all.into_iter().map(Watched::new).collect(),
            clock,
            report,
        };
        let look = {
            let files = files.clone();
            move || {
                looker.look();
                files.clone()
            }
        };
        let watch = watch::Watch::start("certificates", files, pace, look)?;
        Ok(Self { _watch: watch })
    }
}

/// The files of all certificates.
fn files(all: &[Certificates]) -> Vec<PathBuf> {
    let entries = all.iter().flat_map(Certificates::entries);
    entries
        .flat_map(|entry| [entry.files.cert.clone(), entry.files.key.clone()])
        .collect()
}

impl<Clock: Fn() -> SystemTime, Report: FnMut(Reload)> Looker<Clock, Report> {
    fn look(&mut self) {
        let now = (self.clock)();
        for watched in &mut self.watched {
            let entries = watched.certificates.entries();
            for (entry, judged) in entries.iter().zip(&mut watched.judged) {
                let Some(outcome) = look_at(entry, judged, now) else {
                    continue;
                };
                match &outcome {
                    Reload::Replaced(files) => {
                        tracing::info!(cert = %files.cert.display(), "the certificate was replaced");
                    }
                    Reload::Failed(error) => {
                        tracing::error!(
                            advice = error.problem.advice(),
                            "the certificate was not replaced, the old one goes on: {error}"
                        );
                    }
                }
                (self.report)(outcome);
            }
        }
    }
}

/// Serves what is new and good in the files of `entry`. None when it is what was `judged` last.
fn look_at(entry: &Entry, judged: &mut Option<Hash>, now: SystemTime) -> Option<Reload> {
    let content = entry.files.read();
    let found = content.as_ref().ok().map(|content| content.digest());
    if found == *judged {
        return None;
    }
    *judged = found;
    let fit = content
        .and_then(|content| entry.files.certificate(&content))
        .and_then(|certificate| in_its_time(certificate, &entry.files, now));
    Some(match fit {
        Ok(certificate) => {
            entry.current.store(Arc::new(certificate));
            Reload::Replaced(entry.files.clone())
        }
        Err(error) => Reload::Failed(error),
    })
}

fn in_its_time(
    certificate: Certificate,
    files: &Files,
    now: SystemTime,
) -> Result<Certificate, CertificateError> {
    match certificate.validity(now) {
        Validity::Valid => Ok(certificate),
        Validity::Expired => Err(problem_of(&files.cert, Problem::Expired)),
        Validity::NotYet => Err(problem_of(&files.cert, Problem::NotYetValid)),
    }
}

impl Watched {
    fn new(certificates: Certificates) -> Self {
        let judged = certificates.entries().iter();
        let judged = judged
            .map(|entry| Some(entry.current.load().digest()))
            .collect();
        Self {
            certificates,
            judged,
        }
    }
}
