//! The service itself: the process that the service control manager starts.
//!
//! Guarantees: each state is reported (START_PENDING, RUNNING once all listen, STOP_PENDING for longer than a drain takes,
//! STOPPED with the exit code of `onelane run`); a stop and a shutdown of the system drain; the log and the access log go
//! to files of a day each. Does not do: install; `control` does.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::{define_windows_service, service_dispatcher};

use super::{Verb, stop_hint};
use crate::app;
use crate::cli::{Arguments, Command, run};
use crate::config::{AccessLog, Log, LogFormat};

define_windows_service!(entry, service_main);

/// Becomes the service; returns when it has stopped. Fails in a console.
pub(super) fn dispatch() -> ExitCode {
    // A process of one service is that service, whatever the table calls it.
    match service_dispatcher::start("", entry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::cli::complain(&format!(
                "only the service control manager starts this ({}); in a console: onelane run -c FILE",
                super::control::reason(&error)
            ));
            ExitCode::from(crate::cli::WRONG_INPUT)
        }
    }
}

/// On a thread of the service control manager; the first argument is the service's name.
fn service_main(arguments: Vec<OsString>) {
    let name = arguments.into_iter().next().unwrap_or_default();
    let (sender, stop) = mpsc::channel();
    let registered = service_control_handler::register(name, move |control| {
        let why = match control {
            ServiceControl::Interrogate => return ServiceControlHandlerResult::NoError,
            ServiceControl::Stop => "service stop",
            ServiceControl::Preshutdown | ServiceControl::Shutdown => "system shutdown",
            _ => return ServiceControlHandlerResult::NotImplemented,
        };
        // A second one changes nothing: nobody receives it.
        let _ = sender.send(why);
        ServiceControlHandlerResult::NoError
    });
    // Without a handle nobody can be told; the manager sees the process end.
    let Ok(handle) = registered else {
        return;
    };
    let reports = Reports(handle);
    reports.say(ServiceState::StartPending, START_HINT);
    let code = serve(&reports, &stop);
    reports.stopped(code);
}

/// Serves until `stop`; gives the exit code.
fn serve(reports: &Reports, stop: &mpsc::Receiver<&'static str>) -> u8 {
    // The manager's arguments are the service's name alone: what was installed is on the process's own command line.
    let Ok(Arguments {
        command:
            Command::Service(super::Arguments {
                verb: Verb::Run { config: file, logs },
            }),
    }) = Arguments::try_parse_from(std::env::args_os())
    else {
        return crate::cli::WRONG_INPUT;
    };
    let folder = logs.beside(&file.path);
    let (Ok(log), Ok(access_log)) = (log_file(&folder, "onelane"), log_file(&folder, "access"))
    else {
        return NO_LOG;
    };
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let config = match crate::cli::load(&file.path) {
        Ok(config) => config,
        Err(errors) => {
            run::log_to(log, false, PLAIN);
            tracing::error!("not started: {errors}");
            return crate::cli::WRONG_INPUT;
        }
    };
    run::log_to(log, false, config.startup.log);
    run::warn_of(&config, &file.path);
    let hint = stop_hint(config.startup.drain_timeout);
    let until_stop = || {
        reports.say(ServiceState::Running, Duration::ZERO);
        let why = stop.recv().unwrap_or("the service control manager is gone");
        reports.say(ServiceState::StopPending, hint);
        why
    };
    let result = app::bind(&config.startup)
        .map_err(run::StartError::from)
        .and_then(|listeners| {
            run::serve_until(config, listeners, access_log, |_| Ok(()), until_stop)
        });
    u8::from(run::ended(result) != ExitCode::SUCCESS)
}

/// `FOLDER/NAME.2026-01-31.log`; made when it is not there.
fn log_file(folder: &Path, name: &str) -> Result<RollingFileAppender, InitError> {
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(folder)
}

/// What the service control manager is told.
struct Reports(ServiceStatusHandle);

impl Reports {
    /// A step has begun; the next comes within `hint`.
    fn say(&self, state: ServiceState, hint: Duration) {
        self.send(state, hint, ServiceExitCode::NO_ERROR);
    }

    /// The last word.
    fn stopped(&self, code: u8) {
        let code = match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code.into()),
        };
        self.send(ServiceState::Stopped, Duration::ZERO, code);
    }

    fn send(&self, state: ServiceState, wait_hint: Duration, exit_code: ServiceExitCode) {
        let running = state == ServiceState::Running;
        let pending = !running && state != ServiceState::Stopped;
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            // Not SHUTDOWN: it leaves five seconds. PRESHUTDOWN leaves what was installed.
            controls_accepted: if running {
                ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN
            } else {
                ServiceControlAccept::empty()
            },
            exit_code,
            checkpoint: u32::from(pending),
            wait_hint,
            process_id: None,
        };
        if let Err(error) = self.0.set_service_status(status) {
            tracing::warn!(%error, ?state, "the service control manager was not told");
        }
    }
}

/// For what is wrong before the configuration has said how to log.
const PLAIN: Log = Log {
    format: LogFormat::Text,
    access: AccessLog::Off,
};

/// Until all listen: certificates are read, cores are started.
const START_HINT: Duration = Duration::from_secs(30);

/// Days of logs that are kept, of each of the two.
const KEPT: usize = 14;

/// The exit code when the folder of the logs cannot be written: EX_CANTCREAT of sysexits.h.
pub(super) const NO_LOG: u8 = 73;
