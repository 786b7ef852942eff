//! Out of file descriptors: those who are connected are served, the others wait, and nothing spins. The real binary, as
//! a process with limits of its own.

use std::fs;
use std::time::Duration;

use crate::support::{Client, Heard, Process, Request, Step, Upstream, eventually};

/// Starts with these limits of the shell, such as `-S -n 64`.
fn start(app: &Upstream, limits: &[&str], yaml: &str) -> Process {
    let upstream = app.address();
    let text = format!(
        "listen: 127.0.0.1:0\nadmin: off\nupstream: {{ url: 'http://{upstream}', connect_timeout: 2s }}\nlog: {{ access: false }}\n{yaml}\n"
    );
    let limits: String = limits
        .iter()
        .map(|limit| format!("ulimit {limit} && "))
        .collect();
    let process = Process::by_script(&format!("{limits} exec \"$@\""), &text);
    process.address();
    process
}

/// Soft limit of open files.
fn limit(process: &Process) -> usize {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.unwrap().split_whitespace().nth(3).unwrap();
    soft.parse().unwrap()
}

/// Takes open files away from it.
fn lower_limit(process: &Process, limit: u64) {
    let id = process.id().try_into().unwrap();
    rlimit::prlimit(id, rlimit::Resource::NOFILE, Some((limit, limit)), None).unwrap();
}

/// CPU time so far, in hundredths of a second.
fn cpu(process: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let (_, behind_name) = stat.rsplit_once(')').unwrap();
    let mut words = behind_name.split_whitespace().skip(11);
    let mut next = || words.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}

const SHORTAGE: &str = "cannot accept connections";

/// An application that closes each connection after its answer, so that the next request needs a new one; but not for
/// `/kept`.
fn closing() -> Upstream {
    let app = Upstream::start();
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    app.on("/x", [Step::Send(close.into()), Step::Close]);
    app
}

/// So many connections, as they come.
fn crowd(process: &Process, size: usize) -> Vec<Client> {
    (0..size).map(|_| process.connect()).collect()
}

#[test]
fn out_of_descriptors_those_who_are_in_stay_and_the_others_wait() {
    let app = closing();
    let yaml = "routes: [{ path: /kept, access: none }]\nlimits: { connections: 100 }";
    let process = start(&app, &["-n 300"], yaml);
    let (mut inside, kept, other) = (process.connect(), Request::get("/kept"), Request::get("/x"));
    assert_eq!(inside.call(&kept).status, 200);
    lower_limit(&process, 64); // as when the whole system is short of them
    let mut crowd = crowd(&process, 80);
    process.log().first(SHORTAGE);
    let (before, mut waiting) = (cpu(&process), process.connect());
    waiting.send(other.head());
    assert_eq!(waiting.hear(Duration::from_secs(1)), Heard::Nothing);
    let spent = cpu(&process) - before;
    assert!(spent < 20, "{spent} hundredths of a second in one second");
    assert_eq!(process.log().count(SHORTAGE), 1);
    assert_eq!(inside.call(&kept).status, 200, "on a kept connection");
    eventually("there is none for a new one", || {
        inside.call(&other).status == 502 // `waiting` has taken that of the kept one
    });

    crowd.clear();
    drop(waiting.try_response_to("GET")); // 502, if it was taken before there was room
    let mut next = process.connect();
    assert_eq!(next.call(&other).status, 200, "there is room again");
    assert_eq!(inside.call(&other).status, 200);
}

#[test]
fn clients_leave_descriptors_for_the_application() {
    let app = closing();
    let process = start(&app, &["-n 160"], "");
    let mut inside = process.connect();
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    let mut crowd = crowd(&process, 119);
    process.connect().closed();
    for client in &mut crowd[100..] {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    assert_eq!(process.log().count(SHORTAGE), 0);
}

#[test]
fn the_soft_limit_becomes_the_hard_one_and_too_low_a_limit_is_said() {
    let app = Upstream::start();
    let said = "too few file descriptors";
    let limits = "limits: { connections: 100 }";
    let enough = start(&app, &["-S -n 64", "-H -n 300"], limits);
    assert_eq!((limit(&enough), enough.log().count(said)), (300, 0));
    let few = start(&app, &["-S -n 64", "-H -n 200"], limits);
    assert_eq!((limit(&few), few.log().count(said)), (200, 1));
    assert!(few.log().first(said).contains("connections=100"));
    let line = few.log().first(said);
    for part in [
        "200",
        "264",
        "ulimit -n",
        "LimitNOFILE",
        "nofile=264",
        "limits.connections",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
