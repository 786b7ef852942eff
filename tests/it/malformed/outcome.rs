//! What a client sees of one row: the answers, and whether its connection is kept.
//!
//! Does not do: judge; `rules` does. Nothing waits longer than [`DEADLINE`].

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use super::recorder::Message;
use crate::support::{DEADLINE, Framing, Head, Wire};

/// What became of one row.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    pub(crate) ending: Ending,
    pub(crate) forwarded: Vec<Message>,
}

/// One final answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What of it is no valid HTTP.
    pub(crate) problem: Option<String>,
}

/// What happened to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    /// Neither an answer nor an end within the deadline.
    Hung,
    /// Another request was answered on it.
    Kept,
}

impl Outcome {
    /// Whether nothing of it reached the application and nobody was told that it did.
    pub(crate) fn is_refusal(&self) -> bool {
        self.forwarded.is_empty() && self.answers.iter().all(|answer| answer.status >= 400)
    }
}

/// Sends `bytes` on a new connection and, after the first answer, another request that tells whether it was kept.
pub(crate) fn ask(address: SocketAddr, bytes: &[u8]) -> (Vec<Answer>, Ending) {
    let stream = TcpStream::connect(address).expect("the proxy listens");
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    let mut wire = Wire::new(stream);
    let mut answers = Vec::new();
    drop(wire.send(bytes)); // a proxy that has seen enough may have closed
    let mut methods = vec![method(bytes)];
    loop {
        let head = match wire.head() {
            Ok(Some(head)) => head,
            Ok(None) => return (answers, Ending::Closed),
            Err(error) if is_late(error.kind()) => return (answers, Ending::Hung),
            Err(_) => {
                answers.extend((!wire.take_unread().is_empty()).then(|| Answer {
                    status: 0,
                    problem: Some("no header section".to_owned()),
                }));
                return (answers, Ending::Closed);
            }
        };
        if (100..200).contains(&head.status()) && head.status() != 101 {
            continue;
        }
        let framing = head.response_framing(&methods.pop().unwrap_or_default());
        let mut body = Vec::new();
        let read = wire.body(framing, &mut body);
        if body == PROBE.as_bytes() {
            return (answers, Ending::Kept);
        }
        let problem = problem(&head, framing).or_else(|| read.err().map(|error| error.to_string()));
        if answers.is_empty() {
            drop(wire.send(request(PROBE)));
        }
        answers.push(Answer {
            status: head.status(),
            problem,
        });
    }
}

/// A request that nothing is wrong with.
pub(crate) fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

fn method(bytes: &[u8]) -> String {
    let line = bytes.trim_ascii_start();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
    String::from_utf8_lossy(&line[..end]).into_owned()
}

fn problem(head: &Head, framing: Framing) -> Option<String> {
    let version = head.start.get(..9);
    if !matches!(version, Some("HTTP/1.1 " | "HTTP/1.0 ")) || head.status() < 200 {
        return Some(format!("status line {:?}", head.start));
    }
    let lengths = head.all("content-length").len();
    let codings = head.all("transfer-encoding").len();
    if lengths + codings > 1 {
        return Some("framed in more than one way".to_owned());
    }
    let closes = head
        .all("connection")
        .iter()
        .any(|value| value.eq_ignore_ascii_case("close"));
    (framing == Framing::UntilClose && !closes).then(|| "framed by nothing".to_owned())
}

fn is_late(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The target of the request that follows a row.
pub(crate) const PROBE: &str = "/probe";
