//! `log:`: what the log looks like, and what is in it.
//!
//! Does not do: write it.

use super::reader::{Keys, Section, Value};
use super::{AccessLog, Log, LogFormat, defaults};

pub(super) fn read(top: &Section<'_>) -> Log {
    let default = Log {
        format: defaults::LOG_FORMAT,
        access: defaults::ACCESS_LOG,
    };
    let Some(section) = top.read("log", |value| value.section(&LOG)) else {
        return default;
    };
    let access = section
        .read("access", Value::truth)
        .map(|on| if on { AccessLog::On } else { AccessLog::Off });
    Log {
        format: section
            .read("format", |value| {
                value.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)])
            })
            .unwrap_or(default.format),
        access: access.unwrap_or(default.access),
    }
}

pub(super) const LOG: Keys = Keys {
    known: &["format", "access"],
    refused: &[],
};
