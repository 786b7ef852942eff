//! How a record becomes bytes.
//!
//! Guarantees: printable ASCII only, without a newline; a text value holds no space, a JSON line is one object.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use itoa::Integer;
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use super::{ACCESS_LABELS, Record};
use crate::gateway::refusal::Reason;
use crate::traces::TraceId;

/// The fields of a JSON line, in its order.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    id: &'a str,
    client: &'a str,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
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

/// A text line under way.
struct Text<'l>(&'l mut Vec<u8>);

/// The time as lines have it. Of one second all but the milliseconds is kept: a calendar is long work.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: Vec<u8>,
}

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

impl Text<'_> {
    /// Adds what needs no escape.
    fn add(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// Adds a value: never empty, never with a space in it.
    fn value(&mut self, value: &str) -> &mut Self {
        if value.is_empty() {
            return self.add("-");
        }
        // All of it: a look at several bytes at once is cheaper than an end at the first.
        if value
            .bytes()
            .fold(true, |all, byte| all & is_safe_in_text(byte))
        {
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
        let whole = duration.as_secs().saturating_mul(1000);
        let [a, b, c] = last_digits(duration.subsec_micros());
        self.number(whole.saturating_add(u64::from(duration.subsec_millis())))
            .add([b'.', a, b, c, b'm', b's'])
    }

    fn show(&mut self, value: impl fmt::Display) -> &mut Self {
        // A Vec takes all that is written to it.
        write!(self.0, "{value}").ok();
        self
    }
}

impl Clock {
    /// The time of day in UTC, as RFC 3339 has it, with milliseconds.
    fn at(&mut self, at: SystemTime) -> &[u8] {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
            self.text = text.into_bytes();
        }
        self.text.truncate(TO_SECONDS);
        let [a, b, c] = last_digits(since.subsec_millis());
        self.text.extend_from_slice(&[b'.', a, b, c, b'Z']);
        &self.text
    }
}

pub(super) fn json(line: &mut Vec<u8>, clock: &mut Clock, record: &Record<'_>) {
    let session = record.session.map(|session| session.hex());
    let fields = Line {
        time: ascii(clock.at(record.at)),
        id: record.request_id,
        client: &record.client,
        method: record.method.as_str(),
        host: record.host,
        path: &record.path,
        status: record.status.map(|status| status.as_u16()),
        outcome: record.outcome.label(),
        reason: record.outcome.reason().map(Reason::label),
        route: record.route,
        access: ACCESS_LABELS[record.access as usize],
        session: session.as_ref().map(|digits| ascii(digits)),
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
    // A Vec takes all that is written to it, and nothing here has no JSON.
    fields
        .serialize(&mut serde_json::Serializer::new(&mut *line))
        .ok();
    // One look at the whole line is cheaper than one at each value, and it is seldom needed again.
    if !line
        .iter()
        .fold(true, |all, byte| all & is_plain(char::from(*byte)))
    {
        line.clear();
        fields
            .serialize(&mut serde_json::Serializer::with_formatter(line, Ascii))
            .ok();
    }
}

pub(super) fn text(line: &mut Vec<u8>, clock: &mut Clock, record: &Record<'_>) {
    let mut text = Text(line);
    text.add(clock.at(record.at)).add(" ").add(&*record.client);
    text.add(" ").add(record.method.as_str()); // a token (RFC 9110 5.6.2) needs no escape
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
        text.add(" session=").add(session.hex());
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
    if let Some(trace) = record.trace {
        text.add(" trace=").show(trace);
    }
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

fn microseconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000);
    seconds.saturating_add(u64::from(duration.subsec_micros()))
}

/// Cut to whole microseconds, which are exact up to 285 years.
fn milliseconds(duration: Duration) -> f64 {
    microseconds(duration) as f64 / 1000.0
}

fn ascii(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// The last three digits of a number.
fn last_digits(number: u32) -> [u8; 3] {
    [100, 10, 1].map(|place| b'0' + (number / place % 10).to_le_bytes()[0])
}

pub(super) fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~')
}

fn is_unsafe_in_text(character: char) -> bool {
    u8::try_from(character).map_or(true, |byte| !is_safe_in_text(byte))
}

/// What is visible in ASCII, but for `"` and `\`; without a branch, for loops.
pub(super) fn is_safe_in_text(byte: u8) -> bool {
    byte.is_ascii_graphic() & (byte != b'"') & (byte != b'\\')
}

/// Length of `2026-11-21T10:00:00`.
const TO_SECONDS: usize = 19;
