//! What each fuzz target does with its bytes: functions that panic when Onelane breaks a promise.
//!
//! Guarantees: the same bytes mean the same thing to libFuzzer and to the tests that run the corpora; nothing here
//! trusts the product's own parsers.
//! Does not do: make bytes; libFuzzer does, and `corpus` holds where it begins.

mod edge;
mod forwarded;
mod head;
mod path;
mod proxy_protocol;
mod session_key;
mod yaml;

pub use edge::edge;
pub use forwarded::forwarded;
pub use path::path;
pub use proxy_protocol::proxy_protocol;
pub use session_key::session_key;
pub use yaml::yaml;

/// A target: its name, which is its folder in `corpus` and `findings`, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("edge", edge),
    ("forwarded", forwarded),
    ("path", path),
    ("proxy_protocol", proxy_protocol),
    ("session_key", session_key),
    ("yaml", yaml),
];
