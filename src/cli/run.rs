//! `onelane run`: from a configuration to a drained exit.
//!
//! Guarantees: nothing is bound before the whole configuration is valid; the first SIGTERM or SIGINT (on Windows Ctrl-C,
//! Ctrl-Break, or a console that closes) drains, the second ends at once; SIGHUP reloads; systemd is told when clients are
//! served, and when the drain begins.
//! Does not do: serve; [`crate::app`] does.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::hangup::Hangups;
use super::systemd;
use crate::app::{self, Drained, Listeners, Passed, PassedError, Running};
use crate::config::{Config, Log, LogFormat};

/// Runs until a signal, then drains. Gives 0 when all requests finished, 1 when some were cut off or the start failed,
/// 64 when the configuration is wrong.
pub(super) fn run(path: &Path) -> ExitCode {
    let passed = Passed::take(); // before any thread is started
    let mut config = match super::load(path) {
        Ok(config) => config,
        Err(errors) => return super::refuse(&errors),
    };
    log_to(io::stderr, io::stderr().is_terminal(), config.startup.log);
    warn_of(&config, path);
    super::descriptors::raise(&mut config.startup);
    ended(serve(config, passed))
}

/// Logs the doubts about a configuration.
pub(super) fn warn_of(config: &Config, path: &Path) {
    for warning in &config.warnings {
        tracing::warn!(file = %path.display(), line = warning.line, key = %warning.at, "{}", warning.message);
    }
}

/// Logs how it ended; gives 0 when all requests finished, else 1.
pub(super) fn ended(result: Result<Drained, StartError>) -> ExitCode {
    match result {
        Ok(Drained { cut_off: 0 }) => {
            tracing::info!("drained");
            ExitCode::SUCCESS
        }
        Ok(Drained { cut_off }) => {
            tracing::error!(cut_off, "requests were cut off at the end of drain_timeout");
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::error!("not started: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, passed: Result<Passed, PassedError>) -> Result<Drained, StartError> {
    // Before anything is bound: a signal that comes during the start must not be lost.
    let signals = Signals::listen().map_err(StartError::Signals)?;
    let hangups = Hangups::listen().map_err(StartError::Signals)?;
    let passed = passed?;
    for (socket, address) in passed.labels() {
        tracing::info!(%socket, %address, "passed by whoever started this process");
    }
    let places = passed.assign(&config.startup)?;
    let listeners = app::bind_beside(&config.startup, places)?;
    serve_until(
        config,
        listeners,
        app::standard_output(),
        |running| {
            running.on_drain_asked(signals.asker("the admin API"));
            hangups.reload(Arc::clone(running.reload()))
        },
        || signals.first(),
    )
}

/// Starts, and drains when `stop` returns, which is called once all listen, after `started`; it gives the name of what ends
/// us.
pub(super) fn serve_until(
    config: Config,
    listeners: Listeners,
    access_log: impl io::Write + Send + 'static,
    started: impl FnOnce(&Running) -> io::Result<()>,
    stop: impl FnOnce() -> &'static str,
) -> Result<Drained, StartError> {
    let longest = config
        .startup
        .drain_delay
        .saturating_add(config.startup.drain_timeout);
    let running =
        Running::start_logging_to(access_log, config, listeners).map_err(StartError::Threads)?;
    started(&running).map_err(StartError::Threads)?;
    for address in running.addresses() {
        tracing::info!(%address, "listening for clients");
    }
    if let Some(address) = running.admin_address() {
        tracing::info!(%address, "listening for operators");
    }
    systemd::ready();
    let signal = stop();
    tracing::info!(signal, "draining; a second signal ends at once");
    systemd::stopping(longest);
    Ok(running.drain())
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Bind(#[from] app::BindError),
    #[error(transparent)]
    Passed(#[from] PassedError),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error("threads cannot be started: {0}")]
    Threads(io::Error),
}

/// Sends the log to `writer`, in the form the configuration wants; `RUST_LOG` chooses what of it. `ansi` is for colours.
pub(super) fn log_to<W>(writer: W, ansi: bool, log: Log)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_env_filter(filter);
    let installed = match log.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init(),
        LogFormat::Text => builder.with_ansi(ansi).with_target(false).try_init(),
    };
    if let Err(error) = installed {
        super::complain(&format!("the log was set up before: {error}"));
    }
}

/// The signals that end the process, received on a thread of their own.
struct Signals {
    first: mpsc::Receiver<&'static str>,
    sender: mpsc::Sender<&'static str>,
}

impl Signals {
    /// Begins to receive: from now on a signal no longer kills the process.
    fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut stream = {
            let _in_runtime = runtime.enter();
            SignalStream::new()?
        };
        let (sender, first) = mpsc::channel();
        let asker = sender.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    // Nobody listens any more when the start has failed; the process then ends by itself.
                    let _ = sender.send(stream.next().await);
                    let signal = stream.next().await;
                    end_at_once(signal);
                });
            })?;
        Ok(Self {
            first,
            sender: asker,
        })
    }

    /// What counts as the first signal when it is called; a signal that comes after it does not end at once, since who
    /// sends it may not know of the other.
    fn asker(&self, name: &'static str) -> impl Fn() + Send + Sync + use<> {
        let sender = self.sender.clone();
        move || {
            sender.send(name).ok(); // nobody waits any more once it has drained
        }
    }

    /// Waits for the first signal; gives its name.
    fn first(&self) -> &'static str {
        self.first.recv().expect("the thread sends before it ends")
    }
}

#[expect(
    clippy::exit,
    reason = "a second signal is a person who does not want to wait for the drain"
)]
fn end_at_once(signal: &str) {
    tracing::warn!(signal, "second signal: ending at once");
    std::process::exit(1);
}

/// SIGTERM, as orchestrators send it, and SIGINT, as a terminal does.
#[cfg(unix)]
struct SignalStream {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl SignalStream {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Cancel safe.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ctrl-C and Ctrl-Break, and what the system sends before it closes a console or shuts down.
#[cfg(windows)]
struct SignalStream {
    interrupt: tokio::signal::windows::CtrlC,
    break_key: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl SignalStream {
    fn new() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            break_key: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Cancel safe.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.break_key.recv() => "Ctrl-Break",
            _ = self.close.recv() => "console closed",
            _ = self.shutdown.recv() => "shutdown",
        }
    }
}
