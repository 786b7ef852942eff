//! Windows authentication: a connection that NTLM or Negotiate has authenticated belongs to one client connection alone.
//!
//! The application here authenticates connections, as IIS does, by a handshake of three legs, and records whenever two
//! identities (`X-User`) appear on one of them. Control: under a scheme that Onelane does not know, the same clients
//! and the same check find that they do.

use std::cell::RefCell;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::Version;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use onelane::client::{PeerAddr, Scheme};
use onelane::config::Config;
use onelane::gateway::record::{ACCESS_LABELS, AccessLog, Outcome};
use onelane::gateway::{self, Gateway, NoAnswer};
use onelane::memory::Budget;
use onelane::metrics::{Gauges, Labels, Metrics};
use onelane::shutdown::Drain;
use onelane::upstream;
use tokio::sync::oneshot;

use crate::support::{Client, Proxy, Request, Response, Wire, eventually};

/// A running application whose pages, but for `/open`, want an authenticated connection.
struct Application {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// What authenticates a connection here.
    scheme: String,
    /// The `WWW-Authenticate` lines of a first 401.
    challenge: Vec<String>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connections: Vec<Connection>,
    violations: Vec<String>,
    legs: usize,
    held: usize,
    releases: usize,
    stopping: bool,
}

struct Connection {
    stream: Arc<TcpStream>,
    /// Who was challenged on it, or began a handshake: nobody else may use it from then on.
    owner: Option<String>,
    /// What the next proof must contain.
    challenge: Option<String>,
    /// As whom it is authenticated.
    user: Option<String>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Seen,
}

impl Application {
    fn start(scheme: &str) -> Self {
        Self::challenging(scheme, &[scheme])
    }

    fn challenging(scheme: &str, challenge: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            scheme: scheme.into(),
            challenge: challenge.iter().map(|line| (*line).into()).collect(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = Arc::new(stream.unwrap());
                let mut state = accepting.state();
                if state.stopping {
                    return;
                }
                let number = state.connections.len();
                state.connections.push(Connection {
                    stream: Arc::clone(&stream),
                    owner: None,
                    challenge: None,
                    user: None,
                    end: End::Open,
                });
                drop(state);
                let serving = Arc::clone(&accepting);
                std::thread::spawn(move || serving.serve(number, stream));
            }
        });
        Self { address, shared }
    }

    /// Onelane in front of it, with idle connections that last.
    #[track_caller]
    fn proxy(&self, yaml: &str) -> Proxy {
        let upstream = "upstream: { url: http://APP, keep_alive: 60s }";
        Proxy::in_front_of_address(self.address, &format!("{upstream}\n{yaml}"))
    }

    /// Each time that somebody used the connection of somebody else.
    fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// Connections so far.
    fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// Legs of handshakes so far: requests that carried credentials.
    fn legs(&self) -> usize {
        self.shared.state().legs
    }

    /// Closes a connection, as an application does with an idle one.
    fn close(&self, number: usize) {
        let stream = Arc::clone(&self.shared.state().connections[number].stream);
        stream.shutdown(Shutdown::Both).unwrap();
    }

    /// Waits until Onelane has closed a connection.
    #[track_caller]
    fn until_ended(&self, number: usize) {
        eventually(&format!("the application sees the end of {number}"), || {
            self.has_ended(number)
        });
    }

    fn has_ended(&self, number: usize) -> bool {
        self.shared.state().connections[number].end == End::Seen
    }

    /// Waits until `count` requests for `/hold` have arrived.
    #[track_caller]
    fn until_held(&self, count: usize) {
        eventually("a request is held", || self.shared.state().held == count);
    }

    /// Answers one request for `/hold`.
    fn release(&self) {
        self.shared.state().releases += 1;
        self.shared.changed.notify_all();
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.stopping = true;
        for connection in &state.connections {
            connection.stream.shutdown(Shutdown::Both).ok();
        }
        drop(state);
        drop(TcpStream::connect(self.address)); // wakes the acceptor
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, number: usize, stream: Arc<TcpStream>) {
        let mut wire: Wire<TcpStream> = Wire::new(stream);
        while let Ok(Some(head)) = wire.head() {
            if wire.body(head.request_framing(), &mut Vec::new()).is_err() {
                break;
            }
            let path = head.start.split(' ').nth(1).unwrap_or_default();
            let user = head.header("x-user").unwrap_or("nobody");
            let answer = self.answer(number, path, user, head.header("authorization"));
            if wire.send(answer).is_err() {
                break;
            }
        }
        self.state().connections[number].end = End::Seen;
    }

    fn answer(&self, number: usize, path: &str, user: &str, credentials: Option<&str>) -> String {
        let mut state = self.state();
        let State {
            connections,
            violations,
            legs,
            ..
        } = &mut *state;
        let connection = &mut connections[number];
        if let Some(owner) = connection.owner.as_ref().filter(|owner| *owner != user) {
            violations.push(format!("{number}: {user} on the connection of {owner}"));
        }
        let token = credentials.and_then(|value| value.strip_prefix(&self.scheme));
        match token.map(str::trim) {
            Some("hello") => {
                *legs += 1;
                let challenge = format!("{number}-{legs}");
                connection.owner = Some(user.into());
                connection.challenge = Some(challenge.clone());
                return unauthorized(&[format!("{} {challenge}", self.scheme)]);
            }
            Some(proof) => {
                *legs += 1;
                let expected = connection.challenge.take();
                if expected.is_none_or(|challenge| proof != format!("{user} {challenge}")) {
                    return unauthorized(&self.challenge);
                }
                connection.user = Some(user.into());
            }
            None if path == "/open" => {}
            None if connection.user.is_none() => {
                connection.owner = Some(user.into());
                return unauthorized(&self.challenge);
            }
            None => {}
        }
        let body = format!("{number} {}", connection.user.as_deref().unwrap_or("-"));
        if path == "/hold" {
            state.held += 1;
            let mut held = self
                .changed
                .wait_while(state, |state| state.releases == 0 && !state.stopping)
                .unwrap_or_else(PoisonError::into_inner);
            held.releases = held.releases.saturating_sub(1);
        }
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nPersistent-Auth: true\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }
}

