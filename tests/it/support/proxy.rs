//! Onelane as its users run it, inside the test's process: a YAML text in, real sockets on free ports, and its metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use onelane::app::{Drained, Running, bind};
use onelane::config::Config;
use onelane::reload::Reload;

use super::client::{Client, Request, Response, Session};
use super::eventually::eventually;
use super::upstream::Upstream;

/// A running Onelane; dropping it drains it.
#[derive(Debug)]
pub(crate) struct Proxy {
    running: Option<Running>,
    address: SocketAddr,
    admin: SocketAddr,
}

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Draining {
    drain: JoinHandle<Drained>,
    admin: SocketAddr,
    address: SocketAddr,
}

/// One reading of `/metrics`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    samples: BTreeMap<String, f64>,
}

impl Proxy {
    /// Starts with exactly this configuration, which must have a listener and an admin listener.
    #[track_caller]
    pub(crate) fn start(yaml: &str) -> Self {
        let config = Config::parse(yaml, &|_| None)
            .unwrap_or_else(|problems| panic!("{problems}\nin:\n{yaml}"));
        Self::run(config)
    }

    /// Starts with the configuration in this file, and reloads when it changes.
    #[track_caller]
    pub(crate) fn of_file(path: &Path) -> Self {
        let config = Config::load(path, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        Self::run(config)
    }

    fn run(config: Config) -> Self {
        let listeners = bind(&config.startup).unwrap();
        let running = Running::start(config, listeners).unwrap();
        let address = running.addresses()[0];
        let admin = running
            .admin_address()
            .expect("the configuration has an admin listener");
        Self {
            running: Some(running),
            address,
            admin,
        }
    }

    /// Starts in front of `app`: the session is the cookie `sid`, and `yaml` adds to that, or replaces what it names.
    #[track_caller]
    pub(crate) fn in_front_of(app: &Upstream, yaml: &str) -> Self {
        Self::in_front_of_address(app.address(), yaml)
    }

    /// As [`Proxy::in_front_of`]; `APP` in `yaml` becomes the address.
    #[track_caller]
    pub(crate) fn in_front_of_address(app: SocketAddr, yaml: &str) -> Self {
        Self::start(&Self::yaml(app, yaml))
    }

    /// The whole configuration of [`Proxy::in_front_of_address`].
    pub(crate) fn yaml(app: SocketAddr, yaml: &str) -> String {
        let mut text = String::new();
        for (key, value) in BASE {
            if !yaml
                .lines()
                .any(|line| line.starts_with(&format!("{key}:")))
            {
                text.push_str(&format!("{key}: {value}\n"));
            }
        }
        let own: String = yaml.lines().map(|line| format!("{line}\n")).collect();
        text.push_str(&own);
        text.replace("APP", &app.to_string())
    }

    /// What reads its configuration again.
    pub(crate) fn reload(&self) -> &Reload {
        let running = self.running.as_ref().expect("it runs");
        running.reload()
    }

    /// Where clients connect; the first of these addresses.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect, in the order of `listen`.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.running.as_ref().map_or(&[], Running::addresses)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn session(&self, id: &str) -> Session {
        Session::new(self.address, id)
    }

    /// Sends `request` on a connection of its own, and reads the response.
    #[track_caller]
    pub(crate) fn call(&self, request: &Request) -> Response {
        self.connect().call(request)
    }

