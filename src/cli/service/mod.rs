//! `onelane service`: Onelane as a Windows service.
//!
//! Guarantees: what is installed has a valid configuration, absolute paths and an account of its own with few rights; a
//! stop and a shutdown of the system drain as a first signal does.
//! Does not do: anything on other systems but say so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::ConfigFile;

#[cfg(windows)]
mod control;
#[cfg(windows)]
mod process;

/// What `service` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the configuration, and install the service; it starts with the system
    Install {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        service: Named,
        #[command(flatten)]
        logs: LogFolder,
    },
    /// Start the service, and wait until it listens
    Start(Named),
    /// Stop the service, and wait until its requests have finished
    Stop(Named),
    /// Stop the service, and remove it
    Uninstall(Named),
    /// Be the service; only the service control manager can start this
    #[command(hide = true)]
    Run {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        logs: LogFolder,
    },
}

/// Which service.
#[derive(Debug, clap::Args)]
struct Named {
    /// The service's name
    #[arg(long, default_value = "onelane", value_parser = service_name)]
    name: String,
}

/// Where the service logs.
#[derive(Debug, clap::Args)]
struct LogFolder {
    /// The folder of the log files; by default logs, beside the configuration
    #[arg(long = "logs", value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

#[cfg_attr(
    all(not(windows), not(test)),
    expect(dead_code, reason = "a service's alone")
)]
impl LogFolder {
    /// The folder, for a configuration at `config`.
    fn beside(&self, config: &Path) -> PathBuf {
        let default = || config.with_file_name("logs");
        self.folder.clone().unwrap_or_else(default)
    }
}

/// Does what `arguments` say. Gives 0 when it is done, 1 when it could not be, 64 when the configuration is wrong.
#[cfg(windows)]
pub(super) fn service(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.verb {
        Verb::Install {
            config,
            service,
            logs,
        } => return control::install(&config.path, &service.name, logs),
        Verb::Start(service) => control::start(&service.name),
        Verb::Stop(service) => control::stop(&service.name),
        Verb::Uninstall(service) => control::uninstall(&service.name),
        Verb::Run { .. } => return process::dispatch(),
    };
    control::told(done)
}

/// Says that this system has no such services; gives 64.
#[cfg(not(windows))]
pub(super) fn service(Arguments { verb }: &Arguments) -> ExitCode {
    let verb = match verb {
        Verb::Install { .. } => "install",
        Verb::Start(_) => "start",
        Verb::Stop(_) => "stop",
        Verb::Uninstall(_) => "uninstall",
        Verb::Run { .. } => "run",
    };
    super::complain(&format!(
        "onelane service {verb} is for Windows; here systemd or a container runs onelane run"
    ));
    ExitCode::from(super::WRONG_INPUT)
}

/// A name that needs no quotes anywhere: it is part of the name of the account, too.
fn service_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(plain) {
        return Err(format!(
            "up to {LONGEST_NAME} letters, digits, '-', '_' and '.'"
        ));
    }
    Ok(text.to_owned())
}

/// How long the service control manager is to wait for a drain before it takes the service for hung.
#[cfg_attr(
    all(not(windows), not(test)),
    expect(dead_code, reason = "a service's alone")
)]
fn stop_hint(drain_timeout: Duration) -> Duration {
    drain_timeout.saturating_add(AFTER_DRAIN).min(LONGEST_HINT)
}

/// The last words after `drain_timeout` (1 s), the threads' ends, and a machine that is shutting down.
const AFTER_DRAIN: Duration = Duration::from_secs(15);

/// Windows counts milliseconds in 32 bits; nobody waits for a day.
const LONGEST_HINT: Duration = Duration::from_secs(24 * 60 * 60);

/// Windows allows 256; an account's name is shorter.
const LONGEST_NAME: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for name in ["onelane", "Onelane-2", "a.b_c"] {
            assert_eq!(service_name(name).as_deref(), Ok(name));
        }
        for name in ["", "one lane", "a\\b", "a/b", "a\"b", &"a".repeat(81)] {
            service_name(name).unwrap_err();
        }
    }

    #[test]
    fn the_manager_waits_longer_than_a_drain_and_its_milliseconds_fit() {
        let drain = Duration::from_secs(30);
        assert!(stop_hint(drain) > drain + Duration::from_secs(1));
        assert!(u32::try_from(stop_hint(Duration::MAX).as_millis()).is_ok());
    }

    #[test]
    fn logs_are_beside_the_configuration_unless_said() {
        let config = Path::new("site/onelane.yaml");
        let default = LogFolder { folder: None };
        assert_eq!(default.beside(config), Path::new("site/logs"));
        let said = LogFolder {
            folder: Some("elsewhere".into()),
        };
        assert_eq!(said.beside(config), Path::new("elsewhere"));
    }
}
