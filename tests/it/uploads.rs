//! A slow upload holds no lane, whatever becomes of its client and of the disk no byte is lost, and no file stays behind.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::support::{Client, Process, Proxy, Request, Step, Upstream, answer, eventually, held};

/// How a body is announced.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Chunked,
    Fixed,
}

/// Bytes that are not the same at any two places that could be mistaken for each other.
fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

fn head(session: &str, length: usize) -> Vec<u8> {
    Request::new("POST", "/upload")
        .session(session)
        .header("Content-Length", length)
        .head()
}

fn upload(session: &str, body: &[u8], framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Fixed => [&head(session, body.len()), body].concat(),
        Framing::Chunked => {
            let mut all = Request::new("POST", "/upload")
                .session(session)
                .header("Transfer-Encoding", "chunked")
                .head();
            for chunk in body.chunks(10_007) {
                all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                all.extend_from_slice(chunk);
                all.extend_from_slice(b"\r\n");
            }
            all.extend_from_slice(b"0\r\n\r\n");
            all
        }
    }
}

/// An upload of `body` of which so much was sent.
fn begun(to: SocketAddr, session: &str, body: &[u8], sent: usize) -> Client {
    let mut client = Client::connect(to);
    client.send(head(session, body.len())).send(&body[..sent]);
    client
}

fn until_spooled(proxy: &Proxy, least: usize) {
    eventually(&format!("{least} bytes are spooled"), || {
        proxy.metrics().count("onelane_spool_bytes") >= least
    });
}

fn until_nothing_is_left(proxy: &Proxy) {
    proxy.until_nothing_is_left();
    for gauge in ["onelane_spool_bytes", "onelane_buffer_memory_bytes"] {
        eventually(&format!("{gauge} becomes 0"), || {
            proxy.metrics().count(gauge) == 0
        });
    }
}

/// Time passes in the application, as the proxy's own clock sees it.
fn let_pass(app: &Upstream, proxy: &Proxy, time: Duration) {
    let steps = [
        Step::ReadBody,
        Step::Work(time),
        Step::Send(answer(200, "")),
    ];
    app.on("/slow", steps);
    assert_eq!(proxy.session("somebody-else").post("/slow").status(), 200);
}

#[test]
fn a_slow_upload_holds_no_lane() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let body = bytes(1_000_000);
    let mut slow = begun(proxy.address(), "a", &body, 700_000);
    until_spooled(&proxy, 500_000);
    assert_eq!(proxy.session("a").post("/other").status(), 200);
    slow.send(&body[700_000..]);
    assert_eq!(slow.response().status, 200);
    let seen = app.seen();
    assert_eq!(app.targets(), ["/other", "/upload"]);
    assert!(seen[1].body == body);
    assert_eq!(seen[1].header("content-length"), Some("1000000"));
    drop(slow);
    until_nothing_is_left(&proxy);
}

#[test]
fn without_a_file_a_slow_upload_holds_its_lane() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { request_spool: 0 }");
    let body = bytes(1_000_000);
    let mut slow = begun(proxy.address(), "a", &body, 700_000);
    proxy.until_holding(1);
    let mut other = proxy.session("a").post("/other");
    proxy.until_waiting(1);
    slow.send(&body[700_000..]);
    assert_eq!((slow.response().status, other.status()), (200, 200));
    assert_eq!(app.targets(), ["/upload", "/other"]);
    assert!(app.seen()[0].body == body);
}

#[test]
fn beyond_the_file_an_upload_holds_its_lane() {
    for limits in ["request_spool: 64KiB", "spool_disk: 64KiB"] {
        let app = Upstream::start();
        let proxy = Proxy::in_front_of(&app, &format!("limits: {{ {limits} }}"));
        let body = bytes(1_000_000);
        let mut slow = begun(proxy.address(), "a", &body, 700_000);
        proxy.until_holding(1);
        assert!(proxy.metrics().count("onelane_spool_bytes") <= 64 << 10);
        let mut other = proxy.session("a").post("/other");
        proxy.until_waiting(1);
        slow.send(&body[700_000..]);
        assert_eq!((slow.response().status, other.status()), (200, 200));
        assert!(app.seen()[0].body == body, "{limits}");
        assert_eq!(proxy.metrics().count("onelane_spool_errors_total"), 0);
        drop(slow);
        until_nothing_is_left(&proxy);
    }
}

#[test]
fn bodies_of_every_length_arrive_as_they_were_sent() {
    const BUFFER: usize = 64 << 10;
    const SPOOL: usize = 256 << 10;
    let lengths = [0, 1].into_iter().chain(
        [BUFFER, BUFFER + SPOOL]
            .into_iter()
            .flat_map(|bound| [bound - 1, bound, bound + 1, bound + 100_000]),
    );
    let app = Upstream::start();
    let limits = format!("limits: {{ request_buffer: {BUFFER}, request_spool: {SPOOL} }}");
    let proxy = Proxy::in_front_of(&app, &limits);
    for length in lengths {
        for framing in [Framing::Fixed, Framing::Chunked] {
            let body = bytes(length);
            let mut client = proxy.connect();
            client.send(upload("a", &body, framing));
            assert_eq!(client.response().status, 200, "{framing:?} {length}");
            let seen = app.arrival().with_body();
            assert!(seen.body == body, "{framing:?} {length}");
        }
    }
    until_nothing_is_left(&proxy);
}

