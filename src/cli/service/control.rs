//! What an operator does to the service: install, start, stop, uninstall.
//!
//! Guarantees: nothing is installed with a wrong configuration; the service has an account of its own (`NT SERVICE\NAME`,
//! few rights, no password), which may write its logs; start and stop return when it is done, or say why it is not.
//! Does not do: serve; `process` does.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceExitCode,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState,
    ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::{LogFolder, process, stop_hint};
use crate::cli::{WRONG_INPUT, check, complain, load, refuse, say};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("{}", reason(.0))]
    Manager(#[from] windows_service::Error),
    #[error("{what}: {source}")]
    Files {
        what: &'static str,
        source: io::Error,
    },
    #[error("the service ended at its start: {}", ended(.0))]
    Ended(ServiceExitCode),
    #[error("it is {0:?} for too long; it may still come to its end")]
    TooLong(ServiceState),
}

/// Prints why something was not done; gives the exit code.
pub(super) fn told(done: Result<(), ControlError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Installs the service `name` for the configuration at `path`, when that is valid.
pub(super) fn install(path: &Path, name: &str, logs: &LogFolder) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(errors) => return refuse(&errors),
    };
    say(&check::report(path, &config));
    told(create(
        path,
        name,
        logs,
        stop_hint(config.startup.drain_timeout),
    ))
}

fn create(
    path: &Path,
    name: &str,
    logs: &LogFolder,
    shutdown: Duration,
) -> Result<(), ControlError> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| ControlError::Files {
            what: "a path",
            source,
        })
    };
    let config = absolute(path)?;
    let logs = absolute(&logs.beside(&config))?;
    let program = std::env::current_exe().map_err(|source| ControlError::Files {
        what: "this program's path",
        source,
    })?;
    fs::create_dir_all(&logs).map_err(|source| ControlError::Files {
        what: "the folder of the logs",
        source,
    })?;
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&str>, access)?;
    let service = manager.create_service(
        &described(name, program, &config, &logs),
        ServiceAccess::CHANGE_CONFIG | ServiceAccess::START,
    )?;
    say(&format!(
        "installed: {name}, as NT SERVICE\\{name}; its logs are in {}",
        logs.display()
    ));
    settle(&service, shutdown);
    allow_logs(name, &logs);
    Ok(())
}

fn described(name: &str, executable_path: PathBuf, config: &Path, logs: &Path) -> ServiceInfo {
    let mut launch_arguments: Vec<OsString> = ["service", "run", "-c"].map(Into::into).into();
    launch_arguments.extend([config.into(), "--logs".into(), logs.into()]);
    ServiceInfo {
        name: name.into(),
        display_name: format!("Onelane ({name})").into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path,
        launch_arguments,
        dependencies: Vec::new(),
        account_name: Some(format!("NT SERVICE\\{name}").into()),
        account_password: None,
    }
}

/// What is good to have: it runs without.
fn settle(service: &Service, shutdown: Duration) {
    let restart = |seconds| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: Duration::from_secs(seconds),
    };
    // After a crash alone: a wrong configuration stays wrong.
    let failure = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 60 * 60)),
        reboot_msg: None,
        command: None,
        actions: Some(vec![restart(1), restart(5), restart(60)]),
    };
    let settled = [
        (
            "a description",
            service.set_description("Gives each session of a legacy web application one lane"),
        ),
        (
            "a restart after a crash",
            service.update_failure_actions(failure),
        ),
        (
            "time to drain at a shutdown",
            service.set_preshutdown_timeout(shutdown),
        ),
    ];
    for (what, done) in settled {
        if let Err(error) = done {
            complain(&format!("it runs without {what}: {}", reason(&error)));
        }
    }
}

/// The account is new: no folder allows it to write.
fn allow_logs(name: &str, logs: &Path) {
    let right = format!("NT SERVICE\\{name}:(OI)(CI)M");
    let done = Command::new("icacls")
        .arg(logs)
        .args(["/grant", &right, "/q"])
        .output();
    if !done.is_ok_and(|output| output.status.success()) {
        complain(&format!(
            "allow it to write its logs: icacls \"{}\" /grant \"{right}\"",
            logs.display()
        ));
    }
}

