//! slowhttptest as a process: the attacks that it knows, and what it says of them.
//!
//! Guarantees: it runs on the attackers' core, and is ended when its value is dropped.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::application::PAGE;
use crate::buffers::PER_DOWNLOAD;
use crate::cores::Site;

/// One of its modes, and what ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    arguments: &'static [&'static str],
    path: &'static str,
    /// After so many seconds Onelane must have ended all its connections, since the last was opened.
    pub(crate) limit: u64,
    /// What each of its connections may need beside the buffers that are counted, bytes.
    pub(crate) memory: f64,
    /// The metric that counts how it was ended, and a label of it; None when its requests are answered at once.
    pub(crate) counted: Option<(&'static str, &'static str)>,
}

/// A running attack.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    said: PathBuf,
}

impl Attack {
    /// Starts it with [`CONNECTIONS`] connections, beside the site; None when slowhttptest is not installed.
    pub(crate) fn start(&self, on: SocketAddr, site: &Site) -> io::Result<Option<Running>> {
        let said = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("attack-{}", on.port()));
        let url = match self.path {
            "" => format!("http://{on}{PAGE}{PAGE_LENGTH}"),
            path => format!("http://{on}{path}"),
        };
        let started = site
            .attacker("slowhttptest")
            .args(["-c", &CONNECTIONS.to_string(), "-r", "1000", "-l", "240"])
            .args(["-p", "10", "-u", &url])
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&said)?)
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(child) => Ok(Some(Running { child, said })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether it is installed.
pub(crate) fn is_installed() -> bool {
    let mut probe = Command::new("slowhttptest");
    probe.arg("-h").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok()
}

impl Running {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Why it has ended, in its own words; None while it runs.
    pub(crate) fn ended(&mut self) -> io::Result<Option<String>> {
        if self.child.try_wait()?.is_none() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&fs::read(&self.said)?).into_owned();
        let status = said.lines().rev().find_map(|line| {
            let (_, status) = line.split_once("Exit status:")?;
            // In colour: after the last letter of its escape.
            let start = status.find('m').map_or(0, |colour| colour + 1);
            let words = status[start..].split('\u{1b}').next()?;
            Some(words.trim())
        });
        Ok(Some(status.unwrap_or("nothing").to_owned()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_file(&self.said));
    }
}

/// Connections of an attack; it opens 1,000 a second.
pub(crate) const CONNECTIONS: usize = 5_000;
/// More than the kernel takes for a client that reads nothing.
const PAGE_LENGTH: usize = 10_000_000;
/// Heads that come slowly.
pub(crate) const HEADERS: Attack = Attack {
    name: "slow headers",
    arguments: &["-H", "-i", "5", "-x", "24"],
    path: "/item",
    limit: 10, // header_timeout
    memory: IDLE,
    counted: Some(("onelane_refusals_total", "request_timeout")),
};
/// Bodies that come slowly. They have no lane: the application gets them as they come.
pub(crate) const BODIES: Attack = Attack {
    name: "slow body",
    arguments: &["-B", "-i", "5", "-x", "10", "-s", "8192"],
    path: "/item",
    limit: 30, // body_idle_timeout
    memory: IDLE + UPSTREAM,
    counted: Some(("onelane_refusals_total", "request_timeout")),
};
/// Bodies of one session that come slowly: they are read before the lane is taken.
pub(crate) const SESSION_BODIES: Attack = Attack {
    name: "slow body of a session",
    arguments: &["-B", "-i", "5", "-x", "10", "-s", "8192", "-j", SESSION],
    ..BODIES
};
/// Requests for 3,000 ranges.
pub(crate) const RANGES: Attack = Attack {
    name: "ranges",
    arguments: &["-R", "-t", "HEAD", "-a", "1", "-b", "3000"],
    path: "/item",
    limit: 120, // idle_timeout
    memory: IDLE + UPSTREAM + LONG_HEAD,
    counted: None,
};
/// Responses that are taken slowly.
pub(crate) const READS: Attack = Attack {
    name: "slow read",
    arguments: &[
        "-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "1",
    ],
    path: "",
    limit: 60, // send_timeout
    memory: PER_DOWNLOAD,
    counted: Some(("onelane_connections_ended_total", "unread")),
};
const SESSION: &str = "ASP.NET_SessionId=abcdefghijklmnopqrstuvwx";
/// A connection with a request of a few bytes: its tasks and timers, and hyper's read buffer of 8 KiB.
const IDLE: f64 = 40.0 * 1024.0;
/// One with the application.
const UPSTREAM: f64 = 40.0 * 1024.0;
/// hyper's read buffer, with a head of 20 KiB.
const LONG_HEAD: f64 = 64.0 * 1024.0;