fn unauthorized(challenge: &[String]) -> String {
    let lines: String = challenge
        .iter()
        .map(|line| format!("WWW-Authenticate: {line}\r\n"))
        .collect();
    format!("HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 6\r\n\r\ndenied")
}

/// Somebody with a name and one connection to Onelane.
struct User {
    name: String,
    scheme: String,
    client: Client,
}

impl User {
    fn connect(name: &str, app: &Application, proxy: &Proxy) -> Self {
        Self {
            name: name.into(),
            scheme: app.shared.scheme.clone(),
            client: proxy.connect(),
        }
    }

    /// One request, without more.
    #[track_caller]
    fn call(&mut self, request: &Request) -> Response {
        let request = request.clone().header("X-User", &self.name);
        self.client.call(&request)
    }

    /// One leg of a handshake.
    #[track_caller]
    fn leg(&mut self, request: &Request, token: &str) -> Response {
        let credentials = format!("{} {token}", self.scheme);
        self.call(&request.clone().header("Authorization", credentials))
    }

    /// A request as a browser makes it: when it is challenged, it authenticates.
    #[track_caller]
    fn ask(&mut self, request: &Request) -> Response {
        let first = self.call(request);
        if first.status == 401 {
            self.authenticate(request)
        } else {
            first
        }
    }

    #[track_caller]
    fn authenticate(&mut self, request: &Request) -> Response {
        let challenged = self.leg(request, "hello");
        let challenge = challenged.header("www-authenticate").unwrap_or_default();
        let challenge = challenge.strip_prefix(&self.scheme).unwrap_or_default();
        let proof = format!("{} {}", self.name, challenge.trim());
        self.leg(request, &proof)
    }

