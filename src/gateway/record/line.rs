//! How a record becomes bytes.
//!
//! Guarantees: printable ASCII only, without a newline; a text value holds no space, a JSON line is one object.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use itoa::Integer;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::{ACCESS_LABELS, Record};

/// A line under way. What is ours and never needs an escape goes in as it is; what comes from outside is looked at.
#[derive(Debug)]
pub(super) struct Line(Vec<u8>);

/// JSON in ASCII: serde_json leaves DEL, C1 controls and U+2028 as they are, which some readers take for a line's end.
struct Ascii;

/// The time as lines have it. Of one second all but the milliseconds is kept: a calendar is long work.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    text: [u8; TIME],
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

impl Line {
    /// Room for one, to be used again and again.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    /// All of it, its newline included.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds what needs no escape.
    fn add(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.extend_from_slice(text.as_ref());
        self
    }

    /// Adds a value of a text line: never empty, never with a space in it.
    fn value(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        if value.is_empty() {
            return self.add("-");
        }
        if are_all(value, is_safe_in_text) {
            return self.add(value);
        }
        let value = String::from_utf8_lossy(value);
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

    /// Adds what stands between the quotes of a JSON string.
    fn string(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        if are_all(value, is_safe_in_json) {
            return self.add(value);
        }
        let value = String::from_utf8_lossy(value);
        let start = self.0.len();
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.0, Ascii);
        value.serialize(&mut serializer).ok(); // a Vec takes all that is written to it
        self.0.pop(); // its quotes
        self.0.remove(start);
        self
    }

    fn number(&mut self, number: impl Integer) -> &mut Self {
        self.add(itoa::Buffer::new().format(number))
    }

    /// Adds milliseconds with three decimals, cut to whole microseconds.
    fn milliseconds(&mut self, duration: Duration) -> &mut Self {
        let (above, start, [h, t, o, a, b, c]) = milliseconds(duration);
        if above > 0 {
            self.number(above);
        }
        self.add(&[h, t, o, b'.', a, b, c, b'm', b's'][start..])
    }

    /// The same without zeros at the end, but for one.
    fn float(&mut self, duration: Duration) -> &mut Self {
        let (above, start, [h, t, o, a, b, c]) = milliseconds(duration);
        if above > 0 {
            self.number(above);
        }
        let zeros = usize::from(c == b'0') + usize::from([b, c] == *b"00");
        let digits = [h, t, o, b'.', a, b, c];
        self.add(&digits[start..digits.len() - zeros])
    }

    fn show(&mut self, value: impl fmt::Display) -> &mut Self {
        write!(self.0, "{value}").ok(); // as above
        self
    }
}

impl Clock {
    /// The time of day in UTC, as RFC 3339 has it, with milliseconds.
    fn at(&mut self, at: SystemTime) -> &[u8; TIME] {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            let text = humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string();
            self.text = text.as_bytes().first_chunk().copied().unwrap_or_default();
        }
        let [.., a, b, c, _z] = &mut self.text;
        [*a, *b, *c] = three_digits(since.subsec_millis());
        &self.text
    }
}

