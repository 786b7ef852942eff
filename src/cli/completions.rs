//! `onelane completions SHELL`: what a shell needs to complete commands, options and files.
//!
//! Guarantees: made from the command line itself. Does not do: install anything.

use std::process::ExitCode;

use clap_complete::{Shell, generate};

/// How it is called.
pub(super) const EXAMPLES: &str = "\
Examples:
  onelane completions bash > /etc/bash_completion.d/onelane
  onelane completions zsh > ~/.zfunc/_onelane
  onelane completions fish > ~/.config/fish/completions/onelane.fish";

/// What `completions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completions; gives 0.
pub(super) fn print(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    generate(
        arguments.shell,
        &mut super::command_line(),
        "onelane",
        &mut script,
    );
    super::say(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}
