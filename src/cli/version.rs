//! `onelane version`: which version this is, and how it was built.
//!
//! Guarantees: known at build time, so that it is the same wherever the program runs.
//! Does not do: ask git; whoever builds a release sets `ONELANE_COMMIT`.

use std::env::consts::{ARCH, OS};
use std::process::ExitCode;

use serde_json::json;

/// What `version` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the version; gives 0.
pub(super) fn version(arguments: &Arguments) -> ExitCode {
    let target = format!("{ARCH}-{OS}{}", LIBC.unwrap_or_default());
    if arguments.json {
        let version = json!({
            "version": VERSION,
            "commit": COMMIT,
            "target": target,
            "features": FEATURES,
        });
        super::say(&version.to_string());
        return ExitCode::SUCCESS;
    }
    super::say(&format!(
        "onelane {VERSION}\ncommit: {}\ntarget: {target}\nfeatures: {}",
        COMMIT.unwrap_or("unknown"),
        FEATURES.join(", ")
    ));
    ExitCode::SUCCESS
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

const COMMIT: Option<&str> = option_env!("ONELANE_COMMIT");

const LIBC: Option<&str> = if cfg!(target_env = "gnu") {
    Some("-gnu")
} else if cfg!(target_env = "musl") {
    Some("-musl")
} else if cfg!(target_env = "msvc") {
    Some("-msvc")
} else {
    None
};

/// What only some systems have is here when this one has it.
const FEATURES: &[&str] = &[
    "http2",
    "tls",
    #[cfg(unix)]
    "unix-sockets",
];
