//! The application behind TLS: it is spoken to when it is who it should be, on connections that are kept, and refused
//! at once when it is not.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onelane::reload::Cause;
use rustls::SupportedProtocolVersion;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::support::{
    Authority, Client, OnAccept, Pair, Proxy, Relay, Request, Step, TlsClient, Upstream, answer,
    chunked, eventually,
};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// An application, and who vouches for it.
struct Site {
    folder: TempDir,
    authority: Authority,
    app: Upstream,
    relay: Relay,
}

impl Site {
    /// Its certificate is for `localhost` and 127.0.0.1.
    fn start(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let pair = authority.issue("app", &["localhost", "127.0.0.1"]);
        Self::with(folder, authority, &pair, versions)
    }

    fn with(
        folder: TempDir,
        authority: Authority,
        pair: &Pair,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let app = Upstream::start();
        let relay = Relay::start(app.address(), pair, versions);
        Self {
            folder,
            authority,
            app,
            relay,
        }
    }

    /// Onelane in front of it, with these settings of `upstream.tls`.
    fn proxy(&self, tls: &str) -> Proxy {
        let upstream = format!(
            "upstream: {{ url: 'https://APP', connect_timeout: 60s, keep_alive: 60s, tls: {tls} }}"
        );
        Proxy::in_front_of_address(self.relay.address(), &upstream)
    }

    fn trusted(&self) -> String {
        format!("{{ ca: '{}' }}", self.authority.file().display())
    }
}

#[test]
fn the_application_of_these_tests_speaks_tls() {
    let site = Site::start(BOTH);
    site.app
        .on("/", [Step::Send(answer(200, "here")), Step::Close]);
    let (to, roots) = (site.relay.address(), site.authority.roots());
    let client = TlsClient::connect(to, "localhost", roots, &[]).unwrap();
    let file = site.folder.path().join("app.pem");
    let own = CertificateDer::from_pem_file(file).unwrap();
    assert_eq!((client.certificate(), client.alpn()), (own, None));
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(client.exchange(request).unwrap(), answer(200, "here"));
    assert!(TlsClient::connect(to, "elsewhere.test", site.authority.roots(), &[]).is_err());
}

#[test]
fn requests_and_answers_of_every_form_go_through() {
    for versions in [&[&TLS12][..], &[&TLS13][..], BOTH] {
        let site = Site::start(versions);
        site.app.on(
            "/chunked",
            [Step::ReadBody, Step::Send(chunked(&["some ", "pieces"]))],
        );
        let long = "x".repeat(1 << 20);
        site.app
            .on("/long", [Step::ReadBody, Step::Send(answer(200, &long))]);
        let proxy = site.proxy(&site.trusted());
        let mut client = proxy.connect();
        let posted = client.call(&Request::post("/form", long.as_bytes()).session("a"));
        assert_eq!(posted.status, 200);
        assert_eq!(client.call(&Request::get("/chunked")).text(), "some pieces");
        assert_eq!(client.call(&Request::get("/long")).text(), long);
        let seen = site.app.seen();
        assert_eq!(seen[0].body, long.as_bytes());
        assert_eq!(
            seen[0].header("x-forwarded-proto"),
            Some("http"),
            "the client's, not ours"
        );
    }
}

#[test]
fn a_connection_is_used_again_over_both_versions() {
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let site = Site::start(versions);
        let proxy = site.proxy(&site.trusted());
        // One client is on one core, which has its own connections.
        let mut client = proxy.connect();
        for number in 0..20 {
            let response = client.call(&Request::post(&format!("/{number}"), "a=b").session("a"));
            assert_eq!(response.status, 200);
        }
        assert_eq!(site.relay.accepted(), 1, "{versions:?}");
        assert_eq!(site.app.connections(), 1);
        let metrics = proxy.metrics();
        assert_eq!(
            metrics.count("onelane_upstream_connections_reused_total"),
            19
        );
    }
}

#[test]
fn an_upgrade_becomes_a_tunnel_over_tls() {
    const SWITCH: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let site = Site::start(BOTH);
    site.app
        .on("/socket", [Step::Send(SWITCH.to_vec()), Step::Echo]);
    let proxy = site.proxy(&site.trusted());
    let mut client = proxy.connect();
    let request = Request::get("/socket")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket");
    client.send(request.head());
    assert_eq!(client.head().status(), 101);
    for word in ["first", "second"] {
        client.send(word);
        assert_eq!(client.read(word.len()), word.as_bytes());
    }
    client.half_close();
    assert_eq!(client.rest().0, b"");
    proxy.until_nothing_is_left();
}

