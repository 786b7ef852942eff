//! The configuration is read again: the whole new policy, or the old one.
//!
//! Guarantees: a policy is built completely before it is in force, and each request sees one of them; what a reload
//! refuses has changed nothing; lanes, connections and what clients owe the throttle live on; a session keeps its lane;
//! one reload at a time. Does not do: watch files or receive signals (`app` and `cli` do); change what is made at the
//! start.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::config::{Config, Errors, Origin};
use crate::gateway::{Edition, Policy, Rekeyed};
use crate::metrics::{self, ConfigReload, Metrics};
use crate::watch::Pace;

mod changes;

pub use changes::{Changes, Difference};

/// Reads the configuration again, when it is asked to.
#[derive(Debug)]
pub struct Reload {
    policy: Arc<ArcSwap<Policy>>,
    metrics: Arc<Metrics>,
    /// Where reloads are counted.
    core: Arc<metrics::Core>,
    /// What became of the last attempt. Which policy is in force, the policy itself says.
    last: ArcSwap<Attempt>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the policy in force was read from.
    origin: Origin,
    /// Why the last attempt failed; None when it did not.
    failed: Option<NotReloaded>,
}

/// Who asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The file has changed.
    File,
    /// An operator, by the admin listener.
    Operator,
    /// SIGHUP.
    Signal,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Counts from 1, the start.
    pub number: u64,
    /// Tells the configuration from others: eight hex digits.
    pub digest: String,
    /// When it was read, in seconds of Unix time.
    pub since: u64,
    /// What became of the last attempt to replace it.
    pub last: Attempt,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attempt {
    /// The configuration is wrong.
    Failed,
    /// What was read is in force.
    Ok,
    /// It changes what only a restart changes.
    Refused,
}

/// A reload that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// What is in force now.
    pub version: Version,
    /// How it differs from what was in force.
    pub changes: Changes,
    /// What is doubtful in it, one text for each, with the place.
    pub warnings: Vec<String>,
}

/// Why the old policy goes on. Its `Display` is all of it, for a person at a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReloaded {
    /// It came from no file.
    #[error("there is no configuration file that could be read again")]
    NoFile,
    /// These keys have changed, and only a restart changes them; nothing else was changed either.
    #[error("only a restart changes {}; write back what was there, or restart", .0.join(", "))]
    Startup(Vec<String>),
    /// It is wrong.
    #[error("{0}")]
    Wrong(#[from] Errors),
}

impl Reload {
    /// For the policy that is in force, which was read from `origin`. From now on it is counted in `metrics`.
    pub fn new(policy: Arc<ArcSwap<Policy>>, metrics: Arc<Metrics>, origin: Origin) -> Self {
        Self {
            policy,
            core: metrics.core(0),
            metrics,
            last: ArcSwap::from_pointee(Attempt::Ok),
            state: Mutex::new(State {
                origin,
                failed: None,
            }),
        }
    }

    /// Reads the configuration again and puts its policy in force, changed or not. Says in the log what became of it,
    /// and counts it. Reads files: not for a thread that serves others.
    ///
    /// # Errors
    /// [`NotReloaded`]: nothing has changed.
    pub fn reload(&self, cause: Cause) -> Result<Reloaded, NotReloaded> {
        let mut state = self.state();
        let read = state.read();
        let outcome = read.and_then(|config| self.replace(&mut state, config));
        self.tell(cause, &mut state, &outcome);
        outcome
    }

    /// Reloads if the files are not those that are in force; what was wrong before and still is, is not said again. Gives
    /// the files, to be watched.
    pub fn look(&self) -> Vec<PathBuf> {
        let mut state = self.state();
        if state.origin.digest_now() == Some(state.origin.digest()) {
            self.unchanged(&mut state);
        } else {
            self.changed(&mut state);
        }
        state.origin.files()
    }

    /// The files are those that are in force.
    fn unchanged(&self, state: &mut State) {
        if state.failed.take().is_some() {
            self.last.store(Arc::new(Attempt::Ok));
            tracing::info!("the configuration file is again the one that is in force");
        }
    }

