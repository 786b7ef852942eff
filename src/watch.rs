//! Files that are looked at again when something has changed in their folders.
//!
//! A file that is replaced by renaming is another file, and so is a Kubernetes volume whose link `..data` is replaced:
//! so folders are watched, not files. Guarantees: from the start on no change in a watched folder is missed; several
//! changes at once are one look; what the system does not tell of (network drives, links into other folders) is seen at
//! the next slow look. Does not do: read a file.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How soon a change is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Quiet after a change, so that all files of a set are there; ten times that is waited at most.
    pub settle: Duration,
    /// Between two looks that nothing asked for: at links, network drives and whatever else changes untold.
    pub poll: Duration,
}

/// Looks again and again, on a thread of its own, until it is dropped.
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

/// Whether a folder was not watched before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Known,
    New,
}

/// What is watched.
struct Folders {
    paths: BTreeSet<PathBuf>,
    /// None when the system has no more to give: the slow look remains.
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches the folders of `files`, and calls `look` on a thread called `name`: at once, after changes, and each
    /// [`Pace::poll`]. `look` gives the files whose folders are watched from then on.
    ///
    /// # Errors
    /// When the thread cannot be started. A system that does not tell of changes is none: the slow look remains.
    pub fn start(
        name: &str,
        files: impl IntoIterator<Item = PathBuf>,
        pace: Pace,
        mut look: impl FnMut() -> Vec<PathBuf> + Send + 'static,
    ) -> io::Result<Self> {
        let (wake, wakes) = mpsc::channel();
        let mut folders = Folders::new(name, wake.clone());
        folders.watch(files);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                loop {
                    // First at what has changed since the start; again where a folder was not watched yet.
                    while folders.watch(look()) == Found::New {}
                    match wakes.recv_timeout(pace.poll) {
                        Ok(Wake::Changed) => {
                            if !settled(&wakes, pace.settle) {
                                return;
                            }
                        }
                        Err(RecvTimeoutError::Timeout) => folders.forget(), // one may be new under its name
                        Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
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

impl Folders {
    fn new(name: &str, wake: Sender<Wake>) -> Self {
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_reading(event.kind)) {
                return; // our own, mostly
            }
            wake.send(Wake::Changed).ok(); // the thread may have ended
        };
        let watcher = notify::recommended_watcher(told)
            .inspect_err(|error| {
                tracing::warn!(
                    watched = name,
                    "changed files are noticed by a slow look alone: {error}"
                );
            })
            .ok();
        Self {
            paths: BTreeSet::new(),
            watcher,
        }
    }

    /// Watches the folders of `files`, and no others.
    fn watch(&mut self, files: impl IntoIterator<Item = PathBuf>) -> Found {
        let Some(watcher) = &mut self.watcher else {
            return Found::Known;
        };
        let wanted: BTreeSet<_> = files.into_iter().map(|file| folder(&file)).collect();
        for path in self.paths.difference(&wanted) {
            watcher.unwatch(path).ok(); // it may no longer be there
        }
        let mut found = Found::Known;
        let mut watched = BTreeSet::new();
        for path in wanted {
            if !self.paths.contains(&path) {
                if let Err(error) = watcher.watch(&path, RecursiveMode::NonRecursive) {
                    tracing::debug!(folder = %path.display(), "not watched until the next look: {error}");
                    continue;
                }
                found = Found::New;
            }
            watched.insert(path);
        }
        self.paths = watched;
        found
    }

    /// Watches nothing, so that what is now under each name is watched next.
    fn forget(&mut self) {
        self.watch([]);
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

    use std::fs;

    use super::*;

    /// Looks soon, and by itself never within a test.
    const TOLD: Pace = Pace {
        settle: Duration::from_millis(10),
        poll: Duration::from_secs(3600),
    };

    /// Only a failed test waits for so long.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn a_folder_that_a_look_names_is_watched_from_then_on() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, two] = folders.each_ref().map(|folder| folder.path().join("file"));
        let (looks, looked) = mpsc::channel();
        let next = two.clone();
        let look = move || {
            looks.send(next.exists()).unwrap();
            vec![next.clone()]
        };
        let _watch = Watch::start("test", [one], TOLD, look).unwrap();
        assert!(!looked.recv_timeout(DEADLINE).unwrap(), "the first look");
        fs::write(&two, "").unwrap();
        while !looked.recv_timeout(DEADLINE).unwrap() {}
    }

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
