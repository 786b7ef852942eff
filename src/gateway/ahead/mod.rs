//! What was read of a request body before the application sees its request: first in memory, then in a temporary file.
//!
//! Guarantees: bytes come out in the order in which they went in, each once; what is held in memory is reserved, except
//! for the frame in hand and the small chunks of a file when the budget is used up. Frames are copied, since a slice of
//! a few bytes would keep a whole read buffer of hyper's alive (8 to 64 KiB).
//! Does not do: read from the client.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};

use super::spool::{Lost, Spool, Spooler};
use crate::memory::{Budget, Reserved};

/// How far a body is read ahead, and into what.
#[derive(Debug)]
pub(super) struct Bounds<'g> {
    /// Bytes in memory.
    pub(super) memory: usize,
    /// Bytes in a file, behind those in memory; 0 for no file.
    pub(super) spool: usize,
    /// The bound of all memory.
    pub(super) budget: &'g Arc<Budget>,
    /// The way to the disk.
    pub(super) spooler: &'g Rc<Spooler>,
}

/// Whether more may be read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// All is used.
    Full,
    /// There is some.
    More,
}

/// Bytes that were read ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The first ones.
    memory: VecDeque<Bytes>,
    /// Behind them; None while there is none.
    spooled: Option<Box<Spooled>>,
    /// Behind that: what no longer went into the file, or into any.
    last: VecDeque<Bytes>,
    /// What goes on filling up: the end of `memory`, or a chunk on its way to the file.
    filling: Filling,
    stage: Stage,
    /// Bytes in memory, full or not, of those that are to be in memory.
    segments: usize,
    /// Bytes of all there is.
    length: u64,
    reserved: Option<Reserved>,
}

/// Where the next bytes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Memory,
    Spool,
    /// Nowhere.
    Over,
}

/// A buffer with its capacity, which may be less than the system gave it.
#[derive(Debug, Default)]
struct Filling {
    bytes: BytesMut,
    capacity: usize,
}

/// The file, and what went into it.
#[derive(Debug)]
struct Spooled {
    spool: Spool,
    /// Bytes that are written, or read back, at a time.
    chunk: usize,
    /// Bytes that may still follow.
    left: usize,
}

impl Ahead {
    /// Bytes that are still here.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Whether all is read.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Keeps a whole body that came in one piece, as it is: it lies in hyper's own read buffer.
    pub(super) fn keep(&mut self, body: Bytes, bounds: &Bounds<'_>) {
        self.length += body.len() as u64;
        self.hold(body, bounds);
    }

    /// Adds what was read; all of it is kept, also when there is no more room then. `announced` is the number of bytes
    /// that follow at most. Not to be called again after [`Room::Full`] or [`Ahead::close`].
    pub(super) async fn push(
        &mut self,
        mut data: Bytes,
        announced: Option<u64>,
        bounds: &Bounds<'_>,
    ) -> Room {
        self.length += data.len() as u64;
        if self.stage == Stage::Memory {
            self.fill_memory(&mut data, announced, bounds);
        }
        if self.stage == Stage::Spool {
            self.fill_spool(&mut data).await;
        }
        if !data.is_empty() {
            self.close();
            self.hold(data, bounds);
        }
        match self.stage {
            Stage::Memory | Stage::Spool => Room::More,
            Stage::Over => Room::Full,
        }
    }

    /// No more is added.
    pub(super) fn close(&mut self) {
        let filled = self.filling.take();
        if !filled.is_empty() {
            match self.spooled {
                None => self.memory.push_back(filled),
                Some(_) => self.last.push_back(filled),
            }
        }
        self.stage = Stage::Over;
    }

