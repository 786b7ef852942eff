//! SIGHUP: the configuration is to be read again.
//!
//! Guarantees: from the start on it does not end the process; one that comes before there is something to reload is done
//! then. Where there is no such signal (Windows), nothing. Does not do: reload; [`crate::reload`] does.

use std::io;
use std::sync::Arc;

use crate::reload::Reload;

#[cfg(unix)]
mod signal {
    use std::thread;

    use tokio::runtime::{Builder, Runtime};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Arc, Reload, io};
    use crate::reload::Cause;

    /// SIGHUP, received.
    pub(in crate::cli) struct Hangups {
        runtime: Runtime,
        signal: Signal,
    }

    impl Hangups {
        /// Begins to receive.
        pub(in crate::cli) fn listen() -> io::Result<Self> {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let signal = {
                let _in_runtime = runtime.enter();
                signal(SignalKind::hangup())?
            };
            Ok(Self { runtime, signal })
        }

        /// Reloads upon each, on a thread of its own, until the process ends.
        pub(in crate::cli) fn reload(mut self, reload: Arc<Reload>) -> io::Result<()> {
            let receive = move || {
                while self.runtime.block_on(self.signal.recv()).is_some() {
                    drop(reload.reload(Cause::Signal)); // it says itself what became of it
                }
            };
            let thread = thread::Builder::new().name("reload".to_owned());
            thread.spawn(receive).map(drop)
        }
    }
}

#[cfg(not(unix))]
mod signal {
    use super::{Arc, Reload, io};

    /// Nothing.
    pub(in crate::cli) struct Hangups;

    impl Hangups {
        pub(in crate::cli) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::cli) fn reload(self, _: Arc<Reload>) -> io::Result<()> {
            Ok(())
        }
    }
}

pub(super) use signal::Hangups;
