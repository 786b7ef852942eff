//! `onelane health`: asks a running Onelane whether it is ready.
//!
//! Guarantees: ends within [`TIMEOUT`] for each step (connect, write, read); exits 0 only when the answer is 200.
//! Does not do: HTTPS, redirects, several addresses of a name beyond the first that answers.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use http::Uri;

/// What `health` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The readiness URL of the admin listener
    #[arg(long, default_value = "http://127.0.0.1:9180/readyz")]
    url: Uri,
}

/// Prints the answer; gives 0 when it is 200, else 1.
pub(super) fn health(arguments: &Arguments) -> ExitCode {
    let Some(host) = arguments
        .url
        .host()
        .filter(|_| arguments.url.scheme_str() == Some("http"))
    else {
        super::complain(&format!("{} is not an http:// URL", arguments.url));
        return ExitCode::from(super::WRONG_INPUT);
    };
    match ask(host, &arguments.url) {
        Ok(answer) if answer.is_ready() => {
            super::say("ready");
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            super::complain(&format!("not ready: {}", answer.status_line));
            ExitCode::FAILURE
        }
        Err(error) => {
            super::complain(&format!("{} does not answer: {error}", arguments.url));
            ExitCode::FAILURE
        }
    }
}

struct Answer {
    status_line: String,
}

impl Answer {
    fn is_ready(&self) -> bool {
        self.status_line.starts_with("HTTP/1.") && self.status_line.split(' ').nth(1) == Some("200")
    }
}

fn ask(host: &str, url: &Uri) -> io::Result<Answer> {
    let mut stream = connect(
        host.trim_start_matches('[').trim_end_matches(']'),
        url.port_u16().unwrap_or(80),
    )?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    stream.write_all(
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")
            .as_bytes(),
    )?;
    let mut head = Vec::new();
    while head.len() < LONGEST_STATUS_LINE && !head.contains(&b'\n') {
        let mut piece = [0; 256];
        match stream.read(&mut piece)? {
            0 => break,
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    Ok(Answer {
        status_line: head.lines().next().unwrap_or("an empty answer").to_owned(),
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

const LONGEST_STATUS_LINE: usize = 1024;
