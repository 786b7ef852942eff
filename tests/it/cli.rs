//! What an operator types, sees and gets as exit code: the real binary, as a process.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::Process;

/// A configuration file that is removed at the end of the test.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("onelane-cli-{}-{count}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn as_str(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onelane"));
    command
        .args(arguments)
        .env_remove("ONELANE_CONFIG")
        .env_remove("RUST_LOG");
    command
}

fn onelane(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_says_that_a_file_is_valid() {
    let file = File::new("session: { preset: aspnet }\n");
    let output = onelane(&["check", file.as_str()]);
    assert_eq!(code(&output), Some(0));
    assert_eq!(
        text(&output.stdout),
        format!("{} is valid.\n", file.as_str())
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn check_shows_five_mistakes_with_their_places_and_what_to_do() {
    let file = File::new(
        "listen: 8080\n\
         upstream: localhost:8081\n\
         session: { preset: aspnett }\n\
         queue:\n  limit: 50\n  wait_timeout: 60\n\
         routes:\n  - path: /reports/**\n    acces: read\n",
    );
    let output = onelane(&["check", file.as_str()]);
    assert_eq!(code(&output), Some(64));
    assert_eq!(text(&output.stdout), "");
    let expected = "\
FILE:1:9: listen: 8080
    a port without an address
    -> write 0.0.0.0:8080 for all interfaces, 127.0.0.1:8080 for this machine alone

FILE:2:11: upstream: localhost:8081
    not an http:// or https:// URL
    -> write http://localhost:8081

FILE:3:20: session.preset: aspnett
    not one of the choices
    -> did you mean aspnet? The choices are aspnet, sitecore, aspnetcore, classic-asp, php, laravel, woocommerce, magento, moodle, java, coldfusion, django, rails, express

FILE:6:17: queue.wait_timeout: 60
    a duration needs a unit
    -> write 60s for seconds, or 60ms for milliseconds

FILE:9:5: routes[0].acces
    there is no such key
    -> did you mean access?

FILE has 5 errors.
";
    assert_eq!(
        text(&output.stderr),
        expected.replace("FILE", file.as_str())
    );
}

#[test]
fn check_warns_of_contradictions_and_still_exits_0() {
    let file = File::new("session: { preset: php }\nqueue: { wait_timeout: 60s }\n");
    let output = onelane(&["check", file.as_str()]);
    assert_eq!(code(&output), Some(0));
    let expected = "\
FILE:2: warning: queue.wait_timeout
    wait_timeout (1m) is shorter than hold_limit (2m 10s): users are refused while the page before theirs may still run; make it longer

FILE is valid, with 1 warning.
";
    assert_eq!(
        text(&output.stdout),
        expected.replace("FILE", file.as_str())
    );
}

#[test]
fn check_takes_its_file_as_the_other_commands_do() {
    let file = File::new("session: { preset: aspnet }\n");
    for flag in ["-c", "--config"] {
        let output = onelane(&["check", flag, file.as_str()]);
        assert_eq!(code(&output), Some(0), "{flag}");
        assert!(text(&output.stdout).contains("is valid."), "{flag}");
    }
}

#[test]
fn check_takes_variables_from_the_environment() {
    let file = File::new("session: { preset: php }\nqueue: { limit: \"${ONELANE_TEST_LIMIT}\" }\n");
    let output = command(&["check", file.as_str()])
        .env("ONELANE_TEST_LIMIT", "7")
        .output()
        .unwrap();
    assert_eq!(code(&output), Some(0));
    let output = onelane(&["check", file.as_str()]);
    assert!(text(&output.stderr).contains("ONELANE_TEST_LIMIT is not set"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_wrong_input() {
    for arguments in [
        &["check", "/nowhere/a.yaml"][..],
        &["run", "-c", "/nowhere/a.yaml"],
        &["explain", "GET", "/", "-c", "/nowhere/a.yaml"],
    ] {
        let output = onelane(arguments);
        assert_eq!(code(&output), Some(64), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("/nowhere/a.yaml:\n    cannot be read"),
            "{arguments:?}"
        );
    }
}

#[test]
fn wrong_arguments_exit_64_and_help_exits_0() {
    for arguments in [
        &[][..],
        &["frob"],
        &["run"],
        &["check"],
        &["check", "a.yaml", "-c", "b.yaml"],
        &["explain", "GET"],
        &["explain", "G T", "/", "-c", "x"],
        &["explain", "GET", "page", "-c", "x"],
        &["health", "--url", "ftp://x"],
    ] {
        assert_eq!(code(&onelane(arguments)), Some(64), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let output = onelane(arguments);
        assert_eq!(code(&output), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn explain_says_why_each_route_did_not_match_and_never_shows_the_session() {
    let file = File::new(
        "session: { preset: aspnet, secret: s }\n\
         routes:\n  - { path: /api/status, methods: [GET], access: read }\n  - { path: \"/reports/**\", access: read, reads: share }\n",
    );
    let id = "abcdefghijklmnopqrstuvwx";
    let cookie = format!("Cookie: a=b; ASP.NET_SessionId={id}");
    let url = format!("http://site/(S({id}))//Reports/%32011?q=1");
    let output = onelane(&["explain", "POST", &url, "-H", &cookie, "-c", file.as_str()]);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(!printed.contains(id), "{printed}");
    for expected in [
        "matched as   /reports/2011\n",
        "- routes[0] GET /api/status: method POST is not one of GET\n",
        "* routes[1] /reports/**: matched\n",
        "decided by   /reports/**\n",
        "access       read, share:",
        "(digest of ASP.NET_SessionId)\n",
        "queue        at most 50 wait; one more: refuse (503)\n",
        "wait         at most 2m; then: refuse (503)\n",
        "hold         at most 2m 10s; then: release, the next one goes\n",
        "release      at the end of the response body\n",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

#[test]
fn explain_has_a_line_for_each_lane_and_one_for_the_presets_routes() {
    let file = File::new("session: { preset: sitecore, shared: true, secret: s }\n");
    let explain = |url: &str, cookie: &str| {
        let cookie = format!("Cookie: {cookie}");
        let output = onelane(&["explain", "GET", url, "-H", &cookie, "-c", file.as_str()]);
        assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let (own, contact) = (
        "ASP.NET_SessionId=abcdefghijklmnopqrstuvwx",
        "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be",
    );
    let both = explain("/en", &format!("{own}; {contact}|True"));
    for expected in [
        "lane session ",
        "(digest of ASP.NET_SessionId)\n",
        "lane shared  ",
        "(digest of SC_ANALYTICS_GLOBAL_COOKIE)\n",
        "- preset:media: path /en does not match **/-/media/**\n",
    ] {
        assert!(both.contains(expected), "{expected}: {both}");
    }
    assert!(
        !both.contains("611a2020") && !both.contains("abcdefgh"),
        "{both}"
    );
    let alone = explain("/-/media/a.ashx", &format!("{contact}|False"));
    assert!(alone.contains("* preset:media: matched\n"), "{alone}");
    assert!(alone.contains("lane session none, so no lane"), "{alone}");
    let digest = |printed: &str| {
        let line = printed.lines().find(|line| line.starts_with("lane shared"));
        line.unwrap().to_owned()
    };
    assert_eq!(digest(&alone), digest(&both), "whatever the classification");
}

#[test]
fn explain_says_what_becomes_of_who_has_no_session_and_when_a_wait_is_judged() {
    let of_the_client = "it shares a lane with the other requests of its client";
    let at_once =
        "wait         at most 2m; then, or at once when the writers ahead would take longer:";
    for (by_client, estimate) in [("by_client", "estimate"), ("pass", "off")] {
        let file = File::new(&format!(
            "session: {{ preset: php, without_session: {by_client} }}\nqueue: {{ admission: {estimate} }}\n"
        ));
        let output = onelane(&["explain", "POST", "/a", "-c", file.as_str()]);
        let said = text(&output.stdout);
        assert_eq!(
            said.contains(of_the_client),
            by_client == "by_client",
            "{said}"
        );
        assert_eq!(said.contains(at_once), estimate == "estimate", "{said}");
    }
}

#[test]
fn explain_shows_the_same_digest_for_the_same_session_and_says_what_is_odd() {
    let file = File::new("session: { preset: php, secret: s }\n");
    let session = |value: &str| {
        let cookie = format!("Cookie: PHPSESSID={value}");
        let output = onelane(&["explain", "GET", "/a", "-H", &cookie, "-c", file.as_str()]);
        let printed = text(&output.stdout);
        printed
            .lines()
            .find(|line| line.starts_with("session"))
            .unwrap()
            .to_owned()
    };
    let id = "abcdefghijklmnopqrstuvwxyz";
    assert_eq!(session(id), session(id));
    assert_ne!(session(id), session("abcdefghijklmnopqrstuvwxyy"));
    assert!(session("x").contains("PHPSESSID is there, but it does not match"));
    let output = onelane(&["explain", "GET", "/../x", "-c", file.as_str()]);
    assert!(
        text(&output.stdout)
            .contains("in doubt     no route is asked: its path cannot be normalized safely")
    );
    assert!(text(&output.stdout).contains("carries no session id"));
}

#[test]
fn a_reader_that_has_left_is_no_error() {
    let file = File::new("session: { preset: php }\n");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut check = command(&["check", file.as_str()]);
    let status = check
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(code(&status), Some(0), "{}", text(&status.stderr));
}

#[test]
fn an_address_in_use_is_a_failed_start_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = File::new(&format!(
        "listen: {address}\nadmin: off\nsession: {{ preset: php }}\n"
    ));
    let output = onelane(&["run", "-c", file.as_str()]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains(&format!("not started: cannot listen on {address}")));
}

#[test]
fn health_follows_readiness() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = onelane(&["health", "--url", &format!("http://{nobody}/readyz")]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains("does not answer"));

    let running = Process::start(
        "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\nsession: { preset: php }\n",
    );
    let admin = running.admin();
    let output = onelane(&["health", "--url", &format!("http://{admin}/readyz")]);
    assert_eq!(
        (code(&output), text(&output.stdout).as_str()),
        (Some(0), "ready\n")
    );
    let output = onelane(&["health", "--url", &format!("http://{admin}/nowhere")]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains("not ready: HTTP/1.1 404"));
}

#[test]
fn explain_says_that_it_cannot_know_whether_a_read_has_written() {
    let explain = |application: &str| {
        let file = File::new(&format!(
            "session: {{ preset: php }}\nroutes: [{{ path: /a, access: read }}]\n{application}\n"
        ));
        text(&onelane(&["explain", "GET", "/a", "-c", file.as_str()]).stdout)
    };
    let doubt = "unless one of this route's requests has written";
    assert!(explain("application: { secret: s }").contains(doubt));
    assert!(!explain("").contains(doubt));
    assert!(!explain("application: { secret: s, on_read_wrote: warn }").contains(doubt));
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::support::{Client, Request, Step, Upstream, eventually};

    #[test]
    fn reads_that_write_are_warned_of_once_a_minute_with_route_and_shape_and_no_id() {
        let app = Upstream::start();
        let wrote = "HTTP/1.1 200 OK\r\nX-Onelane-Wrote: 1\r\nContent-Length: 0\r\n\r\n";
        app.on_each("*", |_| vec![Step::Send(wrote.into())]);
        let running = Process::start(&format!(
            "listen: 127.0.0.1:0\nadmin: off\nupstream: http://{}\nsession: {{ keys: [{{ cookie: sid }}] }}\n\
             application: {{ secret: s, on_read_wrote: warn }}\nroutes: [{{ name: carts, path: \"/cart/**\", access: read }}]\n",
            app.address()
        ));
        let mut client = running.connect();
        for _ in 0..3 {
            let request = Request::get("/cart/4711?card=12345").session("the-id");
            assert_eq!(client.call(&request).status, 200);
        }
        let (_, said) = running.ended("TERM");
        let log: Vec<&str> = said.lines().collect();
        let said: Vec<_> = log
            .iter()
            .filter(|line| line.contains("has changed its session"))
            .collect();
        assert_eq!(said.len(), 1, "{log:?}");
        for part in ["route=carts", "method=\"GET\"", "path=\"/cart/*\""] {
            assert!(said[0].contains(part), "{part}: {said:?}");
        }
        assert!(
            !log.iter()
                .any(|line| line.contains("4711") || line.contains("the-id"))
        );
    }

    /// An application that takes a request and never answers.
    struct Silent(TcpListener);

    impl Silent {
        fn new() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        /// Onelane in front of it.
        fn behind(&self, drain_timeout: &str) -> Process {
            let address = self.0.local_addr().unwrap();
            Process::start(&format!(
                "listen: 127.0.0.1:0\nadmin: off\nupstream: http://{address}\nsession: {{ preset: php }}\ndrain_timeout: {drain_timeout}\n"
            ))
        }

        /// Sends a request through `running`; gives both its ends once the application has it.
        fn occupy(&self, running: &Process) -> (TcpStream, TcpStream) {
            let mut client = TcpStream::connect(running.address()).unwrap();
            client
                .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            let (mut inside, _) = self.0.accept().unwrap();
            assert_eq!(inside.read(&mut [0; 1]).unwrap(), 1);
            (client, inside)
        }
    }

    #[test]
    fn sigterm_and_sigint_drain_and_exit_0() {
        for signal in ["TERM", "INT"] {
            let running =
                Process::start("listen: 127.0.0.1:0\nadmin: off\nsession: { preset: php }\n");
            running.address();
            running.signal(signal);
            running.log().line("drained");
            assert_eq!(running.exit_code(), Some(0), "{signal}");
        }
    }

    #[test]
    fn a_balancer_that_is_not_trusted_is_warned_of_once_with_the_line_to_add() {
        for (trusted, warnings) in [("", 1), ("client: { trusted_proxies: [127.0.0.0/8] }\n", 0)] {
            let yaml = "listen: 127.0.0.1:0\nadmin: off\nsession: { preset: php }\n";
            let running = Process::start(&format!("{yaml}{trusted}"));
            let mut client = TcpStream::connect(running.address()).unwrap();
            for _ in 0..3 {
                client
                    .write_all(
                        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n",
                    )
                    .unwrap();
                assert!(client.read(&mut [0; 1024]).unwrap() > 0);
            }
            let (_, said) = running.ended("TERM");
            let log: Vec<&str> = said.lines().collect();
            let said = log.iter().filter(|line| {
                line.contains("forwarding headers from 127.0.0.1")
                    && line.contains("add 127.0.0.1/32 to client.trusted_proxies")
            });
            assert_eq!(said.count(), warnings, "{log:?}");
        }
    }

    #[test]
    fn requests_that_are_cut_off_exit_1_with_their_number() {
        let application = Silent::new();
        let running = application.behind("10ms");
        let _ends = application.occupy(&running);
        running.signal("TERM");
        assert!(running.log().line("cut off").contains("cut_off=1"));
        assert_eq!(running.exit_code(), Some(1));
    }

    #[test]
    fn while_the_delay_lasts_balancers_are_told_and_clients_are_still_accepted() {
        let app = Upstream::start();
        let running = Process::start(&format!(
            "listen: 127.0.0.1:0\nadmin: off\nupstream: http://{}\nready_path: /ready\ndrain_delay: 1h\n",
            app.address()
        ));
        let address = running.address();
        let status = |path| Client::connect(address).call(&Request::get(path)).status;
        assert_eq!((status("/ready"), status("/x")), (200, 200));
        running.signal("TERM");
        eventually("balancers are told", || status("/ready") == 503);
        let served = Client::connect(address).call(&Request::get("/x"));
        assert_eq!(
            (served.status, served.header("connection")),
            (200, None),
            "its connection need not end yet"
        );
        running.signal("INT");
        running.log().line("ending at once");
        assert_eq!(running.exit_code(), Some(1));
    }

    #[test]
    fn a_second_signal_ends_at_once() {
        let application = Silent::new();
        let running = application.behind("1h");
        let _ends = application.occupy(&running);
        running.signal("TERM");
        running.log().line("draining");
        running.signal("TERM");
        running.log().line("ending at once");
        assert_eq!(running.exit_code(), Some(1));
    }
}
