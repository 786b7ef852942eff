//! The application: it reads by the letter, writes down what it gets, and answers when it has all of it.
//!
//! Guarantees: what is not exactly one well-formed request at a time is an objection; each request is known by the client
//! address in X-Forwarded-For.
//! Does not do: compare with what the client sent; `check` does.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::wire::{self, Field, shown, shown_fields};

/// A listening application.
pub(super) struct Application {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

/// A request as the application got it.
#[derive(Clone)]
pub(super) struct Seen {
    /// Said in the answer's `X-Seen`.
    pub(super) number: usize,
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) fields: Vec<Field>,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
    pub(super) client: Ipv4Addr,
}

/// What one client's requests were like.
#[derive(Debug)]
pub(super) struct Account {
    /// Its requests, in order of arrival.
    pub(super) requests: Vec<Seen>,
    /// What was not HTTP as it should be, whoever sent it.
    pub(super) objections: Vec<String>,
}

#[derive(Default)]
struct Log {
    count: usize,
    requests: Vec<Seen>,
    objections: Vec<String>,
}

/// Reads from a connection, and holds what was read too far.
struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Why a connection is not read further.
enum Stop {
    /// The proxy has closed it.
    Closed,
    /// It is not well formed.
    Objection(String),
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("number", &self.number)
            .field("method", &shown(&self.method))
            .field("target", &shown(&self.target))
            .field("fields", &shown_fields(&self.fields))
            .field("body", &shown(&self.body))
            .field("whole", &self.whole)
            .finish()
    }
}

impl Application {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let log = Arc::<Mutex<Log>>::default();
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        Self { address, log }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came from one client; what came late from those before it is forgotten.
    pub(super) fn take(&self, client: Ipv4Addr) -> Account {
        let mut log = lock(&self.log);
        let mut requests = std::mem::take(&mut log.requests);
        requests.retain(|seen| seen.client == client);
        Account {
            requests,
            objections: std::mem::take(&mut log.objections),
        }
    }
}

fn serve(stream: TcpStream, log: &Mutex<Log>) {
    stream.set_nodelay(true).ok();
    let mut reader = Reader {
        stream,
        buffer: Vec::new(),
    };
    loop {
        match reader.request(log) {
            Ok(number) if reader.answer(number, log) => {}
            Ok(_) | Err(Stop::Closed) => return,
            Err(Stop::Objection(what)) => {
                lock(log).objections.push(what);
                return;
            }
        }
    }
}

impl Reader {
    /// Reads one request, and its number in the log.
    fn request(&mut self, log: &Mutex<Log>) -> Result<usize, Stop> {
        let seen = self.head()?;
        let framing = framing(&seen.fields)?;
        let number = {
            let mut log = lock(log);
            log.count += 1;
            let number = log.count;
            log.requests.push(Seen { number, ..seen });
            number
        };
        match framing {
            Framing::Length(length) => self.data(length, number, log)?,
            Framing::Chunked => loop {
                let size = self.line()?;
                let size =
                    wire::number(&size, 16).ok_or_else(|| objection("a chunk size", &size))?;
                if size == 0 {
                    self.end_of_line("a trailer")?;
                    break;
                }
                self.data(size, number, log)?;
                self.end_of_line("a chunk's end")?;
            },
        }
        if !self.buffer.is_empty() {
            return Err(objection("bytes behind a request", &self.buffer));
        }
        change(log, number, |seen| seen.whole = true);
        Ok(number)
    }