    /// Serves a request on every core; what a core's sockets showed before that, it has then seen.
    #[track_caller]
    pub(crate) fn until_every_core_has_looked(&self) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut clients: Vec<Client> = (0..cores * 3).map(|_| self.connect()).collect();
        for client in &mut clients {
            client.call(&Request::new("OPTIONS", "*")); // the proxy itself answers
        }
    }

    /// The admin listener's answer to a GET.
    #[track_caller]
    pub(crate) fn admin(&self, path: &str) -> Response {
        ask(self.admin, path)
    }

    /// Where operators connect.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::read(&self.admin("/metrics").text())
    }

    /// The names of all metrics, as `# TYPE` lines declare them, with the suffix of their samples.
    pub(crate) fn metric_names(&self) -> BTreeSet<String> {
        let text = self.admin("/metrics").text();
        let declared = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let name = |(name, kind): (&str, &str)| match kind {
            "counter" if !name.ends_with("_total") => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        declared.map(name).collect()
    }

    /// Waits until `count` requests wait in lanes.
    #[track_caller]
    pub(crate) fn until_waiting(&self, count: usize) -> Duration {
        eventually(&format!("{count} requests wait"), || {
            self.metrics().count("onelane_waiters") == count
        })
    }

    /// Waits until the counter `name` with this label is `count`.
    #[track_caller]
    pub(crate) fn until_counted(&self, name: &str, (label, value): (&str, &str), count: usize) {
        eventually(&format!("{count} of {name}{{{label}={value}}}"), || {
            self.metrics().labelled(name, label, value) == count
        });
    }

    /// Waits until `count` requests hold a permit.
    #[track_caller]
    pub(crate) fn until_holding(&self, count: usize) {
        eventually(&format!("{count} requests hold"), || {
            self.metrics().count("onelane_holders") == count
        });
    }

    /// Waits until no request is in the application, as far as the lanes know.
    #[track_caller]
    pub(crate) fn until_nothing_holds(&self) {
        eventually("no lane exists", || {
            self.metrics().count("onelane_lanes") == 0
        });
    }

    /// Waits until no lane, no waiter, no holder and no client connection is left.
    #[track_caller]
    pub(crate) fn until_nothing_is_left(&self) {
        for gauge in GAUGES {
            eventually(&format!("{gauge} becomes 0"), || {
                self.metrics().count(gauge) == 0
            });
        }
    }

    /// Drains, and returns how that ended.
    pub(crate) fn stop(mut self) -> Drained {
        self.running.take().expect("stop is called once").drain()
    }

    /// Begins to drain, as upon SIGTERM; returns when clients can no longer connect.
    #[track_caller]
    pub(crate) fn begin_drain(mut self) -> Draining {
        let running = self.running.take().expect("drain begins once");
        let drain = std::thread::spawn(move || running.drain());
        let draining = Draining {
            drain,
            admin: self.admin,
            address: self.address,
        };
        eventually("no new client is accepted", || {
            TcpStream::connect(draining.address).is_err()
        });
        draining
    }
}

impl Draining {
    /// The status of `/readyz`; None when nobody answers any more.
    pub(crate) fn ready(&self) -> Option<u16> {
        TcpStream::connect(self.admin).ok()?;
        Some(ask(self.admin, "/readyz").status)
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.drain.is_finished()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(self) -> Drained {
        eventually("the drain ends", || self.drain.is_finished());
        self.drain.join().expect("the drain does not panic")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.drain();
        }
    }
}

impl Metrics {
    /// The sum of all samples `name`, whatever their labels.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.sum(name, "")
    }

    /// The sum of the samples `name` that have this label.
    pub(crate) fn labelled(&self, name: &str, label: &str, value: &str) -> usize {
        self.sum(name, &format!("{label}=\"{value}\""))
    }

    fn sum(&self, name: &str, label: &str) -> usize {
        let matching = self.samples.iter().filter(|(sample, _)| {
            let (sample, labels) = sample.split_once('{').unwrap_or((sample, ""));
            sample == name && labels.contains(label)
        });
        let sum = matching.fold(0.0, |sum, (_, value)| sum + value); // the sum of none would be -0
        format!("{sum:.0}")
            .parse()
            .expect("a count is not negative")
    }

    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            Some((sample.to_owned(), value.parse().ok()?))
        });
        Self {
            samples: samples.collect(),
        }
    }
}

/// The admin listener's answer to a GET; it answers only to names of this machine.
#[track_caller]
pub(super) fn ask(admin: SocketAddr, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    Client::connect(admin).send(request).response()
}

/// What every test has, unless it says otherwise.
const BASE: [(&str, &str); 6] = [
    ("listen", "127.0.0.1:0"),
    ("admin", "{ listen: '127.0.0.1:0' }"),
    ("upstream", "http://APP"),
    ("session", "{ keys: [{ name: sid, cookie: sid }] }"),
    ("drain_timeout", "5s"), // so that a failed test does not take long
    ("log", "{ format: text, access: false }"),
];

/// What must be 0 when nobody is there.
const GAUGES: [&str; 4] = [
    "onelane_waiters",
    "onelane_holders",
    "onelane_lanes",
    "onelane_connections",
];
