//! The real binary: SIGHUP reloads it, and its log says what became of that.

use std::fs;
use std::process::Command;

use crate::support::{Process, Proxy, Request, Upstream};

/// A process in front of an application that takes signals.
fn start(app: &Upstream) -> Process {
    let process = Process::in_front_of(app, "");
    process.log().first("listening for operators");
    process
}

fn status(process: &Process) -> u16 {
    process.connect().call(&Request::get("/")).status
}

#[test]
fn sighup_reloads_also_what_has_not_changed() {
    let app = Upstream::start();
    let process = start(&app);
    process.signal("HUP");
    let line = process.log().line("the configuration was reloaded");
    for part in [
        "cause=\"signal\"",
        "version=2",
        "digest=",
        "changes=nothing",
    ] {
        assert!(line.contains(part), "{line}");
    }
    process.signal("HUP");
    let line = process.log().line("the configuration was reloaded");
    assert!(line.contains("version=3"), "{line}");
    assert_eq!(status(&process), 200);
}

#[test]
fn sighup_takes_what_is_in_the_file() {
    let app = Upstream::start();
    let process = start(&app);
    assert_eq!(status(&process), 200);
    let yaml = "client: { deny: [127.0.0.0/8] }\nroutes: [{ name: x, path: /x, access: none }]";
    let text = Proxy::yaml(app.address(), yaml);
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    let line = process.log().line("the configuration was reloaded");
    assert!(line.contains("routes added: x; sections:"), "{line}");
    assert!(line.contains("client"), "{line}");
    assert_eq!(status(&process), 403);
}

#[test]
fn sighup_with_a_broken_file_says_all_that_is_wrong_as_check_does_and_goes_on() {
    let app = Upstream::start();
    let process = start(&app);
    let wrong = "mode: obsrve\nqueue: { limt: 5 }";
    let text = Proxy::yaml(app.address(), wrong);
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    process
        .log()
        .line("the configuration was not reloaded, the old policy goes on");
    let checked = Command::new(env!("CARGO_BIN_EXE_onelane"))
        .arg("check")
        .arg(process.file())
        .output()
        .unwrap();
    let checked = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.contains("has 2 errors."), "{checked}");
    for line in checked.lines().skip(1).filter(|line| !line.is_empty()) {
        process.log().line(line);
    }
    assert_eq!(status(&process), 200);
}

#[test]
fn sighup_with_another_listener_names_it_and_goes_on() {
    let app = Upstream::start();
    let process = start(&app);
    let text = Proxy::yaml(app.address(), "listen: 127.0.0.1:1\nmode: observe");
    fs::write(process.file(), text).unwrap();
    process.signal("HUP");
    let line = process.log().line("the configuration was not reloaded");
    assert!(line.contains("only a restart changes listen;"), "{line}");
    assert_eq!(status(&process), 200);
}