    /// As [`User::ask`] for `/`; the number of the application's connection that served it.
    #[track_caller]
    fn served(&mut self) -> usize {
        let response = self.ask(&Request::get("/"));
        assert_eq!(response.status, 200, "{}", response.text());
        served_as(&self.name, &response)
    }
}

/// The number of the connection that served `name`.
#[track_caller]
fn served_as(name: &str, response: &Response) -> usize {
    let text = response.text();
    let (number, user) = text.split_once(' ').expect("a number and a user");
    assert_eq!(user, name);
    number.parse().unwrap()
}

/// Requests without identity, on every core, which take whatever idle connection there is.
#[track_caller]
fn strangers(proxy: &Proxy) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut clients: Vec<Client> = (0..cores * 3).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.call(&Request::get("/open")).status, 200);
    }
}

fn bound(proxy: &Proxy) -> usize {
    proxy
        .metrics()
        .count("onelane_upstream_connections_bound_total")
}

/// Any idle connection will do, however long it has been idle.
const ANY_ACCESS: &str = "default_access: none";

/// Many users at a time, some of one session, some leaving now and then, and strangers between them; who was served as
/// somebody else.
fn storm(app: &Application, proxy: &Proxy) -> Vec<String> {
    let mistaken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..16 {
            let mistaken = &mistaken;
            scope.spawn(move || {
                let name = format!("user-{number}");
                let mut user = User::connect(&name, app, proxy);
                for turn in 0..20 {
                    if turn % (5 + number) == 4 {
                        user = User::connect(&name, app, proxy);
                    }
                    let request = match turn % 3 {
                        0 => Request::get("/"),
                        1 => Request::post("/", "x=1"),
                        _ => Request::post_chunked("/", &["x=", "1"]),
                    };
                    let response = user.ask(&request.session(&format!("s{}", number % 5)));
                    let served = response.text();
                    if !served.ends_with(&format!(" {name}")) {
                        mistaken
                            .lock()
                            .unwrap()
                            .push(format!("{name}: {} {served}", response.status));
                    }
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    strangers(proxy);
                }
            });
        }
    });
    mistaken.into_inner().unwrap()
}

#[test]
fn in_a_storm_of_clients_nobody_uses_the_connection_of_another() {
    for scheme in ["NTLM", "Negotiate"] {
        let app = Application::start(scheme);
        let proxy = app.proxy("");
        assert_eq!(storm(&app, &proxy), [""; 0], "served as somebody else");
        assert_eq!(app.violations(), [""; 0]);
        assert!(bound(&proxy) >= 16);
        let reused = proxy
            .metrics()
            .count("onelane_upstream_connections_reused_total");
        assert!(reused > 16 * 10, "kept between the requests of one client");
        proxy.until_nothing_is_left();
    }
}

#[test]
fn control_under_an_unknown_scheme_the_same_storm_mixes_clients() {
    let app = Application::start("X-Conn");
    let proxy = app.proxy("");
    assert!(!storm(&app, &proxy).is_empty());
    assert!(!app.violations().is_empty());
    assert_eq!(bound(&proxy), 0);
}

/// A user authenticates, then strangers come; what the application has to say.
fn after_one_user(app: &Application, yaml: &str) -> Vec<String> {
    let proxy = app.proxy(&format!("{ANY_ACCESS}\n{yaml}"));
    strangers(&proxy);
    let mut user = User::connect("alice", app, &proxy);
    let connection = user.served();
    strangers(&proxy);
    assert_eq!(user.served(), connection);
    app.violations()
}

#[test]
fn every_form_of_the_challenge_binds() {
    let forms: [&[&str]; 6] = [
        &["NTLM"],
        &["ntlm"],
        &["NTLM TlRMTVNTUAACAAAA"],
        &["Negotiate", "NTLM"],
        &["Basic realm=\"site\"", "nTLM"],
        &["Basic realm=\"site\", charset=\"UTF-8\", NTLM"],
    ];
    for form in forms {
        let app = Application::challenging("NTLM", form);
        assert_eq!(after_one_user(&app, ""), [""; 0], "{form:?}");
    }
    let observed = after_one_user(&Application::start("NTLM"), "mode: observe");
    assert_eq!(observed, [""; 0], "whatever the mode");
}

