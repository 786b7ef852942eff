//! The Onelane under test: one for the process, in front of the application that looks closely.
//!
//! Guarantees: each input has a client address of its own, so that what reaches the application can be told apart.
//! Does not do: end; the process does.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use onelane::app::{Running, bind};
use onelane::config::Config;
use socket2::{Domain, Protocol, Socket, Type};

use super::application::Application;
use super::reference::LARGEST;

/// A running Onelane and its application.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) application: Application,
    admin: SocketAddr,
    clients: AtomicU32,
    _running: Running,
}

/// The only one.
pub(super) static RUNNING: LazyLock<Proxy> = LazyLock::new(|| {
    count_panics();
    let application = Application::start();
    let text = CONFIGURATION
        .replace("APPLICATION", &application.address().to_string())
        .replace("LARGEST", &LARGEST.to_string());
    let config = Config::parse(&text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    let listeners = bind(&config.startup).expect("free ports");
    let running = Running::start(config, listeners).expect("it starts");
    Proxy {
        address: running.addresses()[0],
        admin: running.admin_address().expect("an admin listener"),
        application,
        clients: AtomicU32::new(0),
        _running: running,
    }
});

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A panic on one of the proxy's threads would only close a connection.
fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if thread
            .name()
            .is_some_and(|name| name == "edge" || name.starts_with("core-"))
        {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(panic);
    }));
}

impl Proxy {
    /// An address that no client had for a long while: 127.1.0.0 and up.
    pub(super) fn next_client(&self) -> Ipv4Addr {
        let count = self.clients.fetch_add(1, Ordering::Relaxed) % (250 << 16);
        Ipv4Addr::from(0x7f01_0000 + count)
    }

    /// Waits until the proxy has done with all client connections, also with what outlives them.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub(super) fn until_quiet(&self, client: Ipv4Addr) {
        let started = Instant::now();
        while self.connections(client) != 0 {
            assert!(
                started.elapsed() < PATIENCE,
                "an exchange outlives its client for ever"
            );
            std::thread::yield_now();
        }
    }

    /// # Panics
    /// When a thread of the proxy has panicked.
    pub(super) fn assert_no_panic(&self) {
        assert_eq!(PANICS.swap(0, Ordering::SeqCst), 0, "the proxy panicked");
    }

    /// The gauge of client connections, which counts an exchange that outlives its client.
    fn connections(&self, client: Ipv4Addr) -> usize {
        let mut admin = connect(client, self.admin);
        admin
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("metrics are asked for");
        let mut text = String::new();
        admin.read_to_string(&mut text).expect("metrics");
        let mut lines = text.lines();
        let gauge = lines.find_map(|line| line.strip_prefix("onelane_connections "));
        gauge
            .and_then(|value| value.trim().parse().ok())
            .expect("the gauge of connections")
    }
}

/// Connects from an address, which keeps the ports of many short connections apart.
pub(super) fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let mut socket = bound(from);
    // libFuzzer's alarm may interrupt it; what becomes of that connection is then unknown.
    while let Err(error) = socket.connect(&to.into()) {
        assert_eq!(
            error.kind(),
            io::ErrorKind::Interrupted,
            "a listener: {error}"
        );
        socket = bound(from);
    }
    socket.set_tcp_nodelay(true).expect("a connected socket");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a connected socket");
    socket.into()
}

fn bound(from: Ipv4Addr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket
        .bind(&SocketAddr::new(IpAddr::V4(from), 0).into())
        .expect("a loopback address");
    socket
}

/// Far longer than anything takes here: a busy machine must not be taken for a fault.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

const CONFIGURATION: &str = "\
listen: 127.0.0.1:0
upstream: http://APPLICATION
session: { keys: [{ cookie: sid }] }
routes:
  - { path: '/read/**', access: read, reads: share }
  - { path: '/none/**', access: none }
  - { path: '/headers/**', release: headers }
limits: { body_size: LARGESTB, header_timeout: 10s, body_idle_timeout: 10s, request_buffer: 1KiB }
application: { secret: fuzzing-the-edge }
admin: { listen: 127.0.0.1:0 }
log: { access: false }
";
