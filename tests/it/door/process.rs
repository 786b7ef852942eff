//! Onelane as a process, for what only its log shows.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use crate::support::{Client, Session, Upstream, eventually};

/// A process in front of an application; killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    stderr: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Process {
    /// Starts in front of `app`; the session is the cookie `sid`, each request is logged, and `yaml` adds to that.
    pub(crate) fn start(app: &Upstream, yaml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("onelane.yaml");
        let base = "listen: 127.0.0.1:0\nadmin: { listen: '127.0.0.1:0' }\nsession: { keys: [{ cookie: sid }] }";
        let text = format!("{base}\nupstream: http://{}\n{yaml}\n", app.address());
        fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_onelane"))
            .args(["run", "-c"])
            .arg(&file)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let address = announced(&mut stderr);
        let admin = announced(&mut stderr);
        Self {
            child,
            address,
            admin,
            stderr,
            _folder: folder,
        }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn session(&self, id: &str) -> Session {
        Session::new(self.address, id)
    }

    /// Waits until so many requests wait in lanes.
    pub(crate) fn until_waiting(&self, count: usize) {
        eventually("they wait", || {
            let metrics = self.metrics();
            metrics.contains(&format!("onelane_waiters {count}\n"))
        });
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        Client::connect(self.admin).send(request).response().text()
    }

    /// Ends it, and gives its access log and what it said besides.
    pub(crate) fn ended(mut self) -> (String, String) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(killed.unwrap().success());
        let (mut requests, mut said) = (String::new(), String::new());
        let mut stdout = self.child.stdout.take().expect("it is read once");
        stdout.read_to_string(&mut requests).unwrap();
        self.stderr.read_to_string(&mut said).unwrap();
        (requests, said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn announced(stderr: &mut impl BufRead) -> SocketAddr {
    loop {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no address");
        let text = line.rsplit_once("address=");
        let json = line.rsplit_once("\"address\":\"");
        if let Some((_, address)) = text.or(json) {
            let end = |c: char| c.is_whitespace() || c == '"';
            return address.split(end).next().unwrap().parse().unwrap();
        }
    }
}
