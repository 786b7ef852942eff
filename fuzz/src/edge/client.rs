//! The client: it sends its bytes, waits for as many answers as they ask for, and leaves.
//!
//! Guarantees: an answer that is not well-formed, or does not come, is a panic.
//! Does not do: leave early; a client that has closed its side counts as gone, and its requests with it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::time::Duration;

use super::input::Input;
use super::proxy::{self, Proxy};
use super::reference::{Extent, Reference};
use super::wire::{self, shown};

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The application's number for the request; None when the proxy itself answered.
    pub(super) seen: Option<usize>,
}

/// Whether more may come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Ended,
    Open,
}

/// One conversation, to the end of the connection.
pub(super) fn converse(
    proxy: &Proxy,
    from: Ipv4Addr,
    input: &Input,
    reference: &Reference,
) -> Vec<Response> {
    let whole = reference
        .requests
        .iter()
        .filter(|request| request.extent == Extent::Whole);
    let wanted = whole.count();
    let mut stream = proxy::connect(from, proxy.address);
    let (mut at, mut open) = (0, true);
    for end in input.cuts.iter().copied().chain([input.bytes.len()]) {
        open = open && stream.write_all(&input.bytes[at..end]).is_ok();
        if end < input.bytes.len() {
            std::thread::park_timeout(PAUSE);
        }
        at = end;
    }
    let mut received = Vec::new();
    let mut leaving = false;
    loop {
        let (responses, _) = parse(&received, reference, Stream::Open);
        if !leaving && responses.len() >= wanted {
            stream.shutdown(Shutdown::Write).ok(); // the proxy may have left already
            leaving = true;
        }
        let mut bytes = [0; 16 * 1024];
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {} // libFuzzer's alarm
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "{} of {wanted} answers, and no more come: \"{}\"",
                    responses.len(),
                    shown(&received)
                );
            }
            Err(_) => break,
        }
    }
    let (responses, rest) = parse(&received, reference, Stream::Ended);
    assert!(rest.is_empty(), "not an answer: \"{}\"", shown(rest));
    responses
}

/// The final answers that are whole, and what is behind them.
fn parse<'b>(
    received: &'b [u8],
    reference: &Reference,
    stream: Stream,
) -> (Vec<Response>, &'b [u8]) {
    let mut responses = Vec::new();
    let mut rest = received;
    loop {
        let request = reference.requests.get(responses.len());
        let method = request.map(|request| &request.method);
        let is_head = method
            .or(reference.unframed.as_ref())
            .is_some_and(|method| method == b"HEAD");
        let Some((response, behind)) = response(rest, is_head, stream) else {
            return (responses, rest);
        };
        rest = behind;
        if response.status >= 200 {
            responses.push(response);
        }
    }
}

/// The first answer; None when it is not all there.
fn response(bytes: &[u8], is_head: bool, stream: Stream) -> Option<(Response, &[u8])> {
    let (first, mut rest) = wire::line(bytes)?;
    let status = first
        .strip_prefix(b"HTTP/1.")
        .and_then(|line| wire::number(line.get(2..5)?, 10));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let status = status.unwrap_or_else(|| panic!("a status line: \"{}\"", shown(first)));
    let mut fields = Vec::new();
    loop {
        let (line, behind) = wire::line(rest)?;
        rest = behind;
        if line.is_empty() {
            break;
        }
        let field = wire::field(line).unwrap_or_else(|| panic!("a field: \"{}\"", shown(line)));
        fields.push(field);
    }
    let seen = wire::values(&fields, "x-seen");
    let seen = seen.first().and_then(|value| wire::number(value, 10));
    let response = Response {
        status,
        seen: seen.and_then(|seen| usize::try_from(seen).ok()),
    };
    let codings = wire::values(&fields, "transfer-encoding");
    let lengths = wire::values(&fields, "content-length");
    assert_ne!(status, 101, "nobody offered another protocol");
    if is_head || status < 200 || matches!(status, 204 | 304) {
        return Some((response, rest));
    }
    let behind = match (&codings[..], &lengths[..]) {
        ([], [length]) => {
            let length = wire::number(length, 10).expect("a length");
            rest.get(usize::try_from(length).expect("a short answer")..)?
        }
        ([b"chunked"], []) => behind_chunks(rest)?,
        ([], []) if stream == Stream::Ended => &rest[rest.len()..], // to a client of HTTP/1.0
        ([], []) => return None,
        framing => panic!("an answer's framing: {framing:?}"),
    };
    Some((response, behind))
}

fn behind_chunks(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let (size, behind) = wire::line(rest)?;
        let size = wire::number(size, 16).expect("a chunk size");
        let (data, behind) =
            behind.split_at_checked(usize::try_from(size).expect("a short answer"))?;
        let (end, behind) = wire::line(behind)?;
        assert!(end.is_empty(), "a chunk without its end");
        rest = behind;
        if data.is_empty() {
            return Some(rest);
        }
    }
}

/// At a cut: long enough for the proxy to read what there is, as a rule.
const PAUSE: Duration = Duration::from_micros(100);