#[test]
fn control_an_unknown_challenge_does_not_bind() {
    let app = Application::start("X-Conn");
    assert!(!after_one_user(&app, "").is_empty());
}

#[test]
fn a_challenge_of_basic_leaves_its_connection_with_the_others() {
    let app = Application::challenging("NTLM", &["Basic realm=\"NTLM\""]);
    let proxy = app.proxy(ANY_ACCESS);
    let mut user = User::connect("alice", &app, &proxy);
    assert_eq!(user.call(&Request::get("/")).status, 401);
    assert_eq!(user.call(&Request::get("/")).status, 401);
    assert_eq!((app.connections(), bound(&proxy)), (1, 0));
}

/// A user who comes with credentials at once, unchallenged; what the application has to say, and whether a connection
/// that others had used was taken for it.
fn unasked(scheme: &str) -> (Vec<String>, usize) {
    let app = Application::start(scheme);
    let proxy = app.proxy(ANY_ACCESS);
    strangers(&proxy);
    let before = app.connections();
    let mut user = User::connect("alice", &app, &proxy);
    let response = user.authenticate(&Request::get("/"));
    assert_eq!(response.status, 200);
    let connection = served_as("alice", &response);
    strangers(&proxy);
    (app.violations(), connection.saturating_sub(before - 1))
}

#[test]
fn credentials_that_nobody_asked_for_get_a_connection_of_their_own() {
    assert_eq!(unasked("NTLM"), (vec![], 1));
    assert_eq!(unasked("Negotiate"), (vec![], 1));
}

#[test]
fn control_unknown_credentials_go_over_a_shared_connection() {
    let (violations, new) = unasked("X-Conn");
    assert_eq!(new, 0);
    assert!(!violations.is_empty());
}

#[test]
fn what_the_application_says_of_its_connection_goes_through() {
    let app = Application::start("NTLM");
    let proxy = app.proxy("");
    let mut user = User::connect("alice", &app, &proxy);
    let response = user.ask(&Request::get("/"));
    assert_eq!(response.header("persistent-auth"), Some("true"));
    assert_eq!(response.header("proxy-support"), None);
}

#[test]
fn when_the_application_closes_the_connection_a_new_one_takes_its_place() {
    let app = Application::start("NTLM");
    let proxy = app.proxy(ANY_ACCESS);
    let mut user = User::connect("alice", &app, &proxy);
    let first = user.served();
    strangers(&proxy);
    app.close(first);
    app.until_ended(first);
    let before = app.connections();

    let second = user.served();
    assert_eq!(second, before, "a new one, not one of the strangers'");
    assert_eq!(app.legs(), 4, "the application has challenged again");
    strangers(&proxy);
    assert_eq!(user.served(), second);
    assert_eq!(app.violations(), [""; 0]);
    assert_eq!(bound(&proxy), 2);
}

#[test]
fn a_client_that_leaves_takes_its_connection_along() {
    let app = Application::start("NTLM");
    let proxy = app.proxy(ANY_ACCESS);
    let get = Request::get("/");
    let (mut challenged, mut amid, mut idle) = (
        User::connect("carol", &app, &proxy),
        User::connect("bob", &app, &proxy),
        User::connect("alice", &app, &proxy),
    );
    assert_eq!(challenged.call(&get).status, 401);
    assert_eq!(amid.leg(&get, "hello").status, 401);
    idle.served();
    assert_eq!(app.connections(), 3);
    assert!((0..3).all(|number| !app.has_ended(number)));

    drop(challenged);
    drop(amid);
    idle.client.reset();
    (0..3).for_each(|number| app.until_ended(number));
    strangers(&proxy);
    assert_eq!(app.violations(), [""; 0]);
}

