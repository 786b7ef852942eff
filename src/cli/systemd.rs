//! What systemd is told (`sd_notify(3)`, `Type=notify`); nothing where nobody listens.
//!
//! Guarantees: a failure to tell is a warning and nothing else. Does not do: the sockets that systemd passes; `app` does.

use std::time::Duration;

/// Clients are served.
pub(super) fn ready() {
    #[cfg(unix)]
    tell(&[NotifyState::Ready]);
}

/// The drain begins, and may take as long as `longest`: systemd kills nobody before, whatever its `TimeoutStopSec=`.
pub(super) fn stopping(longest: Duration) {
    #[cfg(unix)]
    {
        let microseconds = longest.saturating_add(MARGIN).as_micros();
        let extension = format!("EXTEND_TIMEOUT_USEC={microseconds}"); // the crate's own ends at 71 minutes
        tell(&[NotifyState::Stopping, NotifyState::Custom(&extension)]);
    }
    #[cfg(not(unix))]
    let _ = longest;
}

#[cfg(unix)]
use sd_notify::NotifyState;

#[cfg(unix)]
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told: {states:?}");
    }
}

/// For the last words after the drain's deadline.
#[cfg(unix)]
const MARGIN: Duration = Duration::from_secs(5);
