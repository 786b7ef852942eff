//! The edge towards clients, seen from the socket: what slow, greedy and silent ones get, in clear text and over TLS,
//! with and without a PROXY header before it.

#[cfg(target_os = "linux")]
mod descriptors; // out of file descriptors
mod lingering; // who is refused early can read why
mod numbers; // bounds that are counted
mod patience; // bounds of time
mod proxied; // who stands behind a PROXY header
mod reading; // who does not read
mod secure; // what goes over TLS

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::support::{Authority, Client, Hello, Proxy, Upstream};

/// Onelane with a listener of each kind. 127.0.0.9 is a trusted proxy.
struct Site {
    app: Upstream,
    proxy: Proxy,
    authority: Authority,
    _folder: TempDir,
}

/// The listeners of a [`Site`], in the order of its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Plain,
    /// Clear text, where HTTP/2 may begin too.
    Sniffing,
    Tls,
    /// Clear text behind a PROXY header.
    Named,
    /// TLS behind a PROXY header.
    NamedTls,
}

impl Site {
    #[track_caller]
    fn start(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let tls = authority.issue("site", &["site.test"]).yaml();
        let app = Upstream::start();
        let listen = format!(
            "listen:\n\
             - 127.0.0.1:0\n\
             - {{ address: '127.0.0.1:0', http2: true }}\n\
             - {{ address: '127.0.0.1:0', tls: {tls} }}\n\
             - {{ address: '127.0.0.1:0', proxy_protocol: require }}\n\
             - {{ address: '127.0.0.1:0', proxy_protocol: require, tls: {tls} }}\n\
             {yaml}"
        );
        let listen = match yaml.lines().any(|line| line.starts_with("client:")) {
            true => listen,
            false => format!("{listen}\nclient: {{ trusted_proxies: [{TRUSTED}] }}"),
        };
        let proxy = Proxy::in_front_of(&app, &listen);
        Self {
            app,
            proxy,
            authority,
            _folder: folder,
        }
    }

    fn address(&self, door: Door) -> SocketAddr {
        self.proxy.addresses()[door as usize]
    }

    /// A connection on which nothing was sent.
    fn silent(&self, door: Door) -> Client {
        match door {
            Door::Plain | Door::Sniffing | Door::Tls => Client::connect(self.address(door)),
            Door::Named | Door::NamedTls => Client::connect_from(TRUSTED, self.address(door)),
        }
    }

    /// A connection on which HTTP comes next.
    fn connect(&self, door: Door) -> Client {
        self.ready(self.silent(door), door)
    }

    /// Sends what stands before HTTP at `door`.
    fn ready(&self, mut client: Client, door: Door) -> Client {
        if matches!(door, Door::Named | Door::NamedTls) {
            client.send(NAMED);
        }
        match door {
            Door::Plain | Door::Sniffing | Door::Named => client,
            Door::Tls | Door::NamedTls => client.over_tls(&self.hello()).unwrap(),
        }
    }

    fn hello(&self) -> Hello<'static> {
        Hello {
            name: "site.test",
            roots: self.authority.roots(),
            alpn: &[],
            versions: rustls::ALL_VERSIONS,
        }
    }
}

const TRUSTED: &str = "127.0.0.9";

/// The client is 203.0.113.7.
const NAMED: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n";

const EVERY: [Door; 5] = [
    Door::Plain,
    Door::Sniffing,
    Door::Tls,
    Door::Named,
    Door::NamedTls,
];

/// Does the same at several doors at once: most of it is waiting.
fn at_each(doors: &[Door], check: impl Fn(Door) + Sync) {
    std::thread::scope(|scope| {
        for door in doors {
            scope.spawn(|| check(*door));
        }
    });
}
