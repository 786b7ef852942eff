//! `onelane advise`: routes that the evidence of a running Onelane proposes, as YAML with their counts.
//!
//! Guarantees: what is printed is a configuration's `routes:` section, and can be pasted; nothing is proposed on less
//! evidence than was asked for; changes nothing.
//! Does not do: collect evidence (the running Onelane does); read a configuration but for the admin listener's address.

mod report;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use super::admin::Admin;
use crate::evidence::Snapshot;
use crate::evidence::advice::{Advice, Enough};

/// How it is called.
pub(super) const EXAMPLES: &str = "\
Examples:
  onelane advise -c onelane.yaml
  onelane advise --url http://127.0.0.1:9180 --at-least 500";

/// What `advise` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    admin: Admin,
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
    let question = match arguments.admin.question("evidence", "/evidence") {
        Ok(question) => question,
        Err(code) => return code,
    };
    let snapshot: Snapshot = match question.ask() {
        Ok(snapshot) => snapshot,
        Err(problem) => {
            super::complain(&problem);
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