    /// The files are others than those that are in force, or were a moment ago: who writes a file empties it first.
    fn changed(&self, state: &mut State) {
        let read = state.read();
        if let Ok(config) = &read
            && config.origin.digest() == state.origin.digest()
        {
            return self.unchanged(state);
        }
        let outcome = read.and_then(|config| self.replace(state, config));
        if outcome.is_ok() || outcome.as_ref().err() != state.failed.as_ref() {
            self.tell(Cause::File, state, &outcome);
        }
    }

    /// The files, to be watched; none when there is no file.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state().origin.files()
    }

    /// The file that is read; None when there is none.
    pub fn file(&self) -> Option<PathBuf> {
        self.state().origin.file.clone()
    }

    /// What is in force. Never waits.
    pub fn version(&self) -> Version {
        Version::of(self.policy.load().edition, **self.last.load())
    }

    fn replace(&self, state: &mut State, config: Config) -> Result<Reloaded, NotReloaded> {
        let Config {
            startup: _, // as it was written: origin.startup
            mut policy,
            warnings,
            mut origin,
        } = config;
        let old = self.policy.load_full();
        let mut keys = state.origin.startup.differs_from(&origin.startup);
        if let Err(rekeyed) = policy.succeed(&old) {
            keys.extend(rekeyed.into_iter().map(|what| key(what).to_owned()));
        }
        if !keys.is_empty() {
            return Err(NotReloaded::Startup(keys));
        }
        policy.count_in(&self.metrics);
        let mut changes = Changes::between(&old, &policy);
        let version = Version::of(policy.edition, Attempt::Ok);
        let renewed = state.origin.startup.renew(&origin.startup);
        changes.sections.extend(renewed);
        self.policy.store(Arc::new(policy));
        // The startup that runs stays: it is the one that is renewed the next time, too.
        origin.startup = state.origin.startup.clone();
        state.origin = origin;
        Ok(Reloaded {
            version,
            changes,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// Says what became of an attempt, and keeps it.
    fn tell(&self, cause: Cause, state: &mut State, outcome: &Result<Reloaded, NotReloaded>) {
        let cause = cause.label();
        let (attempt, count) = match outcome {
            Ok(reloaded) => {
                let Version { number, digest, .. } = &reloaded.version;
                let changes = &reloaded.changes;
                tracing::info!(cause, version = number, digest, %changes, "the configuration was reloaded");
                for warning in &reloaded.warnings {
                    tracing::warn!("{warning}");
                }
                (Attempt::Ok, ConfigReload::Ok)
            }
            Err(error) => {
                tracing::error!(
                    cause,
                    "the configuration was not reloaded, the old policy goes on: {error}"
                );
                match error {
                    NotReloaded::Startup(_) => (Attempt::Refused, ConfigReload::Refused),
                    NotReloaded::NoFile | NotReloaded::Wrong(_) => {
                        (Attempt::Failed, ConfigReload::Failed)
                    }
                }
            }
        };
        self.core.config_reload(count);
        self.last.store(Arc::new(attempt));
        state.failed = outcome.as_ref().err().cloned();
    }

    /// A panic of an earlier attempt left what is in force.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The configuration, as its files are now.
    fn read(&self) -> Result<Config, NotReloaded> {
        let file = self.origin.file.as_deref().ok_or(NotReloaded::NoFile)?;
        Ok(Config::load(file, &|name| std::env::var(name).ok())?)
    }
}

impl Version {
    fn of(edition: Edition, last: Attempt) -> Self {
        Self {
            number: edition.version,
            digest: edition.name(),
            since: unix(edition.loaded),
            last,
        }
    }
}

impl NotReloaded {
    /// One text for each problem.
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Wrong(errors) => errors.iter().map(ToString::to_string).collect(),
            Self::NoFile | Self::Startup(_) => vec![self.to_string()],
        }
    }
}

impl Cause {
    fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Operator => "operator",
            Self::Signal => "signal",
        }
    }
}

/// The keys that decide what a session's key is.
fn key(rekeyed: Rekeyed) -> &'static str {
    match rekeyed {
        Rekeyed::Scope => "session.scope",
        Rekeyed::Secret => "session.secret",
        Rekeyed::Sources => "session.preset, keys, cookie or shared",
    }
}

/// How soon a change of the configuration's files is looked at. The slow look is for what no system tells of: a file that
/// is mounted from elsewhere, a network drive.
pub const PACE: Pace = Pace {
    settle: Duration::from_millis(200),
    poll: Duration::from_secs(10),
};

fn unix(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
