//! Out of file descriptors: those who are connected are served, the others wait, and nothing spins. The real binary, as
//! a process with limits of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Client, DEADLINE, Heard, Request, Step, Upstream, eventually};

/// Onelane as a process; killed when dropped.
struct Process {
    child: Child,
    lines: Receiver<String>,
    /// What was logged and looked at.
    log: Vec<String>,
    address: SocketAddr,
    _folder: TempDir,
}

impl Process {
    /// Starts with these limits of the shell, such as `-S -n 64`.
    fn start(app: &Upstream, limits: &[&str], yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("onelane.yaml");
        let upstream = app.address();
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: off\nupstream: {{ url: 'http://{upstream}', connect_timeout: 300ms }}\nlog: {{ access: false }}\n{yaml}\n"
        );
        fs::write(&file, text).unwrap();
        let limits: String = limits
            .iter()
            .map(|limit| format!("ulimit {limit} && "))
            .collect();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limits} exec \"$@\""), "sh"])
            .args([env!("CARGO_BIN_EXE_onelane"), "run", "-c"])
            .arg(&file)
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut lines = stderr.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        let mut process = Self {
            child,
            lines,
            log: Vec::new(),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            _folder: folder,
        };
        let line = process.until_logged("listening for clients");
        let (_, address) = line.rsplit_once("address=").unwrap();
        process.address = address.trim().parse().unwrap();
        process
    }

    /// The first line with `part`.
    fn until_logged(&mut self, part: &str) -> String {
        loop {
            if let Some(line) = self.log.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            let line = self.lines.recv_timeout(DEADLINE);
            self.log.push(line.expect("such a line"));
        }
    }

    /// How many lines with `part` there are by now.
    fn count(&mut self, part: &str) -> usize {
        self.log.extend(self.lines.try_iter());
        self.log.iter().filter(|line| line.contains(part)).count()
    }

    /// Soft limit of open files.
    fn limit(&self) -> usize {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let soft = line.unwrap().split_whitespace().nth(3).unwrap();
        soft.parse().unwrap()
    }

    /// Takes open files away from it.
    fn lower_limit(&self, limit: u64) {
        let id = self.child.id().try_into().unwrap();
        rlimit::prlimit(id, rlimit::Resource::NOFILE, Some((limit, limit)), None).unwrap();
    }

    /// CPU time so far, in hundredths of a second.
    fn cpu(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let mut words = behind_name.split_whitespace().skip(11);
        let mut next = || words.next().unwrap().parse::<u64>().unwrap();
        next() + next()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
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
    (0..size)
        .map(|_| Client::connect(process.address))
        .collect()
}

#[test]
fn out_of_descriptors_those_who_are_in_stay_and_the_others_wait() {
    let app = closing();
    let yaml = "routes: [{ path: /kept, access: none }]\nlimits: { connections: 100 }";
    let mut process = Process::start(&app, &["-n 300"], yaml);
    let (mut inside, kept, other) = (
        Client::connect(process.address),
        Request::get("/kept"),
        Request::get("/x"),
    );
    assert_eq!(inside.call(&kept).status, 200);
    process.lower_limit(64); // as when the whole system is short of them
    let mut crowd = crowd(&process, 80);
    process.until_logged(SHORTAGE);
    let (cpu, mut waiting) = (process.cpu(), Client::connect(process.address));
    waiting.send(other.head());
    assert_eq!(waiting.hear(Duration::from_secs(1)), Heard::Nothing);
    let spent = process.cpu() - cpu;
    assert!(spent < 20, "{spent} hundredths of a second in one second");
    assert_eq!(process.count(SHORTAGE), 1);
    assert_eq!(inside.call(&kept).status, 200, "on a kept connection");
    eventually("there is none for a new one", || {
        inside.call(&other).status == 502 // `waiting` has taken that of the kept one
    });

    crowd.clear();
    drop(waiting.try_response_to("GET")); // 502, if it was taken before there was room
    let mut next = Client::connect(process.address);
    assert_eq!(next.call(&other).status, 200, "there is room again");
    assert_eq!(inside.call(&other).status, 200);
}

#[test]
fn clients_leave_descriptors_for_the_application() {
    let app = closing();
    let mut process = Process::start(&app, &["-n 160"], "");
    let mut inside = Client::connect(process.address);
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    let mut crowd = crowd(&process, 119);
    Client::connect(process.address).closed();
    for client in &mut crowd[100..] {
        assert_eq!(client.call(&Request::get("/x")).status, 200);
    }
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    assert_eq!(process.count(SHORTAGE), 0);
}

#[test]
fn the_soft_limit_becomes_the_hard_one_and_too_low_a_limit_is_said() {
    let app = Upstream::start();
    let said = "too few file descriptors";
    let limits = "limits: { connections: 100 }";
    let mut enough = Process::start(&app, &["-S -n 64", "-H -n 300"], limits);
    assert_eq!((enough.limit(), enough.count(said)), (300, 0));
    let mut few = Process::start(&app, &["-S -n 64", "-H -n 200"], limits);
    assert_eq!((few.limit(), few.count(said)), (200, 1));
    assert!(few.until_logged(said).contains("connections=100"));
    let line = few.until_logged(said);
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
