//! `upstream:`: where the application is, and how long it may take.
//!
//! Guarantees: the target is complete, and is not Onelane's own address as far as that can be seen.
//! Does not do: connect, or resolve names.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;
use http::uri::Authority;

use super::certificates;
use super::defaults;
use super::reader::{Keys, Section, Value};
use crate::upstream::{Settings, Target};

/// `upstream`: a URL, or `{url, …}`. `listen` is where clients connect; paths are relative to `folder`.
pub(super) fn read(top: &Section<'_>, listen: &[SocketAddr], folder: &Path) -> Settings {
    let settings = default();
    let Some(value) = top.get("upstream") else {
        return settings;
    };
    if !value.is_section() {
        return Settings {
            target: target(&value, listen, None, folder).unwrap_or(settings.target),
            ..settings
        };
    }
    match value.section(&UPSTREAM) {
        Some(section) => connection(&section, listen, folder),
        None => settings,
    }
}

/// What is not said.
fn default() -> Settings {
    let default = parse(defaults::UPSTREAM).expect("the default is a URL");
    Settings {
        target: default.in_clear_text().expect("the default is http://"),
        connect_timeout: defaults::CONNECT_TIMEOUT,
        response_timeout: defaults::RESPONSE_TIMEOUT,
        body_timeout: defaults::BODY_TIMEOUT,
        keep_alive: defaults::KEEP_ALIVE,
        max_connections: None,
    }
}

/// How the application, or one node of it, is spoken to: the keys that `upstream` has.
pub(super) fn connection(section: &Section<'_>, listen: &[SocketAddr], folder: &Path) -> Settings {
    let mut settings = default();
    let tls = section.get("tls");
    let opened = tls
        .as_ref()
        .and_then(|tls| tls.section(&certificates::APPLICATION));
    match section.get("url") {
        Some(url) => {
            let target = target(&url, listen, opened.as_ref(), folder);
            if let (Some(tls), Some(Target::Tcp { .. } | Target::Unix(_))) = (&tls, &target) {
                tls.refuse::<()>(CLEAR_TEXT, "write https:// in the url, or remove tls");
            }
            settings.target = target.unwrap_or(settings.target);
        }
        None => {
            if let Some(tls) = &tls {
                tls.refuse::<()>(CLEAR_TEXT, "write url: https://HOST:PORT beside it");
            }
        }
    }
    settings.connect_timeout = section
        .read("connect_timeout", Value::timeout)
        .unwrap_or(settings.connect_timeout);
    settings.response_timeout = section
        .read("response_timeout", Value::timeout)
        .unwrap_or(settings.response_timeout);
    settings.body_timeout = section
        .read("body_timeout", Value::timeout)
        .unwrap_or(settings.body_timeout);
    settings.keep_alive = section
        .read("keep_alive", Value::timeout)
        .unwrap_or(settings.keep_alive);
    settings.max_connections = section.read("max_connections", |most| {
        if most.is_word("none") {
            None
        } else {
            most.whole(1..=defaults::MOST)
        }
    });
    settings
}

fn target(
    value: &Value<'_>,
    listen: &[SocketAddr],
    tls: Option<&Section<'_>>,
    folder: &Path,
) -> Option<Target> {
    let place = match parse(value.some_text()?) {
        Ok(place) => place,
        Err((problem, suggestion)) => return value.refuse(problem, suggestion),
    };
    if listen.iter().any(|address| is_self(&place, *address)) {
        return value.refuse(
            "this is where Onelane itself listens: a request would go round in circles",
            "give the address of the application",
        );
    }
    match place {
        Place::Https { host, port } => {
            let connector = certificates::of_application(tls, &host, value, folder)?;
            Some(Target::Tls {
                host,
                port,
                connector,
            })
        }
        clear => clear.in_clear_text(),
    }
}

/// What a URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Http { host: String, port: u16 },
    Https { host: String, port: u16 },
    Unix(PathBuf),
}

impl Place {
    /// The target, unless it needs to be told whom to believe.
    fn in_clear_text(self) -> Option<Target> {
        match self {
            Self::Http { host, port } => Some(Target::Tcp { host, port }),
            Self::Https { .. } => None,
            Self::Unix(path) => Some(Target::Unix(path)),
        }
    }
}

