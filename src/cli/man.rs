//! `onelane man [DIR]`: manual pages.
//!
//! Guarantees: made from the command line itself; one page for each command. Does not do: install anything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap_mangen::{Man, generate_to};

/// How it is called.
pub(super) const EXAMPLES: &str = "\
Examples:
  onelane man | man -l -
  onelane man /usr/local/share/man/man1";

/// What `man` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Write onelane.1, onelane-run.1 and so on into this folder, which is there
    dir: Option<PathBuf>,
}

/// Prints the page of `onelane`, or writes all pages; gives 0, or 1 when they cannot be written.
pub(super) fn man(arguments: &Arguments) -> ExitCode {
    let written = match &arguments.dir {
        Some(dir) => generate_to(super::command_line(), dir),
        None => {
            let mut page = Vec::new();
            let rendered = Man::new(super::command_line()).render(&mut page);
            rendered.map(|()| super::say(String::from_utf8_lossy(&page).trim_end()))
        }
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let place = arguments
                .dir
                .as_deref()
                .map(|dir| dir.display().to_string());
            let place = place.as_deref().unwrap_or("standard output");
            super::complain(&format!("cannot write to {place}: {error}"));
            ExitCode::FAILURE
        }
    }
}
