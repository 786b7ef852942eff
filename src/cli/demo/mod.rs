//! `onelane demo`: the same bursts, straight to a legacy application and through Onelane.
//!
//! Guarantees: nothing to install and no file to edit: the application (`legacy`), Onelane (`front`) and the
//! client (`load`) are in this process, on threads of their own, and speak HTTP over real sockets on free ports of
//! this machine; it ends within a minute, whatever happens; standard output holds the result alone, standard error
//! the progress.
//! Does not do: benchmark. The pages only wait; it shows what the application's lock costs, not how fast Onelane is.

mod front;
mod legacy;
mod load;
mod progress;
mod report;
mod scenario;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use self::front::CannotStart;
use self::legacy::{Application, Settings};
use self::load::{Answered, NoSession};
use self::progress::Progress;
use self::report::{Comparison, Verdict};
use self::scenario::{Measured, Scenario};
use crate::app::Running;

/// What `onelane demo` is asked to do.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Options {
    /// Leave the application and Onelane up afterwards, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("cannot start the legacy application: {0}")]
    Application(io::Error),
    #[error(transparent)]
    Front(#[from] CannotStart),
    #[error(transparent)]
    NoSession(#[from] NoSession),
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    #[error("cannot start the client: {0}")]
    Runtime(io::Error),
}

/// Where the requests of a comparison go.
#[derive(Clone, Copy, Debug)]
struct Ways {
    straight: SocketAddr,
    through: SocketAddr,
}

/// Runs the demonstration, and prints the comparison.
///
/// Gives success when every request through Onelane was answered and no two writers of a session met, whatever the
/// times were; failure (1) otherwise.
pub fn run(options: Options) -> ExitCode {
    match demonstrate(options) {
        Ok(Verdict::Sound) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(options: Options) -> Result<Verdict, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DemoError::Runtime)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(DemoError::Application)?;
    let settings = Settings::default();
    let application = Application::start(listener, settings).map_err(DemoError::Application)?;
    let onelane = front::start(application.address())?;

    let shown = runtime.block_on(show(options, &application, settings, &onelane));
    onelane.drain();
    shown
}

/// Everything that is seen, in its order.
async fn show(
    options: Options,
    application: &Application,
    settings: Settings,
    onelane: &Running,
) -> Result<Verdict, DemoError> {
    let through = *onelane
        .addresses()
        .first()
        .expect("the configuration has one listener");
    let ways = Ways {
        straight: application.address(),
        through,
    };
    let text = |text: String| if options.json { Ok(()) } else { print(&text) };

    text(format!(
        "{}\n",
        report::opening(ways.straight, ways.through, settings.workers)
    ))?;
    let deadline = Instant::now() + LONGEST;
    let mut comparisons = Vec::new();
    for (scenario, number) in Scenario::all().into_iter().zip(1..) {
        let comparison = compare(scenario, ways, application, deadline, Progress::detect()).await?;
        text(format!("{}\n", comparison.table(number)))?;
        comparisons.push(comparison);
    }
    text(report::closing(&comparisons))?;
    if options.json {
        print(&format!("{:#}\n", report::json(&comparisons)))?;
    }
    if options.keep {
        keep(ways, onelane.admin_address()).await?;
    }
    let sound = comparisons
        .iter()
        .all(|comparison| comparison.verdict() == Verdict::Sound);
    Ok(if sound {
        Verdict::Sound
    } else {
        Verdict::Broken
    })
}

/// Runs one scenario both ways, one after the other.
async fn compare(
    scenario: Scenario,
    ways: Ways,
    application: &Application,
    deadline: Instant,
    progress: Progress,
) -> Result<Comparison, NoSession> {
    let measure = async |label, address| -> Result<Measured, NoSession> {
        let answered = Answered::default();
        let work = scenario.run(address, application, deadline, &answered);
        progress
            .watch(label, scenario.requests(), &answered, work)
            .await
    };
    let straight = measure("straight", ways.straight).await?;
    let through = measure("through Onelane", ways.through).await?;
    Ok(Comparison {
        scenario,
        straight,
        through,
    })
}

/// Leaves everything up until Ctrl-C. The addresses go to standard error, to leave JSON alone.
async fn keep(ways: Ways, admin: Option<SocketAddr>) -> Result<(), DemoError> {
    complain(&report::still_up(ways.straight, ways.through, admin));
    tokio::signal::ctrl_c().await.map_err(DemoError::Runtime)
}

fn print(text: &str) -> Result<(), DemoError> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(DemoError::Output)
}

#[expect(clippy::print_stderr, reason = "a command line prints")]
fn complain(message: &dyn std::fmt::Display) {
    eprintln!("{message}");
}

/// After it, what has no answer has failed. The three scenarios take 40 s when Onelane loses no time.
const LONGEST: Duration = Duration::from_secs(57);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_comparison_of_the_application_with_itself_finds_no_difference() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let application = Application::start(listener, Settings::default()).unwrap();
        let ways = Ways {
            straight: application.address(),
            through: application.address(),
        };
        let scenario = Scenario::writes(2, Duration::from_millis(5));
        let deadline = Instant::now() + LONGEST;
        let comparison = compare(scenario, ways, &application, deadline, Progress::Lines)
            .await
            .unwrap();
        assert_eq!(comparison.verdict(), Verdict::Sound);
        assert_eq!((comparison.straight.gets, comparison.through.gets), (3, 3));
    }
}
