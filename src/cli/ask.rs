//! One question to a running Onelane's admin listener.
//!
//! Guarantees: ends within [`TIMEOUT`] for each step (connect, write, each read); what is read is bounded.
//! Does not do: HTTPS, redirects, several addresses of a name beyond the first that answers.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use http::Uri;

use super::admin::Secret;

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The first line, such as `HTTP/1.1 200 OK`.
    pub(super) status_line: String,
    /// What comes behind the header.
    pub(super) body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The URL is of another kind.
    #[error("{0} is not an http:// URL")]
    NotHttp(Uri),
    /// Nobody is there, or what comes is no answer.
    #[error("{url} does not answer: {source}")]
    Silent {
        /// Who was asked.
        url: Uri,
        /// The system's reason.
        source: io::Error,
    },
}

impl Answer {
    /// Whether a token was wanted, or another one.
    pub(super) fn wants_token(&self) -> bool {
        self.status_line.split(' ').nth(1) == Some("401")
    }

    /// Whether the status is 200.
    pub(super) fn is_ok(&self) -> bool {
        self.status_line.starts_with("HTTP/1.") && self.status_line.split(' ').nth(1) == Some("200")
    }
}

/// Sends a GET for `url`, showing `token` if there is one, and reads the answer to its end.
///
/// # Errors
/// [`AskError`].
pub(super) fn ask(url: &Uri, token: Option<&Secret>) -> Result<Answer, AskError> {
    let Some(host) = url.host().filter(|_| url.scheme_str() == Some("http")) else {
        return Err(AskError::NotHttp(url.clone()));
    };
    exchange(host, url, token).map_err(|source| AskError::Silent {
        url: url.clone(),
        source,
    })
}

fn exchange(host: &str, url: &Uri, token: Option<&Secret>) -> io::Result<Answer> {
    let mut stream = connect(
        host.trim_start_matches('[').trim_end_matches(']'),
        url.port_u16().unwrap_or(80),
    )?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    let shown = token.map(|token| format!("Authorization: Bearer {}\r\n", token.header()));
    let shown = shown.unwrap_or_default();
    stream.write_all(
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n{shown}Connection: close\r\n\r\n")
            .as_bytes(),
    )?;
    let mut answer = Vec::new();
    let read = stream.take(LONGEST).read_to_end(&mut answer);
    if answer.is_empty() {
        read?; // what came before the connection broke off is an answer, too
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status_line = head.lines().next().unwrap_or("an empty answer");
    Ok(Answer {
        status_line: status_line.to_owned(),
        body: body.to_owned(),
    })
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Below the 3 s that container health checks are commonly given.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longest answer, bytes: evidence of 2,048 paths is a fifth of it.
const LONGEST: u64 = 4 << 20;
