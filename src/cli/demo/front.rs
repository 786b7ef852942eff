//! Onelane in front of the application, from the YAML an operator would write.
//!
//! Does not do: read the environment or any file.

use std::io;
use std::net::SocketAddr;

use crate::app::{self, BindError, Running};
use crate::config::{self, Config};

/// Why Onelane could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotStart {
    /// No port was free.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The built-in YAML does not suit this version.
    #[error("the built-in configuration is wrong: {0}")]
    Configuration(#[from] config::Errors),
    /// A thread could not be made, or the listener has no address.
    #[error("cannot start Onelane: {0}")]
    Start(#[from] io::Error),
}

/// Starts Onelane on free ports of this machine, in front of `application`.
///
/// # Errors
/// [`CannotStart`].
pub(super) fn start(application: SocketAddr) -> Result<Running, CannotStart> {
    let config = Config::parse(&yaml(application), &|_| None)?;
    let listeners = app::bind(&config.startup)?;
    Ok(Running::start(config, listeners)?)
}

/// The configuration; as short as an operator's own, but for the ports.
fn yaml(application: SocketAddr) -> String {
    format!(
        "\
listen: 127.0.0.1:0
upstream: http://{application}
session: {{ preset: aspnet }}
routes:
  - {{ path: /report, access: read }}
admin: {{ listen: 127.0.0.1:0 }}
log: {{ access: false }}
drain_timeout: 2s
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_configuration_is_valid_and_gives_no_warning() {
        let config =
            Config::parse(&yaml(SocketAddr::from(([127, 0, 0, 1], 8081))), &|_| None).unwrap();
        assert_eq!(config.warnings, []);
    }
}
