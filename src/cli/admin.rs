//! Where the admin listener of a running Onelane is, what it wants to be shown, and what it answers.
//!
//! Guarantees: an address that every interface has is asked on this machine. Does not do: ask more than once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use serde::de::DeserializeOwned;

use super::ask::{AskError, ask};
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
    /// The URL of its admin listener, instead; without both: http://127.0.0.1:9180
    #[arg(long)]
    url: Option<Uri>,
    /// The token of its admin listener, where reading needs one
    #[arg(long, env = "ONELANE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
}

/// What is shown to the admin listener; cannot be printed.
#[derive(Clone)]
pub(super) struct Secret(HeaderValue);

/// Something to ask a running Onelane for.
pub(super) struct Question {
    url: Uri,
    token: Option<Secret>,
    /// What is at the URL.
    what: &'static str,
}

impl Admin {
    /// Asks for `what`, which is at `path`, unless the URL of the arguments has a path of its own.
    ///
    /// # Errors
    /// The exit code, when the URL or the configuration is wrong, or names no listener; what is wrong has been printed.
    pub(super) fn question(
        &self,
        what: &'static str,
        path: &'static str,
    ) -> Result<Question, ExitCode> {
        let (url, token) = match (&self.url, &self.config) {
            (Some(url), _) => {
                let Some(url) = at(url, path) else {
                    super::complain(&AskError::NotHttp(url.clone()).to_string());
                    return Err(ExitCode::from(super::WRONG_INPUT));
                };
                (url, self.token.clone())
            }
            (None, Some(file)) => self.of_file(file, path)?,
            (None, None) => {
                let usual = SocketAddr::from(([127, 0, 0, 1], 9180));
                (of(usual, path), self.token.clone())
            }
        };
        Ok(Question { url, token, what })
    }

    fn of_file(&self, file: &Path, path: &str) -> Result<(Uri, Option<Secret>), ExitCode> {
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
        let token = self.token.clone();
        let token = token.or_else(|| admin.token.as_ref().and_then(of_file));
        Ok((of(address, path), token))
    }
}

impl Question {
    /// The answer.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn ask<T: DeserializeOwned>(&self) -> Result<T, String> {
        let Self { url, token, what } = self;
        let answer = ask(url, token.as_ref()).map_err(|error| error.to_string())?;
        if answer.wants_token() {
            return Err(format!(
                "{url} wants a token: give it by --token or ONELANE_ADMIN_TOKEN"
            ));
        }
        if !answer.is_ok() {
            return Err(format!("{url} has no {what}: {}", answer.status_line));
        }
        serde_json::from_str(&answer.body)
            .map_err(|error| format!("{url} answers something else than {what}: {error}"))
    }
}

/// The URL with `path`, where it has none, and as http://, where it has no scheme; none when it is of another kind.
pub(super) fn at(url: &Uri, path: &'static str) -> Option<Uri> {
    let mut parts = url.clone().into_parts();
    if *parts.scheme.get_or_insert(Scheme::HTTP) != Scheme::HTTP {
        return None;
    }
    if parts.path_and_query.as_ref().is_none_or(|own| *own == "/") {
        parts.path_and_query = Some(PathAndQuery::from_static(path));
    }
    Uri::from_parts(parts).ok()
}

fn of(listener: SocketAddr, path: &str) -> Uri {
    let url = format!("http://{}{path}", reachable(listener));
    url.parse().expect("an address and a path are a URL")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_lack_its_path_and_its_scheme_and_is_http_alone() {
        for (given, asked) in [
            ("http://site:9180", Some("http://site:9180/evidence")),
            ("http://site:9180/", Some("http://site:9180/evidence")),
            ("site:9180", Some("http://site:9180/evidence")),
            ("http://site:9180/other", Some("http://site:9180/other")),
            ("https://site:9180", None),
            ("/evidence", None),
        ] {
            let url = at(&given.parse().unwrap(), "/evidence");
            assert_eq!(url.map(|url| url.to_string()).as_deref(), asked, "{given}");
        }
    }
}
