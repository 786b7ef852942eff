//! What an operator types: arguments in, exit code out.
//!
//! Guarantees: exit codes are an interface: 0 done (a check passed, a drain finished), 1 a start that failed or requests
//! that were cut off, 64 wrong arguments or a wrong configuration. Results go to standard output, errors and the log to
//! standard error.
//! Does not do: decide anything about requests.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Errors};

mod admin;
mod advise;
mod ask;
mod check;
pub mod demo;
mod descriptors;
mod explain;
mod health;
mod run;
mod top;

/// One lane per session in front of a legacy web application.
#[derive(Debug, Parser)]
#[command(name = "onelane", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy until SIGTERM or Ctrl-C, then let requests finish
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Check a configuration file: say all that is wrong or doubtful in it
    Check {
        /// The file
        file: PathBuf,
    },
    /// Say which route a request hits and why, its session's digest and its limits
    Explain(explain::Arguments),
    /// Propose routes from what a running Onelane has seen: which paths may be read, and which reads wrote
    Advise(advise::Arguments),
    /// Show what the session lock costs: a legacy application, straight and behind Onelane
    Demo(demo::Options),
    /// Show the lanes of a running Onelane, refreshed each second: who holds them, who waits, and for what; q quits
    Top(top::Arguments),
    /// Ask a running Onelane whether it is ready; exits 0 when it is (for health checks)
    Health(health::Arguments),
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "ONELANE_CONFIG"
    )]
    path: PathBuf,
}

/// Does what `arguments` say; the first is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match arguments.command {
        Command::Run { config } => run::run(&config.path),
        Command::Check { file } => check::check(&file),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Advise(arguments) => advise::advise(&arguments),
        Command::Demo(options) => demo::run(options),
        Command::Top(arguments) => top::top(&arguments),
        Command::Health(arguments) => health::health(&arguments),
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed terminal leaves nobody to tell.
    drop(error.print());
    if error.use_stderr() {
        ExitCode::from(WRONG_INPUT)
    } else {
        ExitCode::SUCCESS
    }
}

/// The configuration at `path` with the process's environment.
fn load(path: &Path) -> Result<Config, Errors> {
    Config::load(path, &|name| std::env::var(name).ok())
}

/// Prints the errors of a configuration; gives the exit code.
fn refuse(errors: &Errors) -> ExitCode {
    complain(&errors.to_string());
    ExitCode::from(WRONG_INPUT)
}

/// Prints a result to standard output. A reader that has left (`| head`) is no error.
fn say(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints what is wrong to standard error.
fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// EX_USAGE of sysexits.h.
const WRONG_INPUT: u8 = 64;