/// Starts the service and waits until it listens; one that runs stays as it is.
pub(super) fn start(name: &str) -> Result<(), ControlError> {
    let service = open(name, ServiceAccess::QUERY_STATUS | ServiceAccess::START)?;
    if service.query_status()?.current_state != ServiceState::Running {
        service.start::<OsString>(&[])?;
        until(&service, ServiceState::Running)?;
    }
    say("running");
    Ok(())
}

/// Stops the service and waits until it has drained; one that does not run stays as it is.
pub(super) fn stop(name: &str) -> Result<(), ControlError> {
    end(&open(
        name,
        ServiceAccess::QUERY_STATUS | ServiceAccess::STOP,
    )?)
}

/// Stops the service and removes it; logs and configuration stay.
pub(super) fn uninstall(name: &str) -> Result<(), ControlError> {
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = open(name, access)?;
    end(&service)?;
    service.delete()?;
    say("uninstalled");
    Ok(())
}

fn end(service: &Service) -> Result<(), ControlError> {
    let state = service.query_status()?.current_state;
    if state != ServiceState::Stopped {
        if state != ServiceState::StopPending {
            service.stop()?;
        }
        until(service, ServiceState::Stopped)?;
    }
    let code = service.query_status()?.exit_code;
    match code {
        ServiceExitCode::ServiceSpecific(1) => {
            say("stopped; its last run ended with an error, see its log")
        }
        _ => say("stopped"),
    }
    Ok(())
}

fn open(name: &str, access: ServiceAccess) -> Result<Service, ControlError> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
    Ok(manager.open_service(name, access)?)
}

/// Waits until the service is `wanted`, as long as it asks us to and a moment more.
fn until(service: &Service, wanted: ServiceState) -> Result<(), ControlError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|source| ControlError::Files {
            what: "a timer",
            source,
        })?;
    let began = Instant::now();
    loop {
        let status = service.query_status()?;
        match status.current_state {
            state if state == wanted => return Ok(()),
            ServiceState::Stopped => return Err(ControlError::Ended(status.exit_code)),
            state if began.elapsed() > status.wait_hint.saturating_add(PATIENCE) => {
                return Err(ControlError::TooLong(state));
            }
            _ => runtime.block_on(async { tokio::time::sleep(LOOK).await }),
        }
    }
}

/// What the system says, and what to do about it.
pub(super) fn reason(error: &windows_service::Error) -> String {
    let windows_service::Error::Winapi(error) = error else {
        return error.to_string();
    };
    let advice = match error.raw_os_error() {
        Some(5) => "; run it as administrator",
        Some(1060) => "; onelane service install -c FILE comes first",
        Some(1072) => "; close services.msc and other programs that look at it",
        Some(1073) => "; onelane service uninstall removes it",
        _ => "",
    };
    format!("{error}{advice}")
}

fn ended(code: &ServiceExitCode) -> String {
    match *code {
        ServiceExitCode::ServiceSpecific(CONFIG) => {
            "its configuration is wrong; onelane check says what".to_owned()
        }
        ServiceExitCode::ServiceSpecific(LOG) => {
            "it cannot write its logs; allow its account to".to_owned()
        }
        ServiceExitCode::ServiceSpecific(_) => "its log says why".to_owned(),
        ServiceExitCode::Win32(code) => {
            io::Error::from_raw_os_error(code.cast_signed()).to_string()
        }
    }
}

const CONFIG: u32 = WRONG_INPUT as u32;
const LOG: u32 = process::NO_LOG as u32;

/// How often it is asked.
const LOOK: Duration = Duration::from_millis(100);

/// Beyond what the service asks for, and before it has asked.
const PATIENCE: Duration = Duration::from_secs(30);
