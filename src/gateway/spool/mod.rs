//! Temporary files for request bodies that memory has no room for.
//!
//! Guarantees: a file has no name, or loses it when it is closed, so that none is left behind on any path, the end of
//! the process included; all files together are bounded; a core's thread never waits for the disk; a file that cannot
//! be written is counted and warned of, and what it has is still read back. At most [`OPERATIONS`] threads are at work.
//! Does not do: decide what is written; `ahead` does.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::alarm::now;
use crate::memory::{Budget, Reserved};
use crate::metrics;

/// The place of all temporary files, and their bound (`limits.spool_disk`); shared by all cores.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    space: Arc<Budget>,
    slots: Arc<Semaphore>,
}

/// One core's way to the [`Disk`].
#[derive(Debug)]
pub(super) struct Spooler {
    disk: Arc<Disk>,
    metrics: Arc<metrics::Core>,
    /// When a fault was last warned of.
    warned: Cell<Option<Instant>>,
}

/// The temporary file of one body: written from its begin on, then read back once.
pub(super) struct Spool {
    spooler: Rc<Spooler>,
    file: Place,
    written: u64,
    read: u64,
}

/// Where the file is.
enum Place {
    /// Nowhere: there is none yet, it was lost, or it has been read to its end.
    Nowhere,
    /// Here.
    Here(TempFile),
    /// Still with an operation that was not waited for.
    Away(JoinHandle<(Option<TempFile>, io::Result<()>)>),
    /// Being read.
    Reading(Reading),
}

type Reading = Pin<Box<dyn Future<Output = io::Result<(Option<TempFile>, Bytes)>>>>;

/// Whether a piece is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Here,
    Later,
}

/// An open file, which goes to whoever works on it; None once it is closed.
struct TempFile(Option<Open>);

/// A file and its share of the space, which is free when the file is closed, and not before.
struct Open {
    file: File,
    space: Reserved,
    disk: Arc<Disk>,
}

/// Why a chunk was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The disk failed, which has been counted.
    Failed,
    /// All files together have what they may have.
    NoSpace,
}

/// What had been written could not be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Disk {
    /// Files in `folder`, of `limit` bytes together at most. Nothing is looked at before the first file is made.
    pub fn new(folder: PathBuf, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            folder,
            space: Budget::new(limit),
            slots: Arc::new(Semaphore::new(OPERATIONS)),
        })
    }

    /// Bytes that the files have at this moment.
    pub fn used(&self) -> usize {
        self.space.used()
    }
}

impl Spooler {
    pub(super) fn new(disk: Arc<Disk>, metrics: Arc<metrics::Core>) -> Rc<Self> {
        Rc::new(Self {
            disk,
            metrics,
            warned: Cell::new(None),
        })
    }

    fn fault(&self, error: &io::Error) {
        self.metrics.spool_error();
        let now = now();
        let warned = self.warned.get();
        if warned.is_none_or(|last| now.saturating_duration_since(last) >= WARN_EVERY) {
            self.warned.set(Some(now));
            tracing::warn!(
                %error,
                folder = %self.disk.folder.display(),
                "the temporary file of a request body failed; uploads go on without it and may hold their lanes \
                 (warned once a minute)"
            );
        }
    }
}

impl Spool {
    /// No file yet; the first write makes it.
    pub(super) fn new(spooler: Rc<Spooler>) -> Self {
        Self {
            spooler,
            file: Place::Nowhere,
            written: 0,
            read: 0,
        }
    }

    /// Bytes that are still to be read back.
    pub(super) fn left(&self) -> u64 {
        self.written - self.read
    }

    /// Writes `chunk` behind what was written. Not to be called after an error, or once reading has begun; dropping
    /// the future loses the file.
    ///
    /// # Errors
    /// [`Unwritten`]: the caller keeps the chunk; what was written before is still there.
    pub(super) async fn write(&mut self, chunk: &Bytes) -> Result<(), Unwritten> {
        let space = match &mut self.file {
            Place::Here(file) => file.grow(chunk.len()).then_some(None),
            _ => self.spooler.disk.space.take(chunk.len()).map(Some),
        };
        let space = space.ok_or(Unwritten::NoSpace)?;
        self.try_write(chunk.clone(), space)
            .await
            .map_err(|error| {
                self.spooler.fault(&error);
                Unwritten::Failed
            })?;
        self.written += chunk.len() as u64;
        Ok(())
    }