#[test]
fn many_uploads_beyond_all_memory_arrive_as_they_were_sent() {
    for memory in ["0", "1KiB", "100KiB"] {
        let app = Upstream::start();
        app.on("/upload", held());
        let proxy = Proxy::in_front_of(&app, &format!("limits: {{ buffer_memory: {memory} }}"));
        let bodies: Vec<_> = (0..10).map(|number| bytes(300_000 + number)).collect();
        let mut clients: Vec<Client> = bodies
            .iter()
            .enumerate()
            .map(|(number, body)| {
                let framing = match number % 2 {
                    0 => Framing::Fixed,
                    _ => Framing::Chunked,
                };
                let mut client = proxy.connect();
                client.send(upload(&number.to_string(), body, framing));
                client
            })
            .collect();
        for _ in &bodies {
            let inside = app.arrival();
            let seen = inside.with_body();
            let number: usize = seen.session.as_deref().unwrap().parse().unwrap();
            assert!(seen.body == bodies[number], "{memory}: {number}");
            assert!(proxy.metrics().count("onelane_buffer_memory_bytes") <= 100 << 10);
            inside.release();
        }
        for client in &mut clients {
            assert_eq!(client.response().status, 200);
        }
        drop(clients);
        until_nothing_is_left(&proxy);
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing_and_the_application_sees_nothing() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "");
    let body = bytes(1_000_000);
    let one = begun(proxy.address(), "a", &body, 600_000);
    let other = begun(proxy.address(), "b", &body, 600_000);
    until_spooled(&proxy, 1_000_000);
    drop(one);
    other.reset();
    until_nothing_is_left(&proxy);
    assert_eq!(app.arrived(), 0);
}

#[test]
fn a_client_that_leaves_its_upload_waiting_in_the_lane_leaves_nothing() {
    let app = Upstream::start();
    app.on("/hold", held());
    let proxy = Proxy::in_front_of(&app, "");
    let mut first = proxy.session("a").post("/hold");
    let inside = app.arrival();
    let body = bytes(1_000_000);
    let waiting = begun(proxy.address(), "a", &body, body.len());
    proxy.until_waiting(1);
    assert!(proxy.metrics().count("onelane_spool_bytes") > 500_000);
    drop(waiting);
    proxy.until_waiting(0);
    inside.release();
    assert_eq!(first.status(), 200);
    until_nothing_is_left(&proxy);
    assert_eq!(app.targets(), ["/hold"]);
}

#[test]
fn an_application_that_answers_without_reading_ends_the_file() {
    let app = Upstream::start();
    app.on(
        "/upload",
        [Step::Send(answer(403, "no")), Step::Hold, Step::Close],
    );
    let proxy = Proxy::in_front_of(&app, "");
    let mut client = proxy.connect();
    client.send(upload("a", &bytes(20_000_000), Framing::Fixed)); // more than the system's buffers have
    assert_eq!(client.response().status, 403);
    let inside = app.arrival();
    assert!(proxy.metrics().count("onelane_spool_bytes") > 1_000_000);
    inside.release();
    drop(client);
    until_nothing_is_left(&proxy);
}

/// Two clients, one with a lane and one without, send a byte now and then, for longer than a pause may be.
fn drip(app: &Upstream, proxy: &Proxy) -> [Client; 2] {
    let with = Request::new("POST", "/upload").session("a");
    let without = Request::new("POST", "/upload");
    let mut clients = [with, without].map(|request| {
        let mut client = proxy.connect();
        client.send(request.header("Content-Length", 9).head());
        client
    });
    for _ in 0..8 {
        for client in &mut clients {
            client.send_if_taken("x");
        }
        let_pass(app, proxy, Duration::from_millis(750));
    }
    clients
}

#[test]
fn who_drips_is_too_slow() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { body_idle_timeout: 4500ms }");
    for mut client in drip(&app, &proxy) {
        assert_eq!(client.response().status, 408);
        client.closed();
    }
    proxy.until_counted("onelane_refusals_total", ("reason", "request_timeout"), 2);
    until_nothing_is_left(&proxy);
}

