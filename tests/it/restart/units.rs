//! The units in `deploy/systemd` are what systemd understands, and what the program and its defaults are.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use onelane::config::Config;
use tempfile::TempDir;

/// What systemd says of both units, with the program where this test has it, and each text of `changes` by another.
fn verified(changes: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    for name in ["onelane.service", "onelane.socket"] {
        let mut text = unit(name).replace(INSTALLED, env!("CARGO_BIN_EXE_onelane"));
        for (what, by) in changes {
            text = text.replace(what, by);
        }
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(["onelane.service", "onelane.socket"].map(|name| folder.path().join(name)))
        .output()
        .expect("systemd-analyze is needed: apt-get install systemd");
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    fs::read_to_string(path.join(name)).unwrap()
}

/// The value of `key=` in a unit.
#[track_caller]
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let mut lines = unit.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn systemd_finds_nothing_wrong() {
    assert_eq!(verified(&[]), "");
    let control = verified(&[("NoNewPrivileges", "NoNewPrivilege")]);
    assert!(control.contains("Unknown key"), "{control}");
}

#[test]
fn the_service_starts_the_program_as_it_wants_to_be_started() {
    let service = unit("onelane.service");
    let command = value(&service, "ExecStart").replace("/etc/onelane", "/nowhere");
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, INSTALLED);
    let output = Command::new(env!("CARGO_BIN_EXE_onelane"))
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(said(&output).contains("/nowhere/onelane.yaml:\n    cannot be read"));
    let code = output.status.code().unwrap().to_string();
    assert_eq!(value(&service, "RestartPreventExitStatus"), code);
    assert_eq!(value(&service, "Type"), "notify");
}

#[test]
fn the_units_leave_room_for_the_defaults() {
    let defaults = Config::parse("admin: off", &|_| None).unwrap().startup;
    let (service, socket) = (unit("onelane.service"), unit("onelane.socket"));
    let stop = value(&service, "TimeoutStopSec").trim_end_matches('s');
    let longest = defaults.drain_delay + defaults.drain_timeout + Duration::from_secs(2);
    assert!(Duration::from_secs(stop.parse().unwrap()) > longest);
    let files: usize = value(&service, "LimitNOFILE").parse().unwrap();
    assert!(files > 2 * defaults.edge.connections, "a request has two");
    let address = defaults.listen[0].address.to_string();
    assert_eq!(value(&socket, "ListenStream"), address);
}

/// Where the unit has the program.
const INSTALLED: &str = "/usr/local/bin/onelane";