#[test]
fn a_response_that_tls_cut_does_not_look_whole() {
    let site = Site::start(BOTH);
    let whole = b"HTTP/1.1 200 OK\r\n\r\nuntil the end";
    site.app
        .on("/whole", [Step::Send(whole.to_vec()), Step::Close]);
    site.app
        .on("/cut", [Step::Send(whole.to_vec()), Step::Hold]);
    let proxy = site.proxy(&site.trusted());
    let response = proxy.call(&Request::get("/whole"));
    assert_eq!(
        (response.text().as_str(), response.is_cut()),
        ("until the end", false)
    );
    let mut exchange = proxy.session("a").get("/cut");
    let head = exchange.client().head();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    drop(site.relay); // its connections end without close_notify
    let (rest, _) = exchange.client().rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
}

#[test]
fn without_keep_alive_each_request_has_its_own_connection() {
    let site = Site::start(BOTH);
    let proxy = Proxy::in_front_of_address(
        site.relay.address(),
        &format!(
            "upstream: {{ url: 'https://APP', keep_alive: 1ms, tls: {} }}",
            site.trusted()
        ),
    );
    site.app.on_each("/x", |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        vec![Step::ReadBody, Step::Send(head.into()), Step::Close]
    });
    let mut client = proxy.connect();
    for _ in 0..5 {
        assert_eq!(client.call(&Request::post("/x", "")).status, 200);
    }
    assert_eq!(site.relay.accepted(), 5);
    assert!(site.relay.resumed() > 0, "sessions are resumed");
}

#[test]
fn a_connection_that_the_application_closed_is_not_used_again() {
    let site = Site::start(BOTH);
    let proxy = site.proxy(&site.trusted());
    let mut client = proxy.connect();
    for number in 1..=3 {
        assert_eq!(client.call(&Request::post("/x", "a=b")).status, 200);
        assert_eq!(site.relay.accepted(), number);
        site.app.close_connections();
        eventually("the application has closed, and Onelane is told", || {
            site.app.open_connections() + site.relay.open() == 0
        });
        proxy.until_every_core_has_looked();
    }
    assert_eq!(site.app.arrived(), 3, "nothing was sent twice");
}

/// The status of a first request, which is counted for `reason`, and how long it took.
fn refused(site: &Site, tls: &str, reason: &str) -> (u16, Duration) {
    let proxy = site.proxy(tls);
    let start = Instant::now();
    let response = proxy.session("a").post("/x").response();
    let took = start.elapsed();
    proxy.until_counted("onelane_refusals_total", ("reason", reason), 1);
    proxy.until_nothing_is_left();
    (response.status, took)
}

#[test]
fn an_application_that_is_somebody_else_is_502_at_once_and_asked_once() {
    let site = Site::start(BOTH);
    let other = tempfile::tempdir().unwrap();
    let stranger = Authority::new(other.path());
    for (asked, tls) in [
        format!("{{ ca: '{}' }}", stranger.file().display()),
        "{}".to_owned(), // the public authorities do not know it
        format!(
            "{{ ca: '{}', server_name: elsewhere.test }}",
            site.authority.file().display()
        ),
    ]
    .iter()
    .enumerate()
    {
        let (status, took) = refused(&site, tls, "upstream_unreachable");
        assert_eq!(status, 502, "{tls}");
        // connect_timeout is 60 s, through which an application that is down is asked again and again.
        assert!(took < Duration::from_secs(30), "{tls}: {took:?}");
        assert_eq!(site.relay.accepted(), asked + 1, "{tls}");
    }
    assert_eq!(site.app.arrived(), 0, "it has seen nothing");
}

#[test]
fn the_same_application_is_served_when_nobody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue_for("old", &["elsewhere.test"], 2000..2001);
    let site = Site::with(folder, authority, &pair, BOTH);
    let (status, _) = refused(&site, &site.trusted(), "upstream_unreachable");
    assert_eq!(status, 502, "the control: it is not who it should be");
    let proxy = site.proxy("{ verify: false }");
    assert_eq!(proxy.session("a").post("/x").status(), 200);
}

#[test]
fn another_name_may_be_asked_for_than_the_one_of_the_url() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("app", &["app.internal"]);
    let site = Site::with(folder, authority, &pair, BOTH);
    let ca = site.authority.file();
    let tls = format!("{{ ca: '{}', server_name: app.internal }}", ca.display());
    assert_eq!(site.proxy(&tls).session("a").post("/x").status(), 200);
    let (status, _) = refused(&site, &site.trusted(), "upstream_unreachable");
    assert_eq!(
        status, 502,
        "the control: its certificate has no other name"
    );
}