#[test]
fn an_earlier_request_that_outlives_the_client_does_not_keep_its_connection_open() {
    let app = Application::start("NTLM");
    let proxy = app.proxy("release: { after: body, grace: 60s }\ndrain_timeout: 100ms");
    let mut user = User::connect("alice", &app, &proxy);
    let lingering = user.call(&Request::post("/open", "x=1").session("a"));
    assert_eq!(lingering.status, 200);
    let connection = user.served();
    assert_eq!(connection, 1, "the first is still in use");

    drop(user);
    app.until_ended(connection);
    assert!(!app.has_ended(0));
    assert_eq!(proxy.metrics().count("onelane_holders"), 1);
}

#[test]
fn a_write_that_outlives_its_client_gives_its_connection_to_nobody() {
    let app = Application::start("NTLM");
    let proxy = app.proxy("default_access: write");
    let mut user = User::connect("alice", &app, &proxy);
    let connection = user.served();
    let write = Request::post("/hold", "x=1").session("a");
    user.client.send(write.header("X-User", "alice").bytes());
    app.until_held(1);
    drop(user);
    proxy.until_counted("onelane_clients_gone_total", ("where", "inside"), 1);
    assert!(!app.has_ended(connection), "the write goes on");

    app.release();
    app.until_ended(connection);
    proxy.until_nothing_holds();
    strangers(&proxy);
    assert_eq!(app.violations(), [""; 0]);
}

#[test]
fn the_next_request_waits_until_the_last_has_given_the_connection_back() {
    const GRACE: Duration = Duration::from_millis(500);
    let app = Application::start("NTLM");
    let proxy = app.proxy("release: { after: body, grace: 500ms }");
    let mut user = User::connect("alice", &app, &proxy);
    let connection = user.served();

    let start = Instant::now();
    let write = user.call(&Request::post("/", "x=1").session("a"));
    assert_eq!(served_as("alice", &write), connection);
    let next = user.call(&Request::get("/")); // without a session it has no lane to wait in
    assert_eq!(
        next.status, 200,
        "on another connection it would be challenged"
    );
    assert_eq!(served_as("alice", &next), connection);
    assert!(start.elapsed() >= GRACE);
    assert_eq!((app.connections(), app.legs()), (1, 2));
}

#[test]
fn a_handshake_passes_the_lane_leg_by_leg() {
    let app = Application::start("Negotiate");
    let proxy = app.proxy("release: { after: body, grace: 20ms }");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (app, proxy) = (&app, &proxy);
            scope.spawn(move || {
                let mut user = User::connect(&format!("tab-{number}"), app, proxy);
                let empty = Request::post("/", "").session("one");
                let response = user.ask(&empty);
                served_as(&user.name, &response);
            });
        }
    });
    assert_eq!((app.connections(), app.legs()), (6, 12), "no leg was lost");
    assert_eq!(app.violations(), [""; 0]);
    proxy.until_nothing_is_left();
}

#[test]
fn a_client_of_one_request_binds_for_that_request() {
    let app = Application::start("NTLM");
    let proxy = app.proxy(ANY_ACCESS);
    for (number, head) in ["GET / HTTP/1.0", "GET / HTTP/1.1\r\nConnection: close"]
        .into_iter()
        .enumerate()
    {
        let mut client = proxy.connect();
        client.send(format!(
            "{head}\r\nHost: app.test\r\nX-User: {number}\r\n\r\n"
        ));
        assert_eq!(client.response().status, 401);
        client.closed();
        app.until_ended(number);
    }
    strangers(&proxy);
    assert_eq!(app.violations(), [""; 0]);
}

#[test]
fn a_bound_connection_counts_against_max_connections_until_its_client_leaves() {
    let app = Application::start("NTLM");
    let upstream = "upstream: { url: http://APP, connect_timeout: 2s, max_connections: 1 }";
    let proxy = Proxy::in_front_of_address(app.address, upstream);
    let mut user = User::connect("alice", &app, &proxy);
    let connection = user.served();

    let refused = proxy.call(&Request::get("/open"));
    assert_eq!(refused.status, 503);
    assert_eq!(user.served(), connection, "it was not closed for the other");
    assert_eq!(app.legs(), 2);

    drop(user);
    app.until_ended(connection);
    assert_eq!(proxy.call(&Request::get("/open")).status, 200);
    assert_eq!(app.violations(), [""; 0]);
}

