//! What an operator's tools see, over real sockets.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::config::Config;
use crate::gateway::{Disk, Shared};
use crate::memory::Budget;
use crate::metrics::{Gauges, Labels, Metrics};
use crate::shutdown::Drain;
use crate::upstream::Nodes;

/// A running admin listener.
struct Admin {
    address: SocketAddr,
    drain: Drain,
    ready: Arc<Mutex<Readiness>>,
    task: JoinHandle<()>,
}

impl Admin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let ready = Arc::new(Mutex::new(Readiness::Ready));
        let asked = Arc::clone(&ready);
        let sources = Sources {
            ready: Box::new(move || *asked.lock().unwrap()),
            evidence: Box::new(|| "{}".to_owned()),
            metrics: Box::new(|| "# EOF\n".to_owned()),
            view: view(&drain),
            counts: Metrics::new(1, Labels::default()).core(0),
            drain: Box::new(|| ()),
            reload: None,
        };
        let task = tokio::spawn(serve(listener, None, sources, drain.listen()));
        Self {
            address,
            drain,
            ready,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a whole request; gives the whole answer, up to the end of the connection.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_all(stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }
}

/// What is seen of a process without requests.
fn view(drain: &Drain) -> View {
    let config = Config::parse("session: { preset: aspnet }", &|_| None).unwrap();
    let shared = Shared {
        policy: Arc::new(arc_swap::ArcSwap::from_pointee(config.policy)),
        lanes: Arc::default(),
        waiters: Arc::default(),
        budget: Budget::new(0),
        disk: Disk::new(std::env::temp_dir(), 0),
        draining: drain.listen(),
        upstream: Nodes::new(config.startup.upstream, Instant::now()),
        evidence: Arc::default(),
        tracer: None,
    };
    let metrics = Arc::new(Metrics::new(1, Labels::default()));
    View::new(shared, metrics, Gauges::default, None)
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_process_that_runs_is_live_and_ready() {
    let admin = Admin::start().await;
    let (live, ready) = (admin.get("/livez").await, admin.get("/readyz").await);
    assert_eq!((status(&live), body(&live)), ("200", "ok\n"));
    assert_eq!((status(&ready), body(&ready)), ("200", "ready\n"));
}

#[tokio::test]
async fn what_is_not_ready_says_why_and_stays_live() {
    let admin = Admin::start().await;
    *admin.ready.lock().unwrap() = Readiness::NotReady("the application cannot be reached");
    let ready = admin.get("/readyz").await;
    assert_eq!(
        (status(&ready), body(&ready)),
        ("503", "the application cannot be reached\n")
    );
    assert_eq!(status(&admin.get("/livez").await), "200");
}

#[tokio::test]
async fn who_drains_is_not_ready_but_live_and_measured_until_the_end() {
    let admin = Admin::start().await;
    let silent = admin.connect().await;
    admin.drain.begin();
    let ready = admin.get("/readyz").await;
    assert_eq!((status(&ready), body(&ready)), ("503", "draining\n"));
    assert_eq!(status(&admin.get("/livez").await), "200");
    assert_eq!(status(&admin.get("/metrics").await), "200");
    admin.drain.close();
    admin.task.await.unwrap();
    assert_eq!(read_all(silent).await, "");
    assert!(TcpStream::connect(admin.address).await.is_err());
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let admin = Admin::start().await;
    let answer = admin.get("/metrics").await;
    assert_eq!((status(&answer), body(&answer)), ("200", "# EOF\n"));
    let content_type =
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(answer.contains(content_type), "{answer}");
}

#[tokio::test]
async fn evidence_is_json() {
    let admin = Admin::start().await;
    let answer = admin.get("/evidence").await;
    assert_eq!((status(&answer), body(&answer)), ("200", "{}"));
    let content_type = "content-type: application/json\r\n";
    assert!(answer.contains(content_type), "{answer}");
}

#[tokio::test]
async fn the_root_lists_what_there_is() {
    let admin = Admin::start().await;
    let index = admin.get("/").await;
    for path in ["/livez", "/readyz", "/metrics", "/evidence"] {
        assert!(body(&index).contains(path), "{index}");
    }
    assert_eq!(status(&admin.get("/other").await), "404");
}

#[tokio::test]
async fn only_get_and_head_are_allowed() {
    let admin = Admin::start().await;
    let post = admin
        .exchange("POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
        .await;
    assert_eq!(status(&post), "405");
    assert!(post.contains("allow: GET, HEAD\r\n"), "{post}");
    let head = admin
        .exchange("HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert_eq!((status(&head), body(&head)), ("200", ""));
    let missing = admin
        .exchange("POST /other HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert_eq!(status(&missing), "404");
}

#[tokio::test]
async fn a_loopback_listener_answers_only_to_names_of_this_machine() {
    let admin = Admin::start().await;
    for host in [
        "localhost",
        "LOCALHOST:9180",
        "127.0.0.1:9180",
        "[::1]",
        "[::1]:9180",
        "192.0.2.1",
    ] {
        let answer = admin
            .exchange(&format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(status(&answer), "200", "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:9180",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "a b",
    ] {
        let answer = admin
            .exchange(&format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(status(&answer), "421", "{host}");
    }
    let two = admin
        .exchange("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        .await;
    assert_eq!(status(&two), "421");
    // A program of old; browsers always send a Host.
    assert_eq!(
        status(&admin.exchange("GET /livez HTTP/1.0\r\n\r\n").await),
        "200"
    );
}

#[tokio::test]
async fn garbage_and_half_requests_disturb_nobody_else() {
    let admin = Admin::start().await;
    let mut half = admin.connect().await;
    half.write_all(b"GET /livez HTT").await.unwrap();
    assert_eq!(status(&admin.exchange("\u{0}\u{1}\r\n\r\n").await), "400");
    let large = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(2 * BUFFER)
    );
    let mut stream = admin.connect().await;
    stream.write_all(large.as_bytes()).await.unwrap();
    // Only the first line: what was not read of the request resets the connection.
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 431");
    drop(half);
    assert_eq!(status(&admin.get("/livez").await), "200");
}

/// The clock is fake: it jumps to the next deadline as soon as nothing else can happen.
#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let admin = Admin::start().await;
    let start = time::Instant::now();
    let mut silent = admin.connect().await;
    silent.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    assert_eq!(read_all(silent).await, "");
    assert!(
        start.elapsed() < CONNECTION_TIMEOUT,
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let admin = Admin::start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS - 1 {
        silent.push(admin.connect().await);
    }
    // One place is left, and serves.
    assert_eq!(status(&admin.get("/livez").await), "200");
    silent.push(admin.connect().await);
    let mut late = admin.connect().await;
    late.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    // Far more turns of the runtime than an answer takes.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let mut byte = [0];
    assert_eq!(
        late.try_read(&mut byte).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    drop(silent.pop());
    assert_eq!(status(&read_all(late).await), "200");
}
