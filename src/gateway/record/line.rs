//! How a record becomes bytes.
//!
//! Guarantees: printable ASCII only, without a newline; a text value holds no space, a JSON line is one object.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use super::{ACCESS_LABELS, Record};
use crate::client::ClientIp;
use crate::gateway::refusal::Reason;
use crate::session::SessionKey;
use crate::traces::TraceId;

/// The fields of a JSON line, in its order.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(serialize_with = "display")]
    time: humantime::Rfc3339Timestamp,
    id: &'a str,
    #[serde(serialize_with = "display")]
    client: ClientIp,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    route: &'a str,
    access: &'static str,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "display_some"
    )]
    session: Option<SessionKey>,
    position: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<&'a str>,
    wait_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_ms: Option<f64>,
    total_ms: f64,
    bytes_in: u64,
    bytes: u64,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "display_some"
    )]
    trace: Option<TraceId>,
}

/// JSON in ASCII: serde_json leaves DEL, C1 controls and U+2028 as they are, which some readers take for a line's end.
struct Ascii;

/// A value of a text line: never empty, never with a space in it.
struct Plain<'a>(&'a str);

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for piece in fragment.split_inclusive(|character| !is_plain(character)) {
            match piece.char_indices().next_back() {
                Some((end, last)) if !is_plain(last) => {
                    CompactFormatter.write_string_fragment(writer, &piece[..end])?;
                    for unit in last.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
                _ => CompactFormatter.write_string_fragment(writer, piece)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        for piece in self.0.split_inclusive(is_unsafe_in_text) {
            match piece.char_indices().next_back() {
                Some((end, last)) if is_unsafe_in_text(last) => {
                    write!(f, "{}{}", &piece[..end], last.escape_unicode())?;
                }
                _ => f.write_str(piece)?,
            }
        }
        Ok(())
    }
}

pub(super) fn json(line: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
    let fields = Line {
        time: humantime::format_rfc3339_millis(record.at),
        id: record.request_id,
        client: record.client,
        method: record.method.as_str(),
        host: record.host,
        path: &record.path,
        status: record.status.map(|status| status.as_u16()),
        outcome: record.outcome.label(),
        reason: record.outcome.reason().map(Reason::label),
        route: record.route,
        access: ACCESS_LABELS[record.access as usize],
        session: record.session,
        position: record.position,
        behind: record.behind,
        wait_ms: milliseconds(record.wait),
        hold_ms: record.hold.map(milliseconds),
        upstream_ms: record.upstream.map(milliseconds),
        headers_ms: record.headers.map(milliseconds),
        total_ms: milliseconds(record.total),
        bytes_in: record.bytes_in,
        bytes: record.bytes_out,
        trace: record.trace,
    };
    fields.serialize(&mut serde_json::Serializer::with_formatter(line, Ascii))?;
    Ok(())
}

pub(super) fn text(line: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
    let time = humantime::format_rfc3339_millis(record.at);
    let (method, host, path) = (
        Plain(record.method.as_str()),
        Plain(record.host),
        Plain(&record.path),
    );
    write!(line, "{time} {} {method} {host} {path} ", record.client)?;
    match record.status {
        Some(status) => write!(line, "{}", status.as_u16())?,
        None => write!(line, "-")?,
    }
    write!(line, " {}", record.outcome.label())?;
    if let Some(reason) = record.outcome.reason() {
        write!(line, " reason={}", reason.label())?;
    }
    write!(
        line,
        " route={} access={}",
        Plain(record.route),
        ACCESS_LABELS[record.access as usize]
    )?;
    if let Some(session) = record.session {
        write!(line, " session={session}")?;
    }
    write!(line, " position={}", record.position)?;
    if let Some(behind) = record.behind {
        write!(line, " behind={}", Plain(behind))?;
    }
    write!(line, " wait={:.3}ms", milliseconds(record.wait))?;
    if let Some(hold) = record.hold {
        write!(line, " hold={:.3}ms", milliseconds(hold))?;
    }
    if let Some(upstream) = record.upstream {
        write!(line, " upstream={:.3}ms", milliseconds(upstream))?;
    }
    if let Some(headers) = record.headers {
        write!(line, " headers={:.3}ms", milliseconds(headers))?;
    }
    write!(
        line,
        " total={:.3}ms bytes_in={} bytes={} id={}",
        milliseconds(record.total),
        record.bytes_in,
        record.bytes_out,
        Plain(record.request_id)
    )?;
    if let Some(trace) = record.trace {
        write!(line, " trace={trace}")?;
    }
    Ok(())
}

/// Cut to whole microseconds, which are exact up to 285 years.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

pub(super) fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~')
}

fn is_unsafe_in_text(character: char) -> bool {
    !character.is_ascii_graphic() || matches!(character, '"' | '\\')
}

fn display<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn display_some<S: Serializer>(
    value: &Option<impl fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
