//! `onelane check FILE`: all that is wrong or doubtful in a configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Config;

/// One file, said in either way.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Arguments {
    /// The configuration file
    file: Option<PathBuf>,
    /// The same, as the other commands take it
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints the errors of the file and gives 64, or its warnings and gives 0.
pub(super) fn check(arguments: &Arguments) -> ExitCode {
    let file = arguments.file.as_ref().or(arguments.config.as_ref());
    let file = file.expect("the parser wants one of them");
    match super::load(file) {
        Ok(config) => {
            super::say(&report(file, &config));
            ExitCode::SUCCESS
        }
        Err(errors) => super::refuse(&errors),
    }
}

/// What is said of a valid configuration.
pub(super) fn report(file: &Path, config: &Config) -> String {
    let mut text = String::new();
    for warning in &config.warnings {
        let line = warning
            .line
            .map_or_else(String::new, |line| format!("{line}:"));
        let at = if warning.at.is_empty() {
            String::new()
        } else {
            format!(" {}", warning.at)
        };
        text += &format!(
            "{}:{line} warning:{at}\n    {}\n\n",
            file.display(),
            warning.message
        );
    }
    let count = match config.warnings.len() {
        0 => "is valid.".to_owned(),
        1 => "is valid, with 1 warning.".to_owned(),
        many => format!("is valid, with {many} warnings."),
    };
    text + &format!("{} {count}", file.display())
}
