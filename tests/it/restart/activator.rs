//! Who keeps the sockets while processes come and go: `activator.py`, and Onelane as what it starts.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::support::Log;

/// A running activator; what it has started is killed when it is dropped.
pub(super) struct Activator {
    process: Child,
    orders: Option<ChildStdin>,
    words: BufReader<ChildStdout>,
    log: Log,
    addresses: Vec<SocketAddr>,
    configuration: PathBuf,
    _folder: TempDir,
}

impl Activator {
    /// Opens a socket for each of `names`; nothing is started yet.
    pub(super) fn open(names: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let configuration = folder.path().join("onelane.yaml");
        let mut process = Command::new("python3")
            .args(["-c", include_str!("activator.py")])
            .args(names)
            .args(["--", env!("CARGO_BIN_EXE_onelane"), "run", "-c"])
            .arg(&configuration)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is needed: apt-get install python3");
        let log = Log::of(process.stderr.take().unwrap());
        let mut words = BufReader::new(process.stdout.take().unwrap());
        let addresses = {
            let mut line = String::new();
            words.read_line(&mut line).unwrap();
            let addresses = line.split_whitespace().skip(1);
            addresses.map(|word| word.parse().unwrap()).collect()
        };
        Self {
            orders: process.stdin.take(),
            process,
            words,
            log,
            addresses,
            configuration,
            _folder: folder,
        }
    }

    /// Where the sockets listen, in the order of their names.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the next process is started with.
    pub(super) fn configure(&self, yaml: &str) {
        fs::write(&self.configuration, yaml).unwrap();
    }

    /// Starts a process, with the sockets.
    pub(super) fn start(&mut self) {
        self.order("start", "started");
    }

    /// Closes the sockets: what is started from now on binds its own.
    pub(super) fn forget(&mut self) {
        self.order("forget", "forgotten");
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&mut self) {
        self.order("term", "told");
    }

    /// Waits for the end of the process; gives its exit code.
    #[track_caller]
    pub(super) fn ended(&mut self) -> i32 {
        let answer = self.order("wait", "ended ");
        answer.trim().parse().unwrap()
    }

    /// Ends the process, and starts the next one.
    #[track_caller]
    pub(super) fn restart(&mut self) {
        self.terminate();
        assert_eq!(self.ended(), 0, "nobody was cut off");
        self.start();
    }

    /// The next line of the process's log that contains `part`.
    #[track_caller]
    pub(super) fn line(&self, part: &str) -> String {
        self.log.line(part)
    }

    /// What follows `answer` in the line that answers `order`.
    #[track_caller]
    fn order(&mut self, order: &str, answer: &str) -> String {
        let orders = self.orders.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        let mut line = String::new();
        self.words.read_line(&mut line).unwrap();
        let rest = line.strip_prefix(answer);
        rest.unwrap_or_else(|| panic!("{order}: {line}")).to_owned()
    }
}

impl Drop for Activator {
    fn drop(&mut self) {
        drop(self.orders.take()); // the end of its input
        drop(self.process.wait());
    }
}
