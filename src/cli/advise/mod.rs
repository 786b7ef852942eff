//! `onelane advise`: routes that the evidence of a running Onelane proposes, as YAML with their counts.
//!
//! Guarantees: what is printed is a configuration's `routes:` section, and can be pasted; nothing is proposed on less
//! evidence than was asked for; changes nothing.
//! Does not do: collect evidence (the running Onelane does); read a configuration but for the admin listener's address.

mod report;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use http::Uri;

use super::admin::Admin;
use super::ask::ask;
use crate::evidence::Snapshot;
use crate::evidence::advice::{Advice, Enough};

/// What `advise` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    admin: Admin,
    /// The URL of its evidence, instead; without both: http://127.0.0.1:9180/evidence
    #[arg(long)]
    url: Option<Uri>,
    /// Propose read for what was reported so often and never wrote
    #[arg(long, value_name = "N", default_value_t = Enough::default().reports)]
    at_least: u64,
    /// Propose none for what observe mode saw so often inside another request's time
    #[arg(long, value_name = "N", default_value_t = Enough::default().overlaps)]
    overlaps: u64,
}

/// Prints the advice, if there is any, and what is missing for more; gives 0, 1 when nobody answers, or 64 when the
/// arguments or the configuration are wrong.
pub(super) fn advise(arguments: &Arguments) -> ExitCode {
    let (url, token) = match arguments.admin.find(arguments.url.as_ref(), "/evidence") {
        Ok(found) => found,
        Err(code) => return code,
    };
    let answer = match ask(&url, token.as_ref()) {
        Ok(answer) if answer.is_ok() => answer,
        Ok(answer) => {
            super::complain(&format!("{url} has no evidence: {}", answer.status_line));
            return ExitCode::FAILURE;
        }
        Err(error) => return super::health::unheard(&error),
    };
    let snapshot: Snapshot = match serde_json::from_str(&answer.body) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            super::complain(&format!(
                "{url} answers something else than evidence: {error}"
            ));
            return ExitCode::FAILURE;
        }
    };
    let enough = Enough {
        reports: arguments.at_least.max(1),
        overlaps: arguments.overlaps.max(1),
    };
    super::say(Advice::of(&snapshot, enough).to_string().trim_end());
    ExitCode::SUCCESS
}
