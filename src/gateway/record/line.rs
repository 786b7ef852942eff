//! How a record becomes bytes.
//!
//! Guarantees: printable ASCII only, without a newline; a text value holds no space, a JSON line is one object.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use itoa::Integer;
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use super::{ACCESS_LABELS, Record};
use crate::client::ClientIp;
use crate::gateway::refusal::Reason;
use crate::session::SessionKey;

/// The fields of a JSON line, in its order.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

/// JSON in ASCII: serde_json leaves DEL, C1 controls and U+2028 as they are, which some readers take for a line's end.
struct Ascii;

/// A text line under way.
struct Text<'l>(&'l mut Vec<u8>);

/// The time as lines have it. Of one second all but the milliseconds is kept: a calendar is long work.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: String,
}

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if all(fragment, |byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
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

impl Text<'_> {
    /// Adds what needs no escape.
    fn add(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a value: never empty, never with a space in it.
    fn value(&mut self, value: &str) -> &mut Self {
        if value.is_empty() {
            return self.add("-");
        }
        if all(value, is_safe_in_text) {
            return self.add(value);
        }
        for piece in value.split_inclusive(is_unsafe_in_text) {
            match piece.char_indices().next_back() {
                Some((end, last)) if is_unsafe_in_text(last) => {
                    self.add(&piece[..end]).show(last.escape_unicode());
                }
                _ => drop(self.add(piece)),
            }
        }
        self
    }

    fn number(&mut self, number: impl Integer) -> &mut Self {
        self.add(itoa::Buffer::new().format(number))
    }

    /// Adds milliseconds with three decimals, cut to whole microseconds.
    fn milliseconds(&mut self, duration: Duration) -> &mut Self {
        let micros = microseconds(duration);
        self.number(micros / 1000).add(".");
        self.add(three_digits(&mut itoa::Buffer::new(), micros % 1000))
            .add("ms")
    }

    fn client(&mut self, client: ClientIp) -> &mut Self {
        match client.address() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.number(a).add(".").number(b).add(".");
                self.number(c).add(".").number(d)
            }
            IpAddr::V6(address) => self.show(address),
        }
    }

    fn show(&mut self, value: impl fmt::Display) -> &mut Self {
        // A Vec takes all that is written to it.
        write!(self.0, "{value}").ok();
        self
    }
}

impl Clock {
    /// The time of day in UTC, as RFC 3339 has it, with milliseconds.
    pub(super) fn at(&mut self, at: SystemTime) -> &str {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            self.text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
        }
        self.text.truncate(TO_SECONDS);
        self.text.push('.');
        let digits = &mut itoa::Buffer::new();
        self.text
            .push_str(three_digits(digits, u64::from(since.subsec_millis())));
        self.text.push('Z');
        &self.text
    }
}

pub(super) fn json(line: &mut Vec<u8>, clock: &mut Clock, record: &Record<'_>) {
    let fields = Line {
        time: clock.at(record.at),
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
        trace: record.trace_id,
    };
    // A Vec takes all that is written to it, and nothing here has no JSON.
    fields
        .serialize(&mut serde_json::Serializer::with_formatter(line, Ascii))
        .ok();
}

pub(super) fn text(line: &mut Vec<u8>, clock: &mut Clock, record: &Record<'_>) {
    let mut text = Text(line);
    text.add(clock.at(record.at)).add(" ").client(record.client);
    text.add(" ").value(record.method.as_str());
    text.add(" ").value(record.host);
    text.add(" ").value(&record.path).add(" ");
    match record.status {
        Some(status) => text.number(status.as_u16()),
        None => text.add("-"),
    };
    text.add(" ").add(record.outcome.label());
    if let Some(reason) = record.outcome.reason() {
        text.add(" reason=").add(reason.label());
    }
    text.add(" route=").value(record.route);
    text.add(" access=")
        .add(ACCESS_LABELS[record.access as usize]);
    if let Some(session) = record.session {
        text.add(" session=").show(session);
    }
    text.add(" position=").number(record.position);
    if let Some(behind) = record.behind {
        text.add(" behind=").value(behind);
    }
    text.add(" wait=").milliseconds(record.wait);
    if let Some(hold) = record.hold {
        text.add(" hold=").milliseconds(hold);
    }
    if let Some(upstream) = record.upstream {
        text.add(" upstream=").milliseconds(upstream);
    }
    if let Some(headers) = record.headers {
        text.add(" headers=").milliseconds(headers);
    }
    text.add(" total=").milliseconds(record.total);
    text.add(" bytes_in=").number(record.bytes_in);
    text.add(" bytes=").number(record.bytes_out);
    text.add(" id=").value(record.request_id);
    if let Some(trace) = record.trace_id {
        text.add(" trace=").value(trace);
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Cut to whole microseconds, which are exact up to 285 years.
fn milliseconds(duration: Duration) -> f64 {
    microseconds(duration) as f64 / 1000.0
}

/// A number below 1,000 with its leading zeros.
fn three_digits(buffer: &mut itoa::Buffer, number: u64) -> &str {
    &buffer.format(1000 + number)[1..]
}

/// Whether all bytes are `such`. It looks at each, wherever the first is that is not: so the compiler takes many at once.
fn all(text: &str, such: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & such(byte))
}

pub(super) fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~')
}

fn is_unsafe_in_text(character: char) -> bool {
    u8::try_from(character).map_or(true, |byte| !is_safe_in_text(byte))
}

fn is_safe_in_text(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')
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

/// Length of `2026-11-21T10:00:00`.
const TO_SECONDS: usize = 19;
