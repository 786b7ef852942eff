//! HTTP/1.1 as bytes on a socket: just enough reading to observe, nothing that corrects.
//!
//! Does not do: judge what it reads. A header that must not be there is shown to the test as it came.

use std::io::{self, Read, Write};
use std::sync::Arc;

/// A connection and what was read from it but not yet used.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: Arc<S>,
    unread: Vec<u8>,
}

/// The start line and the header lines of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// `GET / HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub(crate) start: String,
    /// In the order of the wire, values without surrounding blanks; bytes that are not UTF-8 are replaced.
    pub(crate) headers: Vec<(String, String)>,
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Chunked,
    Fixed(usize),
    Nothing,
    UntilClose,
}

impl<S> Wire<S>
where
    for<'a> &'a S: Read + Write,
{
    pub(crate) fn new(stream: impl Into<Arc<S>>) -> Self {
        Self {
            stream: stream.into(),
            unread: Vec::new(),
        }
    }

    pub(crate) fn stream(&self) -> &Arc<S> {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> Arc<S> {
        self.stream
    }

    /// Writes all of `bytes`.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.as_ref().write_all(bytes.as_ref())
    }

    /// The next head; None when the other side closed before its first byte.
    pub(crate) fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Ok(Some(Head::read(&head)));
            }
            if self.more()? == 0 {
                return match self.unread.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads a body into `body`; what came before an error is there too. Returns the trailers.
    pub(crate) fn body(&mut self, framing: Framing, body: &mut Vec<u8>) -> io::Result<Head> {
        match framing {
            Framing::Chunked => return self.chunks(body),
            Framing::Fixed(length) => self.exactly(length, body)?,
            Framing::Nothing => {}
            Framing::UntilClose => self.until_end(body)?,
        }
        Ok(Head::default())
    }

    /// The next `length` bytes.
    pub(crate) fn exactly(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let mut missing = length;
        loop {
            let taken = missing.min(self.unread.len());
            into.extend(self.unread.drain(..taken));
            missing -= taken;
            if missing == 0 {
                return Ok(());
            }
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Everything until the other side closes.
    pub(crate) fn until_end(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        into.append(&mut self.unread);
        while self.more()? > 0 {
            into.append(&mut self.unread);
        }
        Ok(())
    }

    /// Reads on; 0 at the end of the stream.
    pub(crate) fn more(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let read = loop {
            match self.stream.as_ref().read(&mut piece) {
                // A process that was stopped for a while hears this of sockets with a timeout.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.unread.extend_from_slice(&piece[..read]);
        Ok(read)
    }

    /// What was read and not used.
    pub(crate) fn take_unread(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unread)
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<Head> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| io::Error::other(format!("not a chunk size: {line:?}")))?;
            if size == 0 {
                return self.trailers();
            }
            self.exactly(size, body)?;
            self.line()?;
        }
    }

    fn trailers(&mut self) -> io::Result<Head> {
        let mut trailers = Head::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(trailers);
            }
            trailers.headers.push(header(&line));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Head {
    /// The value of the first header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The values of all headers `name`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// How the body of this request is delimited.
    pub(crate) fn request_framing(&self) -> Framing {
        self.declared_framing().unwrap_or(Framing::Nothing)
    }

    /// How the body of this response to `method` is delimited (RFC 9112 section 6.3).
    pub(crate) fn response_framing(&self, method: &str) -> Framing {
        let status = self.status();
        if method == "HEAD" || (100..200).contains(&status) || status == 204 || status == 304 {
            return Framing::Nothing;
        }
        self.declared_framing().unwrap_or(Framing::UntilClose)
    }

    /// The status of a response; 0 when this is none.
    pub(crate) fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    fn declared_framing(&self) -> Option<Framing> {
        if self.header("transfer-encoding").is_some() {
            return Some(Framing::Chunked);
        }
        let length = self.header("content-length")?;
        Some(Framing::Fixed(length.parse().ok()?))
    }

    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        Self {
            start: lines.next().unwrap_or_default().to_owned(),
            headers: lines.map(header).collect(),
        }
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