#[test]
fn an_application_in_clear_text_is_502_at_once() {
    let app = Upstream::start();
    app.on_accept(OnAccept::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let proxy = Proxy::in_front_of_address(
        app.address(),
        "upstream: { url: 'https://APP', connect_timeout: 60s }",
    );
    let start = Instant::now();
    assert_eq!(proxy.session("a").post("/x").status(), 502);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_application_that_starts_late_is_a_pause_over_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("app", &["127.0.0.1"]);
    let reserved = Upstream::reserve();
    let relay = Relay::start(reserved.address(), &pair, BOTH);
    let tls = format!("{{ ca: '{}' }}", authority.file().display());
    let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listening.local_addr().unwrap();
    // Closes the first connections before their handshakes, as a restarting server does.
    let accept = std::thread::spawn(move || {
        for _ in 0..2 {
            drop(listening.accept().unwrap());
        }
    });
    let broken = Proxy::in_front_of_address(
        address,
        &format!("upstream: {{ url: 'https://APP', connect_timeout: 3s, tls: {tls} }}"),
    );
    assert_eq!(broken.session("a").post("/x").status(), 502);
    accept.join().expect("it was asked again");
    let app = reserved.start();
    let proxy = Proxy::in_front_of_address(
        relay.address(),
        &format!("upstream: {{ url: 'https://APP', tls: {tls} }}"),
    );
    assert_eq!(proxy.session("a").post("/x").status(), 200);
    assert_eq!(app.arrived(), 1);
}

/// Onelane before `site`, in a file, and the file of authorities that it names.
fn of_file(site: &Site) -> (Proxy, PathBuf) {
    let ca = site.folder.path().join("believed.pem");
    fs::copy(site.authority.file(), &ca).unwrap();
    let file = site.folder.path().join("onelane.yaml");
    let yaml = "upstream: { url: 'https://APP', tls: { ca: believed.pem } }";
    fs::write(&file, Proxy::yaml(site.relay.address(), yaml)).unwrap();
    (Proxy::of_file(&file), ca)
}

#[test]
fn a_reload_believes_whom_the_file_of_authorities_names_now() {
    let site = Site::start(BOTH);
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::new(elsewhere.path());
    let (proxy, ca) = of_file(&site);
    let status = || {
        // One that is kept has been believed already.
        site.app.close_connections();
        eventually("none is kept", || {
            site.app.open_connections() + site.relay.open() == 0
        });
        proxy.until_every_core_has_looked();
        proxy.session("a").post("/x").status()
    };
    assert_eq!(status(), 200);
    for (authority, expected) in [(&stranger, 502), (&site.authority, 200), (&stranger, 502)] {
        fs::copy(authority.file(), &ca).unwrap();
        // The watch may have been faster; then this one changes nothing.
        proxy.reload().reload(Cause::Operator).unwrap();
        assert_eq!(status(), expected);
    }
}

#[test]
fn a_changed_file_of_authorities_is_noticed_and_said() {
    let site = Site::start(BOTH);
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::new(elsewhere.path());
    let (proxy, ca) = of_file(&site);
    let first = proxy.reload().version();
    fs::copy(stranger.file(), &ca).unwrap();
    eventually("it is reloaded", || {
        proxy.reload().version().number > first.number
    });
    assert_ne!(proxy.reload().version().digest, first.digest);
    assert_eq!(proxy.session("a").post("/x").status(), 502);
    // What is broken keeps the old one, and says where.
    fs::write(&ca, "rubbish").unwrap();
    let error = proxy
        .reload()
        .reload(Cause::Operator)
        .unwrap_err()
        .to_string();
    assert!(error.contains("upstream.tls.ca"), "{error}");
    assert_eq!(proxy.session("a").post("/x").status(), 502);
}

/// `onelane run`, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_log_says_why_and_says_it_once() {
    let site = Site::start(BOTH);
    let file = site.folder.path().join("onelane.yaml");
    fs::write(
        &file,
        format!(
            "listen: 127.0.0.1:0\nadmin: off\nsession: {{ preset: php }}\nupstream: 'https://{}'\n",
            site.relay.address()
        ),
    )
    .unwrap();
    let log = site.folder.path().join("log");
    let process = Command::new(env!("CARGO_BIN_EXE_onelane"))
        .args(["run", "-c", file.to_str().unwrap()])
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn();
    let _process = Process(process.unwrap());
    let lines = |part: &str| -> Vec<String> {
        let text = fs::read_to_string(&log).unwrap();
        let matching = text.lines().filter(|line| line.contains(part));
        matching.map(str::to_owned).collect()
    };
    eventually("it listens", || !lines("listening for clients").is_empty());
    let line = lines("listening for clients").remove(0);
    let address = line.rsplit_once("address=").unwrap().1.trim();
    let address = address.parse().unwrap();
    for _ in 0..3 {
        let response = Client::connect(address).call(&Request::get("/"));
        assert_eq!(response.status, 502);
    }
    let said = lines("no TLS connection to the application");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("UnknownIssuer"), "{said:?}");
    assert!(said[0].contains("upstream.tls.ca"), "{said:?}");
}
