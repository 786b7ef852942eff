//! Onelane as a process: its log, its signals, its end.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use tempfile::TempDir;

use super::DEADLINE;
use super::client::{Client, Session};
use super::eventually::eventually;
use super::proxy::{Proxy, ask};
use super::upstream::Upstream;

/// A process with a configuration of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    requests: Log,
    log: Log,
    folder: TempDir,
}

/// Lines that a process writes, read by a thread of their own, so that it never waits for who reads them.
#[derive(Debug)]
pub(crate) struct Log {
    coming: Receiver<String>,
    past: RefCell<Vec<String>>,
}

impl Process {
    /// Starts with exactly this configuration.
    pub(crate) fn start(yaml: &str) -> Self {
        Self::by(&mut Command::new(env!("CARGO_BIN_EXE_onelane")), yaml)
    }

    /// As [`Process::start`], by a script of the shell in which `"$@"` is the command, and `$FOLDER` that of its
    /// configuration.
    pub(crate) fn by_script(script: &str, yaml: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_onelane")]);
        Self::by(&mut shell, yaml)
    }

    /// Starts in front of `app`, with the configuration of [`Proxy::in_front_of`].
    pub(crate) fn in_front_of(app: &Upstream, yaml: &str) -> Self {
        Self::start(&Proxy::yaml(app.address(), yaml))
    }

    fn by(command: &mut Command, yaml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(FILE);
        fs::write(&file, yaml).unwrap();
        let mut child = command
            .args(["run", "-c"])
            .arg(&file)
            .env("FOLDER", folder.path())
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            requests: Log::of(child.stdout.take().unwrap()),
            log: Log::of(child.stderr.take().unwrap()),
            child,
            folder,
        }
    }

    /// Where clients connect, as soon as they can.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        self.log.address("listening for clients")
    }

    /// Where operators connect, as soon as they can.
    #[track_caller]
    pub(crate) fn admin(&self) -> SocketAddr {
        self.log.address("listening for operators")
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    #[track_caller]
    pub(crate) fn session(&self, id: &str) -> Session {
        Session::new(self.address(), id)
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> String {
        ask(self.admin(), "/metrics").text()
    }

    /// Waits until so many requests wait in lanes.
    #[track_caller]
    pub(crate) fn until_waiting(&self, count: usize) {
        eventually(&format!("{count} requests wait"), || {
            let line = format!("onelane_waiters {count}\n");
            self.metrics().contains(&line)
        });
    }

    /// What it says besides its access log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Its configuration.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `TERM`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Its exit code, when it has ended.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends it by a signal: its access log, and what it said besides.
    #[track_caller]
    pub(crate) fn ended(self, signal: &str) -> (String, String) {
        self.signal(signal);
        (self.requests.whole(), self.log.whole())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Log {
    /// What is read from `source`.
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let (sender, coming) = channel();
        let past = RefCell::default();
        thread::spawn(move || {
            let mut lines = BufReader::new(source).lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Self { coming, past }
    }

    /// The next line with `part`.
    #[track_caller]
    pub(crate) fn line(&self, part: &str) -> String {
        loop {
            let line = self.coming.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no line with {part}"));
            self.past.borrow_mut().push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The first line of all with `part`.
    #[track_caller]
    pub(crate) fn first(&self, part: &str) -> String {
        let past = self.past.borrow();
        let known = past.iter().find(|line| line.contains(part)).cloned();
        drop(past);
        known.unwrap_or_else(|| self.line(part))
    }

    /// How many lines with `part` there are by now.
    pub(crate) fn count(&self, part: &str) -> usize {
        let mut past = self.past.borrow_mut();
        past.extend(self.coming.try_iter());
        past.iter().filter(|line| line.contains(part)).count()
    }

    /// All lines, when no more can come.
    #[track_caller]
    fn whole(&self) -> String {
        let mut past = self.past.borrow_mut();
        loop {
            match self.coming.recv_timeout(DEADLINE) {
                Ok(line) => past.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it goes on"),
            }
        }
        past.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The address in the first line with `part`, in a log of text or of JSON.
    #[track_caller]
    fn address(&self, part: &str) -> SocketAddr {
        let line = self.first(part);
        let text = line.rsplit_once("address=");
        let found = text.or_else(|| line.rsplit_once("\"address\":\""));
        let (_, address) = found.unwrap_or_else(|| panic!("no address in {line}"));
        let end = |c: char| c.is_whitespace() || c == '"';
        address.split(end).next().unwrap().parse().unwrap()
    }
}

const FILE: &str = "onelane.yaml";
