//! The real binary: SIGHUP reloads it, and its log says what became of that.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tempfile::TempDir;

use crate::support::{Client, DEADLINE, Proxy, Request, Upstream};

/// A process; killed when dropped.
struct Process {
    child: Child,
    app: Upstream,
    folder: TempDir,
    lines: Receiver<String>,
    address: SocketAddr,
}

impl Process {
    fn start(yaml: &str) -> Self {
        let (app, folder) = (Upstream::start(), TempDir::new().unwrap());
        let file = folder.path().join("onelane.yaml");
        fs::write(&file, Proxy::yaml(app.address(), yaml)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_onelane"))
            .args(["run", "-c"])
            .arg(&file)
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut said = stderr.lines().map_while(Result::ok);
            said.try_for_each(|line| sender.send(line))
        });
        let mut process = Self {
            child,
            app,
            folder,
            lines,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let line = process.line("listening for clients");
        let (_, address) = line.rsplit_once("address=").unwrap();
        process.address = address.trim().parse().unwrap();
        process.line("listening for operators");
        process
    }

    /// The next line of the log with this in it.
    #[track_caller]
    fn line(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no line with {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("onelane.yaml")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    fn status(&self) -> u16 {
        let mut client = Client::connect(self.address);
        client.call(&Request::get("/")).status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn sighup_reloads_also_what_has_not_changed() {
    let process = Process::start("");
    process.signal("HUP");
    let line = process.line("the configuration was reloaded");
    for part in [
        "cause=\"signal\"",
        "version=2",
        "digest=",
        "changes=nothing",
    ] {
        assert!(line.contains(part), "{line}");
    }
    process.signal("HUP");
    let line = process.line("the configuration was reloaded");
    assert!(line.contains("version=3"), "{line}");
    assert_eq!(process.status(), 200);
}

#[test]
fn sighup_takes_what_is_in_the_file() {
    let process = Process::start("");
    assert_eq!(process.status(), 200);
    let yaml = "client: { deny: [127.0.0.0/8] }\nroutes: [{ name: x, path: /x, access: none }]";
    let text = Proxy::yaml(process.app.address(), yaml);
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    let line = process.line("the configuration was reloaded");
    assert!(line.contains("routes added: x; sections:"), "{line}");
    assert!(line.contains("client"), "{line}");
    assert_eq!(process.status(), 403);
}

#[test]
fn sighup_with_a_broken_file_says_all_that_is_wrong_as_check_does_and_goes_on() {
    let process = Process::start("");
    let wrong = "mode: obsrve\nqueue: { limt: 5 }";
    let text = Proxy::yaml(process.app.address(), wrong);
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    process.line("the configuration was not reloaded, the old policy goes on");
    let checked = Command::new(env!("CARGO_BIN_EXE_onelane"))
        .arg("check")
        .arg(process.file())
        .output()
        .unwrap();
    let checked = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.contains("has 2 errors."), "{checked}");
    for line in checked.lines().skip(1).filter(|line| !line.is_empty()) {
        process.line(line);
    }
    assert_eq!(process.status(), 200);
}

#[test]
fn sighup_with_another_listener_names_it_and_goes_on() {
    let process = Process::start("");
    let text = Proxy::yaml(process.app.address(), "listen: 127.0.0.1:1\nmode: observe");
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    let line = process.line("the configuration was not reloaded");
    assert!(line.contains("only a restart changes listen;"), "{line}");
    assert_eq!(process.status(), 200);
}
