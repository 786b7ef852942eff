//! A restart by socket activation loses no request: clients wait in the socket's queue while one process ends and the
//! next one starts, and two never have lanes at a time. And what systemd is told meanwhile.

mod activator;
mod notify;
mod units;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Client, Request, Step, Upstream, answer, eventually, held};
use activator::Activator;
use tempfile::TempDir;

/// In front of `app`, at the first two sockets of `activator`.
fn configuration(activator: &Activator, app: &Upstream) -> String {
    let [data, admin] = activator.addresses()[..] else {
        panic!("two sockets");
    };
    format!(
        "listen: {data}\nadmin: {{ listen: '{admin}' }}\nupstream: http://{}\nsession: {{ keys: [{{ cookie: sid }}] }}\n\
         drain_timeout: 60s\nlog: {{ access: false }}\n",
        app.address()
    )
}

/// A process in front of `app` that has the sockets of its activator.
fn activated(app: &Upstream) -> Activator {
    let mut activator = Activator::open(&["data", "admin"]);
    activator.configure(&configuration(&activator, app));
    activator.start();
    activator.line("listening for operators");
    activator
}

/// Clients that come one after the other, each with a connection of its own.
#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    failed: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    /// Runs `during` while `clients` send requests of two sessions without a pause.
    fn run(&self, clients: usize, address: SocketAddr, during: impl FnOnce()) {
        thread::scope(|scope| {
            for number in 0..clients {
                scope.spawn(move || {
                    while !self.over.load(Ordering::Relaxed) {
                        let session = format!("s{}", number % 2);
                        let request = Request::post("/work", "").session(&session);
                        match request_alone(address, &request) {
                            Some(200) => self.answered.fetch_add(1, Ordering::Relaxed),
                            _ => self.failed.fetch_add(1, Ordering::Relaxed),
                        };
                    }
                });
            }
            during();
            self.over.store(true, Ordering::Relaxed);
        });
    }

    /// Waits for so many more answers.
    #[track_caller]
    fn until_more_are_answered(&self, more: usize) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("requests are answered", || {
            self.answered.load(Ordering::Relaxed) >= before + more
        });
    }
}

/// The status of the answer to `request` on a connection of its own; None when there is none.
fn request_alone(address: SocketAddr, request: &Request) -> Option<u16> {
    let mut client = Client::try_connect(address).ok()?;
    client.try_send(request.bytes()).ok()?;
    client
        .try_response_to("POST")
        .ok()
        .map(|response| response.status)
}

/// The admin listener answers to names of this machine only.
const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn ten_restarts_under_load_fail_no_request_and_mix_no_writers() {
    let app = Upstream::start();
    app.on(
        "/work",
        [
            Step::Work(Duration::from_millis(2)),
            Step::Send(answer(200, "")),
        ],
    );
    let mut activator = activated(&app);
    let load = Load::default();
    load.run(8, activator.addresses()[0], || {
        load.until_more_are_answered(20);
        for _ in 0..10 {
            activator.restart();
            load.until_more_are_answered(20);
        }
    });
    assert_eq!(load.failed.load(Ordering::Relaxed), 0);
    assert_eq!(app.exclusion_violations(), 0);
    activator.terminate();
    assert_eq!(activator.ended(), 0);
}

#[test]
fn who_comes_between_two_processes_waits_for_the_next_one() {
    for passed in [true, false] {
        let app = Upstream::start();
        let mut activator = activated(&app);
        if !passed {
            activator.terminate();
            assert_eq!(activator.ended(), 0);
            activator.forget();
            activator.start();
            activator.line("listening for operators");
        }
        let address = activator.addresses()[0];
        let request = Request::get("/");
        assert_eq!(Client::connect(address).call(&request).status, 200);
        activator.terminate();
        assert_eq!(activator.ended(), 0);
        if !passed {
            assert!(
                Client::try_connect(address).is_err(),
                "its own socket has gone with it"
            );
            continue;
        }
        let mut between = Client::connect(address);
        between.send(Request::get("/between").bytes());
        activator.start();
        assert_eq!(between.response().status, 200);
    }
}

#[test]
fn the_next_process_serves_nobody_while_the_old_one_still_holds() {
    let app = Upstream::start();
    app.on("/hold", held());
    let mut activator = activated(&app);
    let address = activator.addresses()[0];
    let mut first = Client::connect(address);
    first.send(Request::post("/hold", "").session("a").bytes());
    let inside = app.arrival();
    activator.terminate();
    activator.line("no more clients are accepted");
    let ready = Client::connect(activator.addresses()[1])
        .send(READY)
        .response();
    assert_eq!(ready.status, 503);
    let mut second = Client::connect(address);
    second.send(Request::post("/second", "").session("a").bytes());
    inside.release();
    assert_eq!(first.response().status, 200);
    assert_eq!(activator.ended(), 0);
    assert_eq!(
        app.targets(),
        ["/hold"],
        "the second one waits in the queue"
    );
    activator.start();
    assert_eq!(second.response().status, 200);
    assert_eq!(app.targets(), ["/hold", "/second"]);
}

#[test]
fn a_socket_that_the_configuration_does_not_know_fails_the_start_and_is_named() {
    let app = Upstream::start();
    let mut activator = Activator::open(&["data", "admin"]);
    let yaml = configuration(&activator, &app);
    let known = activator.addresses()[0].to_string();
    activator.configure(&yaml.replace(&known, "127.0.0.1:0"));
    activator.start();
    let line = activator.line("not started");
    let expected = format!("the passed socket 3 (data) listens on {known}, which is not in listen");
    assert!(line.contains(&expected), "{line}");
    assert_eq!(activator.ended(), 1);
}

#[test]
fn what_was_not_passed_is_bound_as_usual() {
    let app = Upstream::start();
    let mut activator = Activator::open(&["onelane.socket"]);
    let data = activator.addresses()[0];
    activator.configure(&format!(
        "listen: [{data}, '127.0.0.1:0']\nadmin: off\nupstream: http://{}\nlog: {{ access: false }}\n",
        app.address()
    ));
    activator.start();
    let line = activator.line("passed by");
    assert!(line.contains("socket=3 (onelane.socket)"), "{line}");
    let address = || -> SocketAddr {
        let line = activator.line("listening for clients");
        line.rsplit_once("address=").unwrap().1.parse().unwrap()
    };
    let (first, second) = (address(), address());
    assert_eq!(first, data);
    for address in [first, second] {
        assert_eq!(
            Client::connect(address).call(&Request::get("/")).status,
            200
        );
    }
}

#[test]
fn sockets_that_were_passed_to_another_process_are_left_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("onelane.yaml");
    let yaml = format!("listen: {}\nadmin: off\n", taken.local_addr().unwrap());
    fs::write(&file, yaml).unwrap();
    let start = |process: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onelane"));
        command.args(["run", "-c"]).arg(&file);
        command.env("LISTEN_FDS", "1").env("LISTEN_PID", process);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let another = start("1");
    assert!(
        another.contains("not started: cannot listen on"),
        "{another}"
    );
    let own = start(""); // whoever does not know the process that it starts says nothing
    let expected = "the passed socket 3 is no listening TCP socket: fd 3 is not a socket";
    assert!(own.contains(expected), "{own}");
}
