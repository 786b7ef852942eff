//! `upstream:`: where the application is, and how long it may take.
//!
//! Guarantees: the target is complete, and is not Onelane's own address as far as that can be seen.
//! Does not do: connect, or resolve names.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use http::uri::Authority;

use super::defaults;
use super::reader::{Keys, Section, Value};
use crate::upstream::{Settings, Target};

/// `upstream`: a URL, or `{url, …}`. `listen` is where clients connect.
pub(super) fn read(top: &Section<'_>, listen: &[SocketAddr]) -> Settings {
    let mut settings = Settings {
        target: parse(defaults::UPSTREAM).expect("the default is a URL"),
        connect_timeout: defaults::CONNECT_TIMEOUT,
        response_timeout: defaults::RESPONSE_TIMEOUT,
        body_timeout: defaults::BODY_TIMEOUT,
        keep_alive: defaults::KEEP_ALIVE,
        max_connections: None,
    };
    let Some(value) = top.get("upstream") else {
        return settings;
    };
    if !value.is_section() {
        settings.target = target(&value, listen).unwrap_or(settings.target);
        return settings;
    }
    let Some(section) = value.section(&UPSTREAM) else {
        return settings;
    };
    settings.target = section
        .read("url", |url| target(url, listen))
        .unwrap_or(settings.target);
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

fn target(value: &Value<'_>, listen: &[SocketAddr]) -> Option<Target> {
    let text = value.some_text()?;
    if text.starts_with("https:") {
        return value.refuse_later(
            "https://",
            "use http://, on the same machine or a network you trust",
        );
    }
    let target = match parse(text) {
        Ok(target) => target,
        Err((problem, suggestion)) => return value.refuse(problem, suggestion),
    };
    if listen.iter().any(|address| is_self(&target, *address)) {
        return value.refuse(
            "this is where Onelane itself listens: a request would go round in circles",
            "give the address of the application",
        );
    }
    Some(target)
}

/// The target of a URL, or a problem and a suggestion.
fn parse(text: &str) -> Result<Target, (&'static str, String)> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    let Ok(url) = text.parse::<Uri>() else {
        return Err(("not a URL", FORMS.to_owned()));
    };
    let Some(authority) = url.authority().filter(|_| url.scheme_str() == Some("http")) else {
        let host = text.split_once("://").map_or(text, |(_, host)| host);
        let is_host = !host.is_empty() && !host.starts_with('/');
        let suggestion = if is_host {
            format!("write http://{host}")
        } else {
            FORMS.to_owned()
        };
        return Err(("not an http:// URL", suggestion));
    };
    if authority.as_str().contains('@') {
        return Err((
            "a user name or password in the URL",
            format!("write http://{}", after_at(authority.as_str())),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err((
            "a path in the URL: requests keep their own",
            format!("write http://{authority}"),
        ));
    }
    let Some(port) = port(authority) else {
        return Err(("not a port", FORMS.to_owned()));
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    if host.is_empty() {
        return Err(("no host in the URL", FORMS.to_owned()));
    }
    Ok(Target::Tcp {
        host: host.to_owned(),
        port,
    })
}

/// The port of an authority without a user: 80 when there is none, None when it is no number from 1 to 65535.
fn port(authority: &Authority) -> Option<u16> {
    match authority.as_str()[authority.host().len()..].strip_prefix(':') {
        None | Some("") => Some(80),
        Some(port) => port.parse().ok().filter(|port| *port != 0),
    }
}

fn unix(path: &str) -> Result<Target, (&'static str, String)> {
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
    Ok(Target::Unix(PathBuf::from(path)))
}

fn after_at(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// Whether the application's address is the listener `listen`, as far as it can be known without a look-up.
fn is_self(target: &Target, listen: SocketAddr) -> bool {
    let Target::Tcp { host, port } = target else {
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

const UPSTREAM: Keys = Keys {
    known: &[
        "url",
        "connect_timeout",
        "response_timeout",
        "body_timeout",
        "keep_alive",
        "max_connections",
    ],
    refused: &[],
};

const FORMS: &str = "write http://HOST:PORT or unix:/path/to/socket";

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Target {
        Target::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn urls_are_hosts_and_ports() {
        assert_eq!(parse("http://app:8081"), Ok(tcp("app", 8081)));
        assert_eq!(parse("http://app/"), Ok(tcp("app", 80)));
        assert_eq!(parse("http://[::1]:81"), Ok(tcp("::1", 81)));
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets_are_paths() {
        assert_eq!(
            parse("unix:/run/app.sock"),
            Ok(Target::Unix(PathBuf::from("/run/app.sock")))
        );
        assert_eq!(
            parse("unix:///run/app.sock"),
            Ok(Target::Unix(PathBuf::from("/run/app.sock")))
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