#[test]
fn who_drips_may_do_so_without_a_lowest_rate() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { body_idle_timeout: 4500ms, min_rate: 0 }");
    for mut client in drip(&app, &proxy) {
        client.send("x");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn an_application_that_takes_its_time_does_not_cost_the_client_its_credit() {
    let app = Upstream::start();
    let work = Step::Work(Duration::from_millis(6000));
    app.on(
        "/upload",
        [work, Step::ReadBody, Step::Send(answer(200, ""))],
    );
    let yaml = "limits: { body_idle_timeout: 4s, request_spool: 0, request_buffer: 0 }";
    let proxy = Proxy::in_front_of(&app, yaml);
    let body = bytes(20_000_000); // more than the system's buffers have
    let mut client = proxy.connect();
    client.send(upload("a", &body, Framing::Fixed));
    assert_eq!(client.response().status, 200);
    assert!(app.seen()[0].body == body);
}

#[test]
fn the_time_in_the_lane_is_not_the_applications() {
    let app = Upstream::start();
    app.on("/hold", held());
    let yaml =
        "upstream: { url: 'http://APP', response_timeout: 5s, body_timeout: 5s, keep_alive: 4s }";
    let proxy = Proxy::in_front_of(&app, yaml);
    app.on(
        "/work",
        [
            Step::ReadBody,
            Step::Work(Duration::from_millis(2600)),
            Step::Send(answer(200, "")),
        ],
    );
    let session = proxy.session("a");
    let mut ahead = session.post("/work");
    let mut more = session.post("/work");
    let mut get = session.get("/work");
    assert_eq!((ahead.status(), more.status()), (200, 200));
    assert_eq!(get.status(), 200);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_asked_for() {
    let app = Upstream::start();
    let proxy = Proxy::in_front_of(&app, "limits: { body_size: 1KiB }");
    let expecting = |length: usize| {
        Request::new("POST", "/x")
            .session("a")
            .header("Expect", "100-continue")
            .header("Content-Length", length)
            .head()
    };
    let mut client = proxy.connect();
    let refused = client.send(expecting(1025)).response();
    assert_eq!((refused.status, refused.interim.as_slice()), (413, &[][..]));
    client.closed();
    let mut client = proxy.connect();
    let head = client.send(expecting(1024)).head();
    assert_eq!(head.status(), 100);
    assert_eq!(client.send(bytes(1024)).response().status, 200);
    assert_eq!(app.arrived(), 1);
}

/// Onelane as a process, by `shell`, in which `"$@"` is the command; TMPDIR is the folder `name` in a new one.
fn start(app: &Upstream, shell: &str, name: &str) -> Process {
    let script = format!("export TMPDIR=\"$FOLDER/{name}\"; {shell}");
    Process::by_script(&script, &Proxy::yaml(app.address(), ""))
}

/// Files that `process` has open and that have no name.
fn nameless_files(process: &Process) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().ends_with(" (deleted)"))
        .count()
}

/// Uploads go through `process`, whose disk fails, and are not changed by that.
fn assert_unharmed(app: &Upstream, process: &Process) {
    for framing in [Framing::Fixed, Framing::Chunked] {
        let body = bytes(1_000_000);
        let mut client = Client::connect(process.address());
        client.send(upload("a", &body, framing));
        assert_eq!(client.response().status, 200);
        assert!(app.arrival().with_body().body == body);
    }
    let metrics = process.metrics();
    assert!(
        metrics.contains("onelane_spool_errors_total 2"),
        "{metrics}"
    );
}

fn warnings(log: &str) -> usize {
    log.matches("the temporary file of a request body failed")
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_folder_for_files_uploads_arrive_all_the_same_and_the_operator_is_told() {
    let app = Upstream::start();
    let process = start(&app, "exec \"$@\"", "absent");
    assert_unharmed(&app, &process);
    let log = process.ended("KILL").1;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!((1..=cores.min(2)).contains(&warnings(&log)), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_in_the_middle_of_an_upload_costs_no_byte() {
    let app = Upstream::start();
    // A file may have 100 KiB; more is an error, as on a full disk.
    let process = start(&app, "trap '' XFSZ; ulimit -f 200; exec \"$@\"", ".");
    assert_unharmed(&app, &process);
    let log = process.ended("KILL").1;
    assert!(log.contains("File too large"), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn no_file_stays_open_whatever_became_of_its_upload() {
    let app = Upstream::start();
    let process = start(&app, "exec \"$@\"", ".");
    let body = bytes(1_000_000);
    let mut done = begun(process.address(), "a", &body, 600_000);
    let left = begun(process.address(), "b", &body, 600_000);
    let mut wrong = Client::connect(process.address());
    let chunked = upload("c", &body, Framing::Chunked);
    wrong.send(&chunked[..600_000]);
    eventually("there are three files", || nameless_files(&process) == 3);
    done.send(&body[600_000..]);
    assert_eq!(done.response().status, 200);
    drop(left);
    wrong.send(vec![b'x'; 20_000]);
    assert_eq!(wrong.response().status, 400);
    eventually("there is no file", || nameless_files(&process) == 0);
    assert_eq!(warnings(&process.ended("KILL").1), 0);
}