pub(super) fn json(line: &mut Line, clock: &mut Clock, record: &Record<'_>) {
    line.0.clear();
    line.add(r#"{"time":""#).add(clock.at(record.at));
    line.add(r#"","id":""#).string(record.request_id);
    line.add(r#"","client":""#).add(&record.client);
    line.add(r#"","method":""#).add(record.method.as_str()); // a token (RFC 9110 5.6.2) needs no escape
    line.add(r#"","host":""#).string(record.host);
    line.add(r#"","path":""#).string(&*record.path).add("\"");
    if let Some(status) = record.status {
        line.add(r#","status":"#)
            .add(three_digits(status.as_u16().into()));
    }
    line.add(r#","outcome":""#).add(record.outcome.label());
    if let Some(reason) = record.outcome.reason() {
        line.add(r#"","reason":""#).add(reason.label());
    }
    line.add(r#"","route":""#).string(record.route);
    line.add(r#"","access":""#)
        .add(ACCESS_LABELS[record.access as usize]);
    if let Some(session) = record.session {
        line.add(r#"","session":""#).add(session.hex());
    }
    if went_straight_in(record) {
        line.add(r#"","position":0,"wait_ms":0.0"#);
    } else {
        line.add(r#"","position":"#).number(record.position);
        if let Some(behind) = record.behind {
            line.add(r#","behind":""#).string(behind).add("\"");
        }
        line.add(r#","wait_ms":"#).float(record.wait);
    }
    if let Some(hold) = record.hold {
        line.add(r#","hold_ms":"#).float(hold);
    }
    if let Some(upstream) = record.upstream {
        line.add(r#","upstream_ms":"#).float(upstream);
    }
    if let Some(headers) = record.headers {
        line.add(r#","headers_ms":"#).float(headers);
    }
    line.add(r#","total_ms":"#).float(record.total);
    line.add(r#","bytes_in":"#).number(record.bytes_in);
    line.add(r#","bytes":"#).number(record.bytes_out);
    if let Some(trace) = record.trace {
        line.add(r#","trace":""#).show(trace).add("\"");
    }
    line.add("}\n");
}

pub(super) fn text(text: &mut Line, clock: &mut Clock, record: &Record<'_>) {
    text.0.clear();
    text.add(clock.at(record.at)).add(" ").add(&record.client);
    text.add(" ").add(record.method.as_str()); // a token (RFC 9110 5.6.2) needs no escape
    text.add(" ").value(record.host);
    text.add(" ").value(&*record.path);
    match record.status {
        Some(status) => {
            let [a, b, c] = three_digits(status.as_u16().into());
            text.add([b' ', a, b, c, b' '])
        }
        None => text.add(" - "),
    };
    text.add(record.outcome.label());
    if let Some(reason) = record.outcome.reason() {
        text.add(" reason=").add(reason.label());
    }
    text.add(" route=").value(record.route);
    text.add(" access=")
        .add(ACCESS_LABELS[record.access as usize]);
    if let Some(session) = record.session {
        text.add(" session=").add(session.hex());
    }
    if went_straight_in(record) {
        text.add(" position=0 wait=0.000ms");
    } else {
        text.add(" position=").number(record.position);
        if let Some(behind) = record.behind {
            text.add(" behind=").value(behind);
        }
        text.add(" wait=").milliseconds(record.wait);
    }
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
    text.add("\n");
}

/// Whether there is nothing to say of a wait, as of most requests.
fn went_straight_in(record: &Record<'_>) -> bool {
    record.position == 0 && record.behind.is_none() && record.wait == Duration::ZERO
}

/// Milliseconds: how many thousands, the last three digits with three decimals, and where these begin.
fn milliseconds(duration: Duration) -> (u64, usize, [u8; 6]) {
    let (above, micros) = (duration.as_secs(), duration.subsec_micros());
    let (whole, decimals) = (micros / 1000, micros % 1000);
    let start = match above {
        0 => usize::from(whole < 100) + usize::from(whole < 10),
        _ => 0,
    };
    let ([h, t, o], [a, b, c]) = (three_digits(whole), three_digits(decimals));
    (above, start, [h, t, o, a, b, c])
}

/// A number below 1000.
fn three_digits(number: u32) -> [u8; 3] {
    let (hundreds, rest) = (number / 100, number % 100);
    let digit = |number: u32| b'0' + number.to_le_bytes()[0];
    [digit(hundreds), digit(rest / 10), digit(rest % 10)]
}

/// Looks at several bytes at once, which is cheaper than an end at the first that is not so. The last ones may be looked at
/// twice.
fn are_all(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> bool {
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & is_so(*byte));
    if let Some(last) = bytes.last_chunk::<16>() {
        let (many, _) = bytes.as_chunks::<16>();
        return many.iter().all(|some| all(some)) & all(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return all(first) & all(last);
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => all(first) & all(last),
        _ => all(bytes),
    }
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

/// The same and a space.
fn is_safe_in_json(byte: u8) -> bool {
    is_safe_in_text(byte) | (byte == b' ')
}

/// Length of `2026-11-21T10:00:00.000Z`.
const TIME: usize = 24;
