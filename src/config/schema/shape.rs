//! Shapes of values in JSON Schema: durations, sizes, words, short and long forms.
//!
//! Guarantees: what a reader of `values` accepts, its shape accepts, `${VAR}` in a value's place included.
//! Does not do: what only a look at other keys can tell; longest durations.

use std::ops::RangeInclusive;

use serde_json::{Value as Json, json};

/// What the shapes below refer to.
pub(super) fn definitions() -> Json {
    let duration = format!(r"^\s*({NUMBER}{UNITS}\s*)+$");
    let nothing = format!(r"^\s*0[0\s]*(\.[0\s]+)?{UNITS}\s*$");
    let rate = format!(r"^\s*\+?[0-9]+\s*/\s*({NUMBER})?{UNITS}(\s*{NUMBER}{UNITS})*\s*$");
    json!({
        "variable": {
            "description": "a value from the environment: ${NAME} or ${NAME:-default}",
            "type": "string",
            "pattern": VARIABLE,
        },
        "duration": or_variable(&json!({
            "description": "a number and a unit, such as 50ms, 10s or 2m",
            "type": "string",
            "pattern": duration,
        })),
        "timeout": or_variable(&json!({
            "description": "a number and a unit, such as 50ms, 10s or 2m; not 0",
            "type": "string",
            "pattern": duration,
            "not": { "pattern": nothing },
        })),
        "rate": or_variable(&json!({
            "description": "requests and a period, such as 100/s, 600/m or 20/200ms",
            "type": "string",
            "pattern": rate,
        })),
        "address": or_variable(&json!({
            "description": "ADDRESS:PORT, such as 0.0.0.0:8080 or [::]:8080",
            "type": "string",
            "pattern": r"^([0-9.]+|\[[0-9a-fA-F:.%]+\]):[0-9]{1,5}$",
        })),
        "network": or_variable(&json!({
            "description": "a network or an address, such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
            "type": "string",
            "pattern": r"^(([0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)(/[0-9]{1,3})?$",
        })),
        "truth": or_variable(&json!({ "enum": [true, false, "true", "false"] })),
    })
}

/// A definition by its name.
pub(super) fn named(definition: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

/// A duration that may be 0.
pub(super) fn duration() -> Json {
    named("duration")
}

/// A duration of at least a millisecond.
pub(super) fn timeout() -> Json {
    named("timeout")
}

/// `true` or `false`.
pub(super) fn truth() -> Json {
    named("truth")
}

/// An address to listen on.
pub(super) fn address() -> Json {
    named("address")
}

/// Text that is not empty.
pub(super) fn text() -> Json {
    json!({ "type": "string", "minLength": 1 })
}

/// Text that may be empty.
pub(super) fn any_text() -> Json {
    json!({ "type": "string" })
}

/// Text that `pattern` matches.
pub(super) fn text_like(pattern: &str) -> Json {
    or_variable(&json!({ "type": "string", "pattern": pattern }))
}

/// A whole number, in quotes or not.
pub(super) fn whole(range: RangeInclusive<usize>) -> Json {
    json!({ "anyOf": [
        { "type": "integer", "minimum": range.start(), "maximum": range.end() },
        { "type": "string", "pattern": r"^\+?[0-9]+$" },
        named("variable"),
    ] })
}

/// A number from 0 to 1, in quotes or not.
pub(super) fn fraction() -> Json {
    json!({ "anyOf": [
        { "type": "number", "minimum": 0, "maximum": 1 },
        { "type": "string", "pattern": r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)$" },
        named("variable"),
    ] })
}

/// A number of bytes: bare, or with its unit.
pub(super) fn size(range: RangeInclusive<usize>) -> Json {
    let mut bytes = json!({ "type": "integer", "minimum": range.start() });
    if *range.end() != usize::MAX {
        bytes["maximum"] = json!(range.end());
    }
    json!({ "anyOf": [
        bytes,
        {
            "description": "bytes, or a number and a unit, such as 64KiB, 1MB or 512MiB",
            "type": "string",
            "pattern": r"^([0-9]+|[0-9]+\.?[0-9]*\s*([kKmMgGtTpPeE][iI]?[bB]?|[bB]))$",
        },
        named("variable"),
    ] })
}

/// One of the words of a table that `Value::choice` reads.
pub(super) fn choice<T>(choices: &[(&'static str, T)]) -> Json {
    words(choices.iter().map(|(word, _)| *word))
}

/// One of these words.
pub(super) fn words(words: impl IntoIterator<Item = &'static str>) -> Json {
    let words: Vec<&str> = words.into_iter().collect();
    or_variable(&json!({ "enum": words }))
}

/// `off`, in the forms that people write.
pub(super) fn off() -> Json {
    json!({ "enum": ["off", false, "false"] })
}

/// `none`, or something else.
pub(super) fn none_or(other: &Json) -> Json {
    json!({ "anyOf": [{ "const": "none" }, other] })
}

/// A short form, or a long one of another type.
pub(super) fn either(short: &Json, long: &Json) -> Json {
    json!({ "oneOf": [short, long] })
}

/// A list, or its only item.
pub(super) fn one_or_more(item: &Json, least: usize) -> Json {
    json!({ "anyOf": [item, list(item, least)] })
}

/// A list of at least `least` items.
pub(super) fn list(item: &Json, least: usize) -> Json {
    json!({ "type": "array", "items": item, "minItems": least })
}

/// A section whose keys are the operator's own.
pub(super) fn by_name(value: &Json) -> Json {
    json!({ "type": "object", "additionalProperties": value })
}

fn or_variable(shape: &Json) -> Json {
    json!({ "anyOf": [shape, named("variable")] })
}

const VARIABLE: &str = r"\$\{";

/// As humantime reads it.
const NUMBER: &str = r"[0-9][0-9\s]*(\.[0-9\s]+)?";

/// humantime's.
const UNITS: &str = "(nanos|nsec|ns|usec|us|\u{b5}s|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)";
