//! The response's read-ahead: a bounded pipe between the application's pace and the client's.
//!
//! Guarantees: bytes in order, each once; the reader sees an end only if the writer gave one; a writer that is dropped
//! without an end is an error for the reader, so that a cut response never looks whole. Local to one core.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::memory::{Budget, Reserved};

/// The response body as hyper sends it to the client.
#[derive(Debug)]
pub enum ClientBody {
    /// All of it is here; none when it is empty.
    Whole(Option<Bytes>),
    /// It follows.
    Piped(PipeReader),
}

/// The writing end, held by the exchange.
#[derive(Debug)]
pub(super) struct PipeWriter(Rc<RefCell<State>>);

/// The reading end, held by hyper.
#[derive(Debug)]
pub struct PipeReader(Rc<RefCell<State>>);

/// The response was cut off: the application, a time limit or an operator ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response was cut off")]
pub struct Cut;

/// What the client's end of a pipe does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The client has left.
    Closed,
    /// The buffer is full.
    Full,
    /// There is room.
    Open,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Bytes>,
    length: usize,
    capacity: usize,
    reserved: Option<Reserved>,
    end: End,
    reader_left: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How the body ends, as far as the reader may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was cut off; what came before may still be on its way to the client.
    Cut,
    /// It was cut off, and what came before had its turn to be written.
    CutAfterWriting,
    /// It has not ended.
    NotYet,
    /// It ended as it should.
    Whole,
}

/// Makes a pipe that holds up to `capacity` bytes, or one frame when `budget` is used up.
pub(super) fn pipe(capacity: usize, budget: &Arc<Budget>) -> (PipeWriter, PipeReader) {
    let state = Rc::new(RefCell::new(State {
        frames: VecDeque::new(),
        length: 0,
        capacity,
        reserved: budget.take(0),
        end: End::NotYet,
        reader_left: false,
        reader: None,
        writer: None,
    }));
    (PipeWriter(Rc::clone(&state)), PipeReader(state))
}

impl PipeWriter {
    /// Adds a frame, whatever its length; the caller waits for room before the next one.
    pub(super) fn push(&self, frame: Bytes) -> Flow {
        let mut state = self.0.borrow_mut();
        if state.reader_left {
            return Flow::Closed;
        }
        // A small slice that has to wait would keep its whole read buffer alive.
        let frame = if state.frames.is_empty() || frame.len() > COPY_MAX {
            frame
        } else {
            Bytes::copy_from_slice(&frame)
        };
        state.length += frame.len();
        let more = frame.len();
        let granted = state
            .reserved
            .as_mut()
            .is_some_and(|reserved| reserved.grow(more));
        if !granted {
            state.capacity = 0; // no memory left for read-ahead: frame by frame from now on
        }
        state.frames.push_back(frame);
        wake(&mut state.reader);
        state.flow()
    }

    /// How the client's end is, without waiting.
    pub(super) fn flow(&self) -> Flow {
        self.0.borrow().flow()
    }

    /// Waits until there is room or the client has left; never gives [`Flow::Full`]. Cancel safe.
    pub(super) async fn room(&self) -> Flow {
        std::future::poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            match state.flow() {
                Flow::Full => {
                    state.writer = Some(cx.waker().clone());
                    Poll::Pending
                }
                flow => Poll::Ready(flow),
            }
        })
        .await
    }

    /// Gives the reader its end, once it has read everything.
    pub(super) fn finish(self) {
        self.0.borrow_mut().end = End::Whole;
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        if state.end == End::NotYet {
            state.end = End::Cut;
        }
        wake(&mut state.reader);
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.reader_left = true;
        state.frames = VecDeque::new();
        state.reserved = None;
        wake(&mut state.writer);
    }
}

impl State {
    fn flow(&self) -> Flow {
        if self.reader_left {
            Flow::Closed
        } else if self.length > 0 && self.length >= self.capacity {
            Flow::Full
        } else {
            Flow::Open
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if let Some(frame) = self.frames.pop_front() {
            self.length -= frame.len();
            if let Some(reserved) = &mut self.reserved {
                reserved.shrink(frame.len());
            }
            wake(&mut self.writer);
            return Poll::Ready(Some(Ok(frame)));
        }
        match self.end {
            End::NotYet => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            // Upon an error hyper drops the connection with all that it has not written, the headers included: a client
            // without any answer may send its request again. While a body is pending hyper writes.
            End::Cut => {
                self.end = End::CutAfterWriting;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::CutAfterWriting => Poll::Ready(Some(Err(Cut))),
            End::Whole => Poll::Ready(None),
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Piped(reader) => reader
                .0
                .borrow_mut()
                .poll(cx)
                .map(|frame| frame.map(|frame| frame.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Piped(reader) => {
                let state = reader.0.borrow();
                state.frames.is_empty() && state.end == End::Whole
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Piped(_) => SizeHint::default(),
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Frames up to this size are copied when they have to wait.
const COPY_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn read(reader: PipeReader) -> Result<Bytes, Cut> {
        let collected = ClientBody::Piped(reader).collect();
        tokio_test::block_on(collected).map(http_body_util::Collected::to_bytes)
    }

    #[test]
    fn bytes_come_out_in_order_and_end() {
        let (writer, reader) = pipe(10, &Budget::new(100));
        assert_eq!(writer.push(Bytes::from_static(b"one ")), Flow::Open);
        assert_eq!(writer.push(Bytes::from_static(b"two three")), Flow::Full);
        writer.finish();
        assert_eq!(read(reader).unwrap(), "one two three");
    }

    #[test]
    fn a_writer_that_goes_without_an_end_is_an_error_for_the_reader() {
        let (writer, reader) = pipe(10, &Budget::new(100));
        writer.push(Bytes::from_static(b"half"));
        drop(writer);
        assert_eq!(read(reader), Err(Cut));
    }

    #[test]
    fn a_full_pipe_has_room_when_the_client_reads_and_closes_when_it_leaves() {
        let (writer, mut reader) = pipe(4, &Budget::new(100));
        assert_eq!(writer.push(Bytes::from_static(b"full")), Flow::Full);
        let mut room = tokio_test::task::spawn(writer.room());
        assert!(room.poll().is_pending());
        let mut next =
            tokio_test::task::spawn(std::future::poll_fn(|cx| reader.0.borrow_mut().poll(cx)));
        assert!(next.poll().is_ready());
        drop(next);
        assert!(room.is_woken());
        assert_eq!(room.poll(), Poll::Ready(Flow::Open));
        drop(room);
        reader = {
            drop(reader);
            pipe(1, &Budget::new(1)).1
        };
        assert_eq!(writer.push(Bytes::from_static(b"more")), Flow::Closed);
        drop(reader);
    }

    #[test]
    fn without_memory_for_read_ahead_the_pipe_goes_frame_by_frame() {
        let budget = Budget::new(5);
        let (writer, reader) = pipe(1000, &budget);
        assert_eq!(writer.push(Bytes::from_static(b"12345")), Flow::Open);
        assert_eq!(writer.push(Bytes::from_static(b"6")), Flow::Full);
        drop(reader);
        assert!(budget.take(5).is_some(), "the memory is given back");
        drop(writer);
    }
}
