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

use crate::support::{Client, DEADLINE, Request, Upstream, eventually};

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
            "listen: 127.0.0.1:0\nadmin: off\nupstream: http://{upstream}\nlog: {{ access: false }}\n{yaml}\n"
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
        let line = limits.lines().find(|line| line.starts_with("Max open files"));
        let soft = line.unwrap().split_whitespace().nth(3).unwrap();
        soft.parse().unwrap()
    }

    /// Files that are open.
    fn open(&self) -> usize {
        let files = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        files.unwrap().count()
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

#[test]
fn out_of_descriptors_those_who_are_in_are_served_and_the_others_wait() {
    let app = Upstream::start();
    let mut process = Process::start(&app, &["-n 64"], "");
    let mut inside = Client::connect(process.address);
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    let mut crowd: Vec<Client> = (0..80).map(|_| Client::connect(process.address)).collect();
    process.until_logged(SHORTAGE);
    assert!(process.open() >= 63, "{}", process.open());

    let (cpu, mut waiting) = (process.cpu(), Client::connect(process.address));
    waiting.send(Request::get("/waiting").head());
    let silence = waiting.hear(Duration::from_secs(1));
    assert_eq!(silence, crate::support::Heard::Nothing);
    let spent = process.cpu() - cpu;
    assert!(spent < 20, "{spent} hundredths of a second in one second");
    assert!(process.count(SHORTAGE) <= 2);
    assert_eq!(inside.call(&Request::get("/x")).status, 200);

    crowd.clear();
    assert_eq!(waiting.response().status, 200, "there is room again");
    assert_eq!(inside.call(&Request::get("/x")).status, 200);
    eventually("the crowd is gone", || process.open() < 40);
}

#[test]
fn with_enough_descriptors_nobody_waits() {
    let app = Upstream::start();
    let limits = "limits: { connections: 100 }";
    let mut process = Process::start(&app, &["-n 300"], limits);
    let crowd: Vec<Client> = (0..80).map(|_| Client::connect(process.address)).collect();
    let mut next = Client::connect(process.address);
    assert_eq!(next.call(&Request::get("/x")).status, 200);
    assert_eq!(process.count(SHORTAGE), 0);
    drop(crowd);
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
    let line = few.until_logged(said);
    for part in ["200", "264", "ulimit -n", "LimitNOFILE", "nofile=264", "limits.connections"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