    /// The next bytes; None at the end. Not to be called before [`Ahead::close`].
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        let next = match self.memory.pop_front() {
            Some(data) => Some(Ok(data)),
            None => ready!(self.poll_behind(cx)),
        };
        if self.memory.is_empty() {
            self.give_back(self.segments);
            self.segments = 0;
        }
        match &next {
            Some(Ok(data)) => self.length -= data.len() as u64,
            Some(Err(Lost)) | None => self.length = 0,
        }
        if self.is_empty() {
            self.reserved = None;
        }
        Poll::Ready(next)
    }

    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Lost>>> {
        if let Some(spooled) = &mut self.spooled {
            match ready!(spooled.spool.poll_read(cx, spooled.chunk)) {
                Some(read) => return Poll::Ready(Some(read)),
                None => self.spooled = None,
            }
        }
        Poll::Ready(self.last.pop_front().map(Ok))
    }

    /// Copies as much of `data` as may be in memory, then goes on to the next stage if something is left or would be.
    fn fill_memory(&mut self, data: &mut Bytes, announced: Option<u64>, bounds: &Bounds<'_>) {
        loop {
            self.filling.fill(data);
            let room = bounds.memory - self.segments;
            if data.is_empty() && (room > 0 || !self.filling.is_full()) {
                return;
            }
            let expected = announced
                .and_then(|announced| usize::try_from(announced).ok())
                .map_or(SEGMENT, |announced| announced.saturating_add(data.len()));
            let size = SEGMENT.min(room).min(expected);
            if size == 0 || !self.reserve(size, bounds) {
                break;
            }
            self.segments += size;
            let filled = self.filling.replace(size);
            self.memory.extend((!filled.is_empty()).then_some(filled));
        }
        let filled = self.filling.take();
        self.memory.extend((!filled.is_empty()).then_some(filled));
        self.begin_spool(bounds);
    }

    fn begin_spool(&mut self, bounds: &Bounds<'_>) {
        self.stage = match bounds.spool {
            0 => Stage::Over,
            left => {
                // One chunk is written while another may be read back.
                let chunk = match self.reserve(2 * CHUNK, bounds) {
                    true => CHUNK,
                    false => CHUNK_WITHOUT_BUDGET,
                };
                let spool = Spool::new(Rc::clone(bounds.spooler));
                self.spooled = Some(Box::new(Spooled { spool, chunk, left }));
                Stage::Spool
            }
        };
    }

    /// Gathers chunks of `data`, and writes each that is full when more follows.
    async fn fill_spool(&mut self, data: &mut Bytes) {
        while let Some(spooled) = &mut self.spooled {
            self.filling.fill(data);
            if data.is_empty() && (spooled.left > 0 || !self.filling.is_full()) {
                return;
            }
            if spooled.left == 0 {
                break;
            }
            let filled = self.filling.take();
            if !filled.is_empty() && spooled.spool.write(&filled).await.is_err() {
                self.last.push_back(filled);
                break;
            }
            let size = spooled.chunk.min(spooled.left);
            spooled.left -= size;
            self.filling.replace(size);
        }
        self.close();
    }

    /// Keeps `data` as it is, whatever the budget says: it is in hand.
    fn hold(&mut self, data: Bytes, bounds: &Bounds<'_>) {
        // Without a reservation it is the one frame of this request that is not counted.
        let _granted = self.reserve(data.len(), bounds);
        self.last.push_back(data);
    }

    fn reserve(&mut self, more: usize, bounds: &Bounds<'_>) -> bool {
        match &mut self.reserved {
            Some(reserved) => reserved.grow(more),
            None => {
                self.reserved = bounds.budget.take(more);
                self.reserved.is_some()
            }
        }
    }

    fn give_back(&mut self, less: usize) {
        if let Some(reserved) = &mut self.reserved {
            reserved.shrink(less);
        }
    }
}

impl Filling {
    fn is_full(&self) -> bool {
        self.bytes.len() >= self.capacity
    }

    /// Takes as much of `data` as there is room for.
    fn fill(&mut self, data: &mut Bytes) {
        let taken = data.len().min(self.capacity - self.bytes.len());
        self.bytes.extend_from_slice(&data[..taken]);
        data.advance(taken);
    }

    /// What is in it; it has no capacity any more.
    fn take(&mut self) -> Bytes {
        self.replace(0)
    }

    /// What is in it; it has another capacity from now on.
    fn replace(&mut self, capacity: usize) -> Bytes {
        self.capacity = capacity;
        std::mem::replace(&mut self.bytes, BytesMut::with_capacity(capacity)).freeze()
    }
}

/// What memory grows by.
const SEGMENT: usize = 16 * 1024;
/// What is written to a file, and read back, at a time.
const CHUNK: usize = 32 * 1024;
/// As [`CHUNK`], when no memory is left: as much as hyper has for any connection.
const CHUNK_WITHOUT_BUDGET: usize = 8 * 1024;

#[cfg(test)]
mod tests;