/// What became of a request that came over `version`: a status, or no answer.
fn over(version: Version, app: &Application, request: Request) -> (Result<u16, NoAnswer>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let metrics = Metrics::new(
        1,
        Labels {
            access: &ACCESS_LABELS,
            outcomes: &Outcome::LABELS,
            ..Labels::default()
        },
    );
    let answered = runtime.block_on(async {
        let gateway = Rc::new(gateway_before(app.address, &metrics));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let caller = std::thread::spawn(move || Client::connect(address).call(&request).status);
        let (stream, peer) = listener.accept().await.unwrap();
        let client = gateway::Client::new(PeerAddr::new(peer), Scheme::Https, Weak::new());
        let answered = Rc::new(RefCell::new(None));
        let service = service_fn(|mut request: http::Request<hyper::body::Incoming>| {
            *request.version_mut() = version;
            let (gateway, client) = (Rc::clone(&gateway), client.clone());
            let answered = Rc::clone(&answered);
            async move {
                let (answers, answer) = oneshot::channel();
                gateway.serve(request, client, answers).await;
                let answer = answer.await.expect("an answer, or a reason for none");
                *answered.borrow_mut() = Some(answer.map(|answer| answer.status().as_u16()));
                Ok::<_, NoAnswer>(http::Response::new(String::new()))
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connection.await.ok();
        caller.join().unwrap();
        answered.take().expect("the request was served")
    });
    let text = metrics.encode(Gauges::default());
    let counted = text
        .lines()
        .filter(|line| line.contains("outcome=\"needs_http11\""))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    (answered, counted.sum())
}

/// A gateway before the application at `app`.
fn gateway_before(app: SocketAddr, metrics: &Metrics) -> Gateway {
    let text = format!("listen: 127.0.0.1:0\nupstream: http://{app}");
    let config = Config::parse(&text, &|_| None).unwrap();
    let shared = gateway::Shared {
        policy: Arc::new(ArcSwap::from_pointee(config.policy)),
        lanes: Arc::default(),
        waiters: Arc::default(),
        budget: Budget::new(config.startup.buffer_memory),
        disk: gateway::Disk::new(std::env::temp_dir(), config.startup.spool_disk),
        draining: Drain::new().listen(),
        upstream: upstream::Nodes::new(config.startup.upstream, Instant::now()),
        evidence: Arc::default(),
        tracer: None,
    };
    Gateway::new(shared, metrics.core(0), AccessLog::off())
}

#[test]
fn over_http2_a_challenge_ends_the_request_without_an_answer() {
    for scheme in ["NTLM", "Negotiate"] {
        let app = Application::start(scheme);
        let get = || Request::get("/").header("X-User", "alice");
        assert_eq!(
            over(Version::HTTP_2, &app, get()),
            (Err(NoAnswer::NeedsHttp11), 1)
        );
        app.until_ended(0);
        assert_eq!(over(Version::HTTP_11, &app, get()), (Ok(401), 0));
    }
    let unknown = Application::start("X-Conn");
    assert_eq!(
        over(Version::HTTP_2, &unknown, Request::get("/")),
        (Ok(401), 0)
    );
}

#[test]
fn over_http2_credentials_for_a_connection_do_not_reach_the_application() {
    let app = Application::start("NTLM");
    let hello = || Request::get("/").header("Authorization", "NTLM hello");
    assert_eq!(
        over(Version::HTTP_2, &app, hello()),
        (Err(NoAnswer::NeedsHttp11), 1)
    );
    assert_eq!((app.connections(), app.legs()), (0, 0));
    assert_eq!(over(Version::HTTP_11, &app, hello()), (Ok(401), 0));
}
