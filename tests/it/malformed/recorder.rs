//! An application that records every byte it gets, reads it as strictly as RFC 9112 is written, and answers 200 with the
//! target as its body.
//!
//! One thread looks at all connections in turn. So there is a moment after which everything that a proxy had sent has
//! been seen: when a whole turn has passed.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::outcome::{PROBE, ask, request};
use crate::support::eventually;

/// A running recording application.
#[derive(Debug)]
pub(crate) struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// One request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether its body came to its end.
    pub(crate) whole: bool,
    /// Why it is no valid request.
    pub(crate) problem: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
    /// How many of them have been asked for.
    taken: AtomicUsize,
    turns: AtomicUsize,
    ends: AtomicBool,
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    /// The message whose body is being read: its index, and where its body begins.
    body: Option<(usize, Body)>,
}

/// How the rest of a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Chunked,
    Fixed(usize),
}

impl Message {
    /// The values of the header `name`.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// With `application` for its address, which is another one in each run.
    fn without(mut self, address: SocketAddr) -> Self {
        for (_, value) in &mut self.headers {
            *value = value.replace(&address.to_string(), "application");
        }
        self
    }

    fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || turn_by_turn(&listener, &seen));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived since the last call and until now, through the proxy at `proxy`, which must be able to serve.
    #[track_caller]
    pub(crate) fn since_last(&self, proxy: SocketAddr) -> Vec<Message> {
        let bytes = request(BARRIER).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let (answers, _) = ask(proxy, bytes.as_bytes());
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200], "the proxy still serves");
        let turns = || self.shared.turns.load(Ordering::SeqCst);
        let before = turns();
        eventually("a whole turn has passed", || turns() >= before + 2);
        let messages = self.shared.messages.lock().unwrap();
        let taken = self.shared.taken.swap(messages.len(), Ordering::SeqCst);
        let own = |message: &&Message| ![PROBE, BARRIER].contains(&message.target());
        let own = messages[taken..].iter().filter(own).cloned();
        own.map(|message| message.without(self.address)).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the recorder does not panic");
        }
    }
}

fn turn_by_turn(listener: &TcpListener, shared: &Shared) {
    let mut connections: Vec<Connection> = Vec::new();
    while !shared.ends.load(Ordering::SeqCst) {
        let mut busy = false;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            connections.push(Connection {
                stream,
                unread: Vec::new(),
                body: None,
            });
        }
        connections.retain_mut(|connection| {
            let before = connection.unread.len();
            let open = connection.read();
            busy |= connection.unread.len() > before;
            connection.advance(&mut shared.messages.lock().unwrap()) && open
        });
        shared.turns.fetch_add(1, Ordering::SeqCst);
        if !busy {
            std::thread::park_timeout(PAUSE);
        }
    }
}

impl Connection {
    /// Whether it is still open.
    fn read(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return false,
                Ok(length) => self.unread.extend_from_slice(&piece[..length]),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Reads all whole messages; whether the connection is to be kept.
    fn advance(&mut self, messages: &mut Vec<Message>) -> bool {
        loop {
            let Some((index, body)) = self.body else {
                let Some(end) = find(&self.unread, b"\r\n\r\n") else {
                    return true;
                };
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                let (message, body) = strictly(&head[..end]);
                let valid = message.problem.is_none();
                messages.push(message);
                if !valid {
                    self.answer("malformed");
                    return false;
                }
                self.body = Some((messages.len() - 1, body));
                continue;
            };
            let message = &mut messages[index];
            match body_end(&self.unread, body) {
                Ok(None) => return true,
                Ok(Some(end)) => {
                    self.unread.drain(..end);
                    self.body = None;
                    message.whole = true;
                    let target = message.target().to_owned();
                    self.answer(&target);
                }
                Err(problem) => {
                    message.problem = Some(problem);
                    self.answer("malformed");
                    return false;
                }
            }
        }
    }

    /// Answers 200 to whatever it is: what a proxy answers by itself is then never 200.
    fn answer(&mut self, body: &str) {
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        // Short enough for any send buffer; a proxy that has closed needs none.
        drop(self.stream.write_all(answer.as_bytes()));
    }
}

/// Reads a header section as RFC 9112 has it, without any of the leniency it permits.
fn strictly(head: &[u8]) -> (Message, Body) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut message = Message {
        line: lines.next().unwrap_or_default().to_owned(),
        ..Message::default()
    };
    let mut problem = (!is_request_line(&message.line)).then(|| "request line".to_owned());
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, "\0"));
        if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(is_control) {
            problem.get_or_insert_with(|| format!("header line {line:?}"));
        }
        message
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (lengths, codings) = (
        message.all("content-length"),
        message.all("transfer-encoding"),
    );
    let body = match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Body::Fixed(0),
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Body::Fixed(length.parse().unwrap_or(usize::MAX))
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Body::Chunked,
        _ => {
            problem.get_or_insert_with(|| format!("framing {lengths:?} {codings:?}"));
            Body::Fixed(0)
        }
    };
    let old = message.line.ends_with(" HTTP/1.0");
    let hosts = message.all("host");
    match hosts.as_slice() {
        [host] if !host.is_empty() => {}
        [] if old => {}
        _ => {
            problem.get_or_insert_with(|| format!("Host {hosts:?}"));
        }
    }
    if old && !codings.is_empty() {
        problem.get_or_insert_with(|| "a coding in HTTP/1.0".to_owned());
    }
    message.problem = problem;
    (message, body)
}

/// One method, one target without blanks, controls or fragment, and the version, each one blank apart. Bytes above
/// ASCII are let pass, as no two readers take them apart differently.
fn is_request_line(line: &str) -> bool {
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = parts.as_slice() else {
        return false;
    };
    let absolute = target
        .split_once("://")
        .is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && !rest.starts_with('/'));
    let form = match *method {
        "CONNECT" => target.contains(':'),
        "OPTIONS" if *target == "*" => true,
        _ => target.starts_with('/') || absolute,
    };
    let plain = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'#';
    form && !method.is_empty() && method.bytes().all(is_token) && target.bytes().all(plain)
}

/// Where the body ends; None while it has not come to its end.
fn body_end(bytes: &[u8], body: Body) -> Result<Option<usize>, String> {
    let Body::Chunked = body else {
        let Body::Fixed(length) = body else {
            return Ok(None);
        };
        return Ok((bytes.len() >= length).then_some(length));
    };
    let mut at = 0;
    loop {
        let Some(line) = line_at(bytes, at) else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(line).unwrap_or_default();
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| hex);
        let Some(size) = size else {
            return Err(format!("chunk size {}", line.escape_ascii()));
        };
        at += line.len() + 2;
        if size == 0 {
            return Ok(trailers_end(bytes, at));
        }
        match bytes.get(at + size..at + size + 2) {
            None => return Ok(None),
            Some(b"\r\n") => at += size + 2,
            Some(_) => return Err("no end of a chunk".to_owned()),
        }
    }
}

/// Behind the empty line that ends the trailers, which are not looked at.
fn trailers_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = line_at(bytes, at)?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some(at);
        }
    }
}

/// The line that begins at `at`, without its CRLF; None while it has not come to its end.
fn line_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    find(rest, b"\r\n").map(|end| &rest[..end])
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

const BARRIER: &str = "/barrier";
const PAUSE: Duration = Duration::from_micros(200);