/// What a URL says, or a problem and a suggestion.
fn parse(text: &str) -> Result<Place, (&'static str, String)> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    let Ok(url) = text.parse::<Uri>() else {
        return Err(("not a URL", FORMS.to_owned()));
    };
    let scheme = url.scheme_str().unwrap_or_default();
    let Some(authority) = url
        .authority()
        .filter(|_| matches!(scheme, "http" | "https"))
    else {
        let host = text.split_once("://").map_or(text, |(_, host)| host);
        let is_host = !host.is_empty() && !host.starts_with('/');
        let suggestion = if is_host {
            format!("write http://{host}")
        } else {
            FORMS.to_owned()
        };
        return Err(("not an http:// or https:// URL", suggestion));
    };
    if authority.as_str().contains('@') {
        return Err((
            "a user name or password in the URL",
            format!("write {scheme}://{}", after_at(authority.as_str())),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err((
            "a path in the URL: requests keep their own",
            format!("write {scheme}://{authority}"),
        ));
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    let Some(port) = port(authority, usual) else {
        return Err(("not a port", FORMS.to_owned()));
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    if host.is_empty() {
        return Err(("no host in the URL", FORMS.to_owned()));
    }
    let host = host.to_owned();
    Ok(match scheme {
        "https" => Place::Https { host, port },
        _ => Place::Http { host, port },
    })
}

/// The port of an authority without a user: the `usual` one when there is none, None when it is no number from 1 to 65535.
pub(super) fn port(authority: &Authority, usual: u16) -> Option<u16> {
    match authority.as_str()[authority.host().len()..].strip_prefix(':') {
        None | Some("") => Some(usual),
        Some(port) => port.parse().ok().filter(|port| *port != 0),
    }
}

fn unix(path: &str) -> Result<Place, (&'static str, String)> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if cfg!(windows) {
        return Err((
            "Unix sockets are not available on Windows",
            "use http://".to_owned(),
        ));
    }
    if !path.starts_with('/') {
        return Err((
            "the path of a Unix socket is absolute",
            format!("write unix:/{path}"),
        ));
    }
    Ok(Place::Unix(PathBuf::from(path)))
}

fn after_at(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// Whether the application's address is the listener `listen`, as far as it can be known without a look-up.
fn is_self(place: &Place, listen: SocketAddr) -> bool {
    let (Place::Http { host, port } | Place::Https { host, port }) = place else {
        return false;
    };
    let Ok(address) = (if host == "localhost" {
        "127.0.0.1"
    } else {
        host
    })
    .parse::<IpAddr>() else {
        return false;
    };
    *port == listen.port()
        && (address == listen.ip() || listen.ip().is_unspecified() && address.is_loopback())
}

pub(super) const UPSTREAM: Keys = Keys {
    known: &[
        "url",
        "tls",
        "connect_timeout",
        "response_timeout",
        "body_timeout",
        "keep_alive",
        "max_connections",
    ],
    refused: &[],
};

const FORMS: &str = "write http://HOST:PORT, https://HOST:PORT or unix:/path/to/socket";

const CLEAR_TEXT: &str = "the application is spoken to in clear text: this does nothing";

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Http {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn urls_are_hosts_and_ports() {
        assert_eq!(parse("http://app:8081"), Ok(tcp("app", 8081)));
        assert_eq!(parse("http://app/"), Ok(tcp("app", 80)));
        let https = |port| Place::Https {
            host: "app".to_owned(),
            port,
        };
        assert_eq!(parse("https://app"), Ok(https(443)));
        assert_eq!(parse("https://app:8443/"), Ok(https(8443)));
        assert_eq!(parse("http://[::1]:81"), Ok(tcp("::1", 81)));
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets_are_paths() {
        assert_eq!(
            parse("unix:/run/app.sock"),
            Ok(Place::Unix(PathBuf::from("/run/app.sock")))
        );
        assert_eq!(
            parse("unix:///run/app.sock"),
            Ok(Place::Unix(PathBuf::from("/run/app.sock")))
        );
        assert!(
            parse("unix:app.sock")
                .unwrap_err()
                .1
                .contains("unix:/app.sock")
        );
    }

    #[test]
    fn what_is_not_a_target_is_refused_with_one_that_is() {
        assert_eq!(
            parse("localhost:8081").unwrap_err().1,
            "write http://localhost:8081"
        );
        assert_eq!(parse("app").unwrap_err().1, "write http://app");
        assert_eq!(
            parse("http://u:p@app:1").unwrap_err().1,
            "write http://app:1"
        );
        assert_eq!(
            parse("http://app:1/base").unwrap_err().1,
            "write http://app:1"
        );
        for wrong in [
            "",
            "http://",
            "http://:80",
            "ftp://app",
            "http://app:0",
            "http://app:99999",
            "http://a b",
            "/app",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_proxy_is_not_its_own_application() {
        let listen = "0.0.0.0:8080".parse().unwrap();
        assert!(is_self(&tcp("localhost", 8080), listen));
        assert!(is_self(&tcp("127.0.0.1", 8080), listen));
        assert!(!is_self(&tcp("127.0.0.1", 8081), listen));
        assert!(!is_self(&tcp("10.0.0.9", 8080), listen));
    }
}
