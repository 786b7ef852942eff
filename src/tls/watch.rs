//! Certificates that are replaced while we run: their files are watched, and what is good in them is served.
//!
//! Guarantees: no request waits for a file; what is unreadable, rubbish, of another key or out of its time does not
//! replace what is served; each content is judged, and reported, once.
//! Does not do: notice a change behind a link to a file of another folder before the next slow look.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use blake3::Hash;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::acceptor::{Certificates, Entry};
use super::certificate::{Certificate, CertificateError, Files, Problem, Validity, problem_of};

/// How soon a change is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Quiet after a change, so that both files of a pair are there; ten times that is waited at most.
    pub settle: Duration,
    /// Between two looks that nothing asked for: at links, network drives and whatever else changes untold.
    pub poll: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(200),
            poll: Duration::from_secs(60),
        }
    }
}

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
    wake: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// What ends the thread's sleep.
#[derive(Debug)]
enum Wake {
    /// Something happened in a folder.
    Changed,
    End,
}

/// What the thread has.
struct Looker<Clock, Report> {
    watched: Vec<Watched>,
    folders: Folders,
    clock: Clock,
    report: Report,
}

struct Watched {
    certificates: Certificates,
    /// What was judged last, by entry; None when it could not be read.
    judged: Vec<Option<Hash>>,
}

/// The folders of all files: a file that is replaced by renaming is another file, so that watching itself does not help.
struct Folders {
    paths: BTreeSet<PathBuf>,
    /// None when the system has no more to give: the slow look remains.
    watcher: Option<RecommendedWatcher>,
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
        let (wake, wakes) = mpsc::channel();
        let mut folders = Folders::of(&all, wake.clone());
        folders.watch();
        let watched = all.into_iter().map(Watched::new).collect();
        let looker = Looker {
            watched,
            folders,
            clock,
            report,
        };
        let thread = thread::Builder::new()
            .name("certificates".to_owned())
            .spawn(move || looker.run(&wakes, pace))?;
        Ok(Self {
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake.send(Wake::End).ok(); // a thread that has ended needs no telling
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl<Clock: Fn() -> SystemTime, Report: FnMut(Reload)> Looker<Clock, Report> {
    fn run(mut self, wakes: &Receiver<Wake>, pace: Pace) {
        loop {
            self.look(); // first at what has changed since the start
            match wakes.recv_timeout(pace.poll) {
                Ok(Wake::Changed) => {
                    if !settled(wakes, pace.settle) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.folders.watch(), // one may be new under its name
                Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

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

/// Waits until nothing has happened for `quiet`, or ten times that has passed; false when the watch has ended.
fn settled(wakes: &Receiver<Wake>, quiet: Duration) -> bool {
    let latest = Instant::now() + quiet * 10;
    while Instant::now() < latest {
        match wakes.recv_timeout(quiet) {
            Ok(Wake::Changed) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
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

impl Folders {
    fn of(all: &[Certificates], wake: Sender<Wake>) -> Self {
        let files = all.iter().flat_map(Certificates::entries);
        let paths = files.flat_map(|entry| [folder(&entry.files.cert), folder(&entry.files.key)]);
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_reading(event.kind)) {
                return; // our own, mostly
            }
            wake.send(Wake::Changed).ok(); // the thread may have ended
        };
        let watcher = notify::recommended_watcher(told)
            .inspect_err(|error| {
                tracing::warn!("changed certificates are noticed within a minute: {error}");
            })
            .ok();
        Self {
            paths: paths.collect(),
            watcher,
        }
    }

    /// Watches what is now under each name; a folder that was replaced is another.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for path in &self.paths {
            watcher.unwatch(path).ok(); // it is not watched yet, or no longer there
            if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %path.display(), "not watched until the next look: {error}");
            }
        }
    }
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.paths.fmt(f)
    }
}

/// The folder of a file; the current one for a name alone.
fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether nothing was changed.
fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind};

    use super::*;

    #[test]
    fn reading_a_file_is_no_change_and_writing_it_is() {
        for kind in [
            AccessKind::Open(AccessMode::Any),
            AccessKind::Read,
            AccessKind::Close(AccessMode::Read),
        ] {
            assert!(is_reading(EventKind::Access(kind)), "{kind:?}");
        }
        for kind in [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Any),
            EventKind::Any,
        ] {
            assert!(!is_reading(kind), "{kind:?}");
        }
    }

    #[test]
    fn a_name_alone_is_in_the_current_folder() {
        assert_eq!(folder(Path::new("site.pem")), Path::new("."));
        assert_eq!(folder(Path::new("a/site.pem")), Path::new("a"));
    }
}
