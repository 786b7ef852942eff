//! What may have been meant by an unknown key.
//!
//! Guarantees: names only keys that exist, at the place it names.
//! Does not do: decide that a key is unknown.

use super::problem::nearest;

/// What to do about `key`, which is none of `known`, the keys of the section at `at`.
pub(super) fn on(key: &str, at: &str, known: &[&'static str]) -> String {
    if key == "<<" {
        return "merge keys are not supported; an alias for a whole value is".to_owned();
    }
    if let Some((_, home)) = HOMES.iter().find(|(inner, _)| *inner == key)
        && !at.ends_with(home)
    {
        return if known.contains(home) {
            format!("it belongs under {home}: write {home}: {{ {key}: … }}")
        } else {
            format!("it belongs under {home}:")
        };
    }
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("the keys here are {}", known.join(", ")),
    }
}

/// Keys that people write one level too high or too deep, and where they belong.
const HOMES: &[(&str, &str)] = &[
    ("limit", "queue"),
    ("wait_timeout", "queue"),
    ("hold_limit", "queue"),
    ("on_overflow", "queue"),
    ("on_wait_timeout", "queue"),
    ("on_hold_limit", "queue"),
    ("max_waiting", "queue"),
    ("max_passed", "queue"),
    ("rate", "throttle"),
    ("burst", "throttle"),
    ("concurrent", "throttle"),
    ("connect_timeout", "upstream"),
    ("response_timeout", "upstream"),
    ("body_timeout", "upstream"),
    ("keep_alive", "upstream"),
    ("max_connections", "upstream"),
    ("trusted_proxies", "client"),
    ("ipv6_prefix", "client"),
    ("allow", "client"),
    ("deny", "client"),
    ("connections", "limits"),
    ("connections_per_client", "limits"),
    ("header_size", "limits"),
    ("url_length", "limits"),
    ("header_timeout", "limits"),
    ("idle_timeout", "limits"),
    ("http2_streams", "limits"),
    ("body_size", "limits"),
    ("body_idle_timeout", "limits"),
    ("send_timeout", "limits"),
    ("min_rate", "limits"),
    ("slow_client", "limits"),
    ("read_ahead", "limits"),
    ("request_buffer", "limits"),
    ("request_spool", "limits"),
    ("response_buffer", "limits"),
    ("buffer_memory", "limits"),
    ("spool_disk", "limits"),
    ("on_read_wrote", "application"),
    ("report", "application"),
    ("preset", "session"),
    ("cookie", "session"),
    ("scope", "session"),
    ("without_session", "session"),
    ("keys", "session"),
];
