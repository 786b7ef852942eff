//! Where the admin listener of a running Onelane is, and what it wants to be shown.
//!
//! Guarantees: an address that every interface has is asked on this machine. Does not do: ask.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use http::{HeaderValue, Uri};

use crate::config::Token;

/// Which Onelane is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    /// The configuration file of the running Onelane, for the address and the token of its admin listener
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "ONELANE_CONFIG"
    )]
    config: Option<PathBuf>,
    /// The token of its admin listener, where reading needs one
    #[arg(long, env = "ONELANE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
}

/// What is shown to the admin listener; cannot be printed.
#[derive(Clone)]
pub(super) struct Secret(HeaderValue);

impl Admin {
    /// `url`, or else the URL of `path` at the listener, and the token to show there, if any.
    ///
    /// # Errors
    /// The exit code, when the configuration is wrong or names no listener; what is wrong has been printed.
    pub(super) fn find(
        &self,
        url: Option<&Uri>,
        path: &str,
    ) -> Result<(Uri, Option<Secret>), ExitCode> {
        let token = self.token.clone();
        let of = |listener: SocketAddr| {
            let url = format!("http://{}{path}", reachable(listener));
            url.parse().expect("an address and a path are a URL")
        };
        let (Some(file), None) = (&self.config, url) else {
            let usual = || of(SocketAddr::from(([127, 0, 0, 1], 9180)));
            return Ok((url.cloned().unwrap_or_else(usual), token));
        };
        let config = super::load(file).map_err(|errors| super::refuse(&errors))?;
        let admin = config.startup.admin;
        let Some(address) = admin.listen.filter(|address| address.port() != 0) else {
            let problem = match admin.listen {
                None => "admin: is off, so there is nobody to ask",
                Some(_) => "the port of admin: is 0; give the real one by --url",
            };
            super::complain(&format!("{}: {problem}", file.display()));
            return Err(ExitCode::from(super::WRONG_INPUT));
        };
        let of_file = |token: &Token| token.expose().parse().ok();
        let token = token.or_else(|| admin.token.as_ref().and_then(of_file));
        Ok((of(address), token))
    }
}

impl Secret {
    /// As a header shows it.
    pub(super) fn header(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = HeaderValue::from_str(text).map_err(|_| "this cannot be sent as a token")?;
        Ok(Self(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The address by which this machine reaches a listener.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