    fn head(&mut self) -> Result<Seen, Stop> {
        let first = self.line()?;
        let parts: Vec<&[u8]> = first.split(|byte| *byte == b' ').collect();
        let [method, target, b"HTTP/1.1"] = parts[..] else {
            return Err(objection("a request line", &first));
        };
        let is_target = target.starts_with(b"/")
            && target
                .iter()
                .all(|byte| matches!(byte, b'!'..=b'~' | 0x80..));
        if !wire::is_token(method) || !is_target {
            return Err(objection("a request line", &first));
        }
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            fields.push(wire::field(&line).ok_or_else(|| objection("a field", &line))?);
        }
        let client = client(&fields)?;
        let (method, target) = (method.to_vec(), target.to_vec());
        Ok(Seen {
            number: 0,
            method,
            target,
            fields,
            body: Vec::new(),
            whole: false,
            client,
        })
    }

    /// A line up to CRLF, in which neither stands alone.
    fn line(&mut self) -> Result<Vec<u8>, Stop> {
        loop {
            if let Some((line, behind)) = wire::line(&self.buffer) {
                let (line, behind) = (line.to_vec(), behind.to_vec());
                self.buffer = behind;
                if line.contains(&b'\n') || line.contains(&b'\r') {
                    return Err(objection("a line with a CR or LF alone", &line));
                }
                return Ok(line);
            }
            self.fill()?;
        }
    }

    fn end_of_line(&mut self, what: &str) -> Result<(), Stop> {
        let line = self.line()?;
        if line.is_empty() {
            Ok(())
        } else {
            Err(objection(what, &line))
        }
    }

    /// Adds bytes of a body to the log as they come.
    fn data(&mut self, length: u64, number: usize, log: &Mutex<Log>) -> Result<(), Stop> {
        let mut left = usize::try_from(length).unwrap_or(usize::MAX);
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill()?;
            }
            let some: Vec<u8> = self.buffer.drain(..left.min(self.buffer.len())).collect();
            left -= some.len();
            change(log, number, |seen| seen.body.extend_from_slice(&some));
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Stop> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()), // libFuzzer's alarm
            Ok(0) | Err(_) => Err(Stop::Closed),
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(())
            }
        }
    }

    /// Answers, now with a length and now in chunks; whether the proxy takes it.
    fn answer(&mut self, number: usize, log: &Mutex<Log>) -> bool {
        let mut head = false;
        change(log, number, |seen| head = seen.method == b"HEAD");
        let (framing, body) = match (number % 2, head) {
            (0, false) => ("Content-Length: 4", "seen"),
            (_, false) => ("Transfer-Encoding: chunked", "4\r\nseen\r\n0\r\n\r\n"),
            (_, true) => ("Content-Length: 4", ""),
        };
        let answer = format!("HTTP/1.1 200 OK\r\nX-Seen: {number}\r\n{framing}\r\n\r\n{body}");
        self.stream.write_all(answer.as_bytes()).is_ok()
    }
}

enum Framing {
    Chunked,
    Length(u64),
}

/// Exactly one way to say how long the body is, or none.
fn framing(fields: &[Field]) -> Result<Framing, Stop> {
    let codings = wire::values(fields, "transfer-encoding");
    let lengths = wire::values(fields, "content-length");
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Framing::Length(0)),
        ([], [length]) => {
            let length = wire::number(length, 10).ok_or_else(|| objection("a length", length))?;
            Ok(Framing::Length(length))
        }
        ([b"chunked"], []) => Ok(Framing::Chunked),
        _ => Err(Stop::Objection(format!(
            "two framings: {codings:?} and {lengths:?}"
        ))),
    }
}

/// Whom X-Forwarded-For names, which has to be there once.
fn client(fields: &[Field]) -> Result<Ipv4Addr, Stop> {
    let values = wire::values(fields, "x-forwarded-for");
    let client = match &values[..] {
        [value] => std::str::from_utf8(value)
            .ok()
            .and_then(|value| value.parse().ok()),
        _ => None,
    };
    client.ok_or_else(|| Stop::Objection(format!("X-Forwarded-For: {values:?}")))
}

fn objection(what: &str, bytes: &[u8]) -> Stop {
    Stop::Objection(format!("{what}: \"{}\"", shown(bytes)))
}

fn change(log: &Mutex<Log>, number: usize, change: impl FnOnce(&mut Seen)) {
    if let Some(seen) = lock(log)
        .requests
        .iter_mut()
        .find(|seen| seen.number == number)
    {
        change(seen);
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
