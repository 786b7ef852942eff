//! `onelane run`: from a configuration to a drained exit.
//!
//! Guarantees: nothing is bound before the whole configuration is valid; the first SIGTERM or SIGINT drains, the second
//! ends at once.
//! Does not do: serve; [`crate::app`] does.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::app::{self, Drained, Running};
use crate::config::{Config, Log, LogFormat};

/// Runs until a signal, then drains. Gives 0 when all requests finished, 1 when some were cut off or the start failed,
/// 64 when the configuration is wrong.
pub(super) fn run(path: &Path) -> ExitCode {
    let mut config = match super::load(path) {
        Ok(config) => config,
        Err(errors) => return super::refuse(&errors),
    };
    log_to_stderr(config.startup.log);
    for warning in &config.warnings {
        tracing::warn!(file = %path.display(), line = warning.line, key = %warning.at, "{}", warning.message);
    }
    super::descriptors::raise(&mut config.startup);
    match serve(config) {
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

fn serve(config: Config) -> Result<Drained, StartError> {
    // Before anything is bound: a signal that comes during the start must not be lost.
    let signals = Signals::listen().map_err(StartError::Signals)?;
    let listeners = app::bind(&config.startup)?;
    let running = Running::start(config, listeners).map_err(StartError::Threads)?;
    for address in running.addresses() {
        tracing::info!(%address, "listening for clients");
    }
    if let Some(address) = running.admin_address() {
        tracing::info!(%address, "listening for operators");
    }
    running.on_drain_asked(signals.asker("the admin API"));
    let signal = signals.first();
    tracing::info!(signal, "draining; a second signal ends at once");
    Ok(running.drain())
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Bind(#[from] app::BindError),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error("threads cannot be started: {0}")]
    Threads(io::Error),
}

/// Sends the log to standard error, in the form the configuration wants; `RUST_LOG` chooses what of it.
fn log_to_stderr(log: Log) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter);
    let installed = match log.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init(),
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
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

/// Ctrl-C, and what the system sends before it closes a console or shuts down.
#[cfg(windows)]
struct SignalStream {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl SignalStream {
    fn new() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Cancel safe.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.close.recv() => "console closed",
            _ = self.shutdown.recv() => "shutdown",
        }
    }
}