    async fn try_write(&mut self, chunk: Bytes, space: Option<Reserved>) -> io::Result<()> {
        let turn = timeout(TIMEOUT, turn(&self.spooler.disk)).await??;
        let mut file = match std::mem::replace(&mut self.file, Place::Nowhere) {
            Place::Here(file) => Some(file),
            _ => None,
        };
        let disk = Arc::clone(&self.spooler.disk);
        let mut running = spawn_blocking(move || {
            let outcome = TempFile::write(&mut file, space, &disk, &chunk);
            drop((chunk, turn));
            (file, outcome)
        });
        let Ok(outcome) = timeout(TIMEOUT, &mut running).await else {
            self.file = Place::Away(running);
            return Err(io::ErrorKind::TimedOut.into());
        };
        let (file, outcome) = outcome?;
        self.file = file.map_or(Place::Nowhere, Place::Here);
        outcome
    }

    /// The next bytes, `most` at a time; None at the end, when the file is gone.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Option<Result<Bytes, Lost>>> {
        let left = self.left();
        if left == 0 {
            self.file = Place::Nowhere;
            return Poll::Ready(None);
        }
        let (length, end) = match usize::try_from(left) {
            Ok(left) if left <= most => (left, End::Here),
            _ => (most, End::Later),
        };
        let mut reading = match std::mem::replace(&mut self.file, Place::Nowhere) {
            Place::Reading(reading) => reading,
            place => Box::pin(read(
                Arc::clone(&self.spooler.disk),
                place,
                self.read,
                length,
                end,
            )),
        };
        let Poll::Ready(outcome) = reading.as_mut().poll(cx) else {
            self.file = Place::Reading(reading);
            return Poll::Pending;
        };
        Poll::Ready(Some(match outcome {
            Ok((file, data)) => {
                self.read += data.len() as u64;
                self.file = file.map_or(Place::Nowhere, Place::Here);
                Ok(data)
            }
            Err(error) => {
                self.spooler.fault(&error);
                Err(Lost)
            }
        }))
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("written", &self.written)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

impl TempFile {
    /// Writes `data` behind what is in `file`, which is made with `space` when there is none. Blocks.
    fn write(
        file: &mut Option<Self>,
        space: Option<Reserved>,
        disk: &Arc<Disk>,
        data: &[u8],
    ) -> io::Result<()> {
        if let Some(space) = space {
            *file = Some(Self(Some(Open {
                file: tempfile::tempfile_in(&disk.folder)?,
                space,
                disk: Arc::clone(disk),
            })));
        }
        match file.as_mut().and_then(|file| file.0.as_mut()) {
            Some(open) => open.file.write_all(data),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Reads `length` bytes from `from` on; the file is closed behind the last. Blocks.
    fn read(mut self, from: u64, length: usize, end: End) -> io::Result<(Option<Self>, Bytes)> {
        let mut data = vec![0; length];
        let open = self.0.as_mut().ok_or(io::ErrorKind::NotFound)?;
        open.file.seek(SeekFrom::Start(from))?;
        open.file.read_exact(&mut data)?;
        let rest = match end {
            End::Here => {
                drop(self.0.take()); // here, where it may block
                None
            }
            End::Later => Some(self),
        };
        Ok((rest, data.into()))
    }

    /// Reserves `more` space; false when less is left.
    fn grow(&mut self, more: usize) -> bool {
        self.0.as_mut().is_some_and(|open| open.space.grow(more))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // The system gives the space of a large file back while it is closed, and that takes time.
        if let (Some(open), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn(async move {
                let turn = turn(&open.disk).await;
                spawn_blocking(move || drop((open, turn))).await
            }));
        }
    }
}

/// A turn at the disk.
async fn turn(disk: &Disk) -> io::Result<OwnedSemaphorePermit> {
    let slots = Arc::clone(&disk.slots);
    slots.acquire_owned().await.map_err(io::Error::other)
}

/// Reads the next piece of the file that is at `place`. The turn is waited for as long as the request may wait: only
/// a disk that hangs loses what it has.
async fn read(
    disk: Arc<Disk>,
    place: Place,
    from: u64,
    length: usize,
    end: End,
) -> io::Result<(Option<TempFile>, Bytes)> {
    let file = match place {
        Place::Here(file) => Some(file),
        Place::Away(running) => timeout(TIMEOUT, running).await??.0,
        Place::Nowhere | Place::Reading(_) => None,
    };
    let file = file.ok_or(io::ErrorKind::NotFound)?;
    let turn = turn(&disk).await?;
    let reading = spawn_blocking(move || {
        let outcome = file.read(from, length, end);
        drop(turn);
        outcome
    });
    timeout(TIMEOUT, reading).await??
}

/// Files that are worked on at a time, over all cores: a slow disk must not cost a thread for each upload.
const OPERATIONS: usize = 16;
/// A disk that takes longer for one piece is broken.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often one core warns of the disk.
const WARN_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
