//! Scalars: text, numbers, choices, durations, sizes, addresses.
//!
//! Guarantees: a value is of the type its key wants, and in its range, or it is reported with an example of what is
//! wanted. A number or a duration may be in quotes, since values from the environment often must be.
//! Does not do: defaults; an absent key is its section's business.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use http::HeaderValue;

use super::defaults::LONGEST_DURATION;
use super::problem::nearest;
use super::reader::Value;
use super::yaml::Kind;

impl Value<'_> {
    /// Text. A number or `true` is not, since YAML changes how it looks (`007`, `1e3`, `1.10`).
    pub(super) fn text(&self) -> Option<&str> {
        match self.kind() {
            Kind::Text(text) => Some(&text.value),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => self.refuse(
                format!("expected text, found {}", self.what()),
                "put it in quotes",
            ),
            Kind::Null | Kind::Refused | Kind::List(_) | Kind::Map(_) => self.refuse(
                format!("expected text, found {}", self.what()),
                "write a single value here",
            ),
        }
    }

    /// Text that is not empty.
    pub(super) fn some_text(&self) -> Option<&str> {
        match self.text()? {
            "" => self.refuse("this value is empty", "write one, or remove the key"),
            text => Some(text),
        }
    }

    /// A secret that is sent in a header; None when it is empty. It is marked as sensitive.
    pub(super) fn secret_header(&self) -> Option<HeaderValue> {
        let text = self.text()?;
        if text.is_empty() {
            return None;
        }
        let Ok(mut header) = HeaderValue::from_str(text) else {
            return self.refuse(
                "this cannot be sent in a header",
                "use letters, digits and punctuation of ASCII only",
            );
        };
        header.set_sensitive(true);
        Some(header)
    }

    /// A whole number within `range`.
    pub(super) fn whole(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let number = match self.kind() {
            Kind::Int(number) => Some(*number),
            Kind::Text(text) => text.value.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let problem = format!("expected a whole number, found {}", self.what());
            return self.refuse(
                problem,
                format!("write a number from {} to {}", range.start(), range.end()),
            );
        };
        match usize::try_from(number) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => self.refuse(
                "out of range",
                format!("the range is {} to {}", range.start(), range.end()),
            ),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&self) -> Option<f64> {
        let number = match self.kind() {
            Kind::Int(number) => Some(*number as f64),
            Kind::Float(number) => Some(*number),
            Kind::Text(text) => text.value.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => Some(number),
            Some(_) => self.refuse(
                "out of range",
                "the range is 0 to 1: 0.01 is one of a hundred",
            ),
            None => self.refuse(
                format!("expected a number from 0 to 1, found {}", self.what()),
                "write one such as 0.01, which is one of a hundred",
            ),
        }
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.kind() {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) if text.value == "true" => Some(true),
            Kind::Text(text) if text.value == "false" => Some(false),
            _ => self.refuse(
                format!("expected true or false, found {}", self.what()),
                "write true or false",
            ),
        }
    }

    /// One of the words of `choices`.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let one_of = words().collect::<Vec<_>>().join(", ");
        let Some(word) = self.word() else {
            return self.refuse(
                format!("expected a word, found {}", self.what()),
                format!("one of {one_of}"),
            );
        };
        if let Some((_, choice)) = choices.iter().find(|(known, _)| *known == word) {
            return Some(*choice);
        }
        match nearest(word, words()) {
            Some(meant) => self.refuse(
                "not one of the choices",
                format!("did you mean {meant}? The choices are {one_of}"),
            ),
            None => self.refuse(
                "not one of the choices",
                format!("the choices are {one_of}"),
            ),
        }
    }

    /// Whether the value is this one word, such as `none` or `off`.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// A duration of at least a millisecond.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.duration(Duration::from_millis(1))
    }

    /// A duration of at least `shortest`, with its unit.
    pub(super) fn duration(&self, shortest: Duration) -> Option<Duration> {
        let text = match self.kind() {
            Kind::Text(text) => text.value.clone(),
            Kind::Int(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            _ => {
                return self.refuse(
                    format!("expected a duration, found {}", self.what()),
                    DURATIONS,
                );
            }
        };
        if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return self.refuse(
                "a duration needs a unit",
                format!("write {text}s for seconds, or {text}ms for milliseconds"),
            );
        }
        let range = || {
            format!(
                "the range is {} to {}",
                humantime::format_duration(shortest),
                humantime::format_duration(LONGEST_DURATION)
            )
        };
        match humantime::parse_duration(&text) {
            Ok(duration) if (shortest..=LONGEST_DURATION).contains(&duration) => Some(duration),
            Ok(_) | Err(humantime::DurationError::NumberOverflow) => {
                self.refuse("out of range", range())
            }
            Err(_) => self.refuse("not a duration", DURATIONS),
        }
    }

    /// A number of bytes within `range`; a bare number is bytes.
    pub(super) fn size(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let size = match self.kind() {
            Kind::Text(text) => text.value.parse::<ByteSize>().ok().map(|size| size.0),
            Kind::Int(number) if *number < 0 => {
                return self.refuse("out of range", "a size is 0 or more");
            }
            Kind::Int(number) => Some(u64::try_from(*number).unwrap_or(u64::MAX)),
            _ => return self.refuse(format!("expected a size, found {}", self.what()), SIZES),
        };
        let Some(size) = size else {
            return self.refuse("not a size", SIZES);
        };
        match usize::try_from(size) {
            Ok(size) if range.contains(&size) => Some(size),
            _ => {
                let [from, to] = [*range.start(), *range.end()].map(|bound| ByteSize(bound as u64));
                self.refuse("out of range", format!("the range is {from} to {to}"))
            }
        }
    }

    /// An address to listen on.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let text = match self.kind() {
            Kind::Int(port) => return self.refuse("a port without an address", format!("write 0.0.0.0:{port} for all interfaces, 127.0.0.1:{port} for this machine alone")),
            _ => self.text()?,
        };
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        let suggestion = match text.rsplit_once(':') {
            Some(("" | "*", port)) => {
                format!("write 0.0.0.0:{port} for all interfaces, or [::]:{port}")
            }
            Some(("localhost", port)) => {
                format!("names are not looked up here; write 127.0.0.1:{port}")
            }
            _ => "write ADDRESS:PORT, e.g. 0.0.0.0:8080 or [::]:8080".to_owned(),
        };
        self.refuse("not an address with a port", suggestion)
    }

    /// The value as one word; `true` and `false` are words too, for choices that people write so.
    fn word(&self) -> Option<&str> {
        match self.kind() {
            Kind::Text(text) => Some(&text.value),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            _ => None,
        }
    }
}

const DURATIONS: &str = "write a number and a unit, e.g. 50ms, 10s or 2m";

const SIZES: &str = "write bytes, or a number and a unit, e.g. 64KiB, 1MB or 512MiB";
