//! `onelane health`: asks a running Onelane whether it is ready.
//!
//! Guarantees: exits 0 only when the answer is 200. Does not do: read what it says beyond the status.

use std::process::ExitCode;

use http::Uri;

use super::admin::at;
use super::ask::{AskError, ask};

/// How it is called.
pub(super) const EXAMPLES: &str = "\
Examples:
  onelane health
  onelane health --url http://127.0.0.1:9181

Exits 0 when it is ready, 1 when it is not, does not answer within 2 s, or
drains, and 64 for a URL that is not http://.";

/// What `health` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The URL of the admin listener, or of another answer of it than /readyz
    #[arg(long, default_value = "http://127.0.0.1:9180")]
    url: Uri,
}

/// Prints the answer; gives 0 when it is 200, else 1.
pub(super) fn health(arguments: &Arguments) -> ExitCode {
    // Without a path it would be the dashboard, which answers 200 in a drain, too.
    let url = &arguments.url;
    let asked = url.scheme().and_then(|_| at(url, "/readyz"));
    match ask(asked.as_ref().unwrap_or(url), None) {
        Ok(answer) if answer.is_ok() => {
            super::say("ready");
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            super::complain(&format!("not ready: {}", answer.status_line));
            ExitCode::FAILURE
        }
        Err(error) => unheard(&error),
    }
}

/// Prints why nobody was asked; gives the exit code.
fn unheard(error: &AskError) -> ExitCode {
    super::complain(&error.to_string());
    match error {
        AskError::NotHttp(_) => ExitCode::from(super::WRONG_INPUT),
        AskError::Silent { .. } => ExitCode::FAILURE,
    }
}
