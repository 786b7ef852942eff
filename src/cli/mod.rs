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

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{self, Config, Errors};

mod admin;
mod advise;
mod ask;
mod check;
mod completions;
pub mod demo;
mod descriptors;
mod explain;
mod hangup;
mod health;
mod man;
mod run;
mod service;
mod systemd;
mod top;
mod version;

/// One lane per session in front of a legacy web application.
#[derive(Debug, Parser)]
#[command(name = "onelane", version, term_width = 80, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy until SIGTERM or Ctrl-C, then let requests finish
    #[command(after_help = "Example:\n  onelane run -c onelane.yaml")]
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Check a configuration file: say all that is wrong or doubtful in it
    #[command(after_help = "Example:\n  onelane check onelane.yaml")]
    Check(check::Arguments),
    /// Say which route a request hits and why, its session's digest and its limits
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Arguments),
    /// Propose routes from what a running Onelane has seen: which paths may be read, and which reads wrote
    #[command(after_help = advise::EXAMPLES)]
    Advise(advise::Arguments),
    /// Show what the session lock costs: a legacy application, straight and behind Onelane
    #[command(after_help = "Examples:\n  onelane demo\n  onelane demo --keep")]
    Demo(demo::Options),
    /// Show the lanes of a running Onelane, refreshed each second: who holds them, who waits, and for what; q quits
    #[command(after_help = "Example:\n  onelane top --once")]
    Top(top::Arguments),
    /// Ask a running Onelane whether it is ready; exits 0 when it is (for health checks)
    #[command(after_help = health::EXAMPLES)]
    Health(health::Arguments),
    /// Install, start, stop or remove the Windows service
    #[command(after_help = "Example:\n  onelane service install -c C:\\onelane\\onelane.yaml")]
    Service(service::Arguments),
    /// Print the JSON Schema of the configuration, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print the completions of a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Arguments),
    /// Print the manual page, or write one for each command into a folder
    #[command(after_help = man::EXAMPLES)]
    Man(man::Arguments),
    /// Say which version this is, and how it was built
    #[command(after_help = "Example:\n  onelane version --json")]
    Version(version::Arguments),
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
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Advise(arguments) => advise::advise(&arguments),
        Command::Demo(options) => demo::run(options),
        Command::Top(arguments) => top::top(&arguments),
        Command::Health(arguments) => health::health(&arguments),
        Command::Service(arguments) => service::service(&arguments),
        Command::Schema => {
            say(config::schema_text().trim_end());
            ExitCode::SUCCESS
        }
        Command::Completions(arguments) => completions::print(&arguments),
        Command::Man(arguments) => man::man(&arguments),
        Command::Version(arguments) => version::version(&arguments),
    }
}

/// The command line itself, for what is made of it.
fn command_line() -> clap::Command {
    // `onelane help run` is the same as `onelane run --help`, and wants no page of its own.
    Arguments::command().disable_help_subcommand(true)
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

const EXIT_CODES: &str = "\
Exit codes:
  0   done: a check passed, a drain finished
  1   a start that failed, requests that were cut off, not ready
  64  wrong arguments or a wrong configuration

Begin with:
  onelane demo
  onelane check onelane.yaml
  onelane run -c onelane.yaml";

const SCHEMA_EXAMPLES: &str = "\
Example:
  onelane schema > onelane.schema.json

Editors find it by the first line of the configuration beside it:
  # yaml-language-server: $schema=onelane.schema.json";

/// EX_USAGE of sysexits.h.
const WRONG_INPUT: u8 = 64;
