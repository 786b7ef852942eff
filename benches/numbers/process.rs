//! Onelane, and other proxies, as processes.
//!
//! Guarantees: a proxy is ready when it is given out, and ended when its value is dropped; Onelane starts with as few
//! open files as a shell or systemd gives a program.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::identity::Identity;
use crate::proc::{self, Thread};

/// Onelane in a process of its own.
#[derive(Debug)]
pub(crate) struct Onelane {
    process: Process,
    admin: SocketAddr,
}

/// A child process and where clients connect.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    files: PathBuf,
}

impl Onelane {
    /// Starts it in front of `application`; `more` is YAML after listeners and upstream. Without `log` in it there is none.
    pub(crate) fn start(application: SocketAddr, more: &str) -> io::Result<Self> {
        Self::start_program(&[this_build()], application, None, more)
    }

    /// The same, executed by `tool`: a program and its arguments, before those of Onelane.
    pub(crate) fn start_under(
        tool: &[OsString],
        application: SocketAddr,
        more: &str,
    ) -> io::Result<Self> {
        let program = [tool, &[this_build()]].concat();
        Self::start_program(&program, application, None, more)
    }

    /// The same, with TLS.
    pub(crate) fn start_secure(
        application: SocketAddr,
        identity: &Identity,
        more: &str,
    ) -> io::Result<Self> {
        Self::start_program(&[this_build()], application, Some(identity), more)
    }

    /// The same with another build, as it was before a change: `ONELANE_BENCH_BASE` is its program. None without it.
    pub(crate) fn start_base(application: SocketAddr, more: &str) -> io::Result<Option<Self>> {
        env::var_os(BASE)
            .map(|program| Self::start_program(&[program], application, None, more))
            .transpose()
    }

    fn start_program(
        program: &[OsString],
        application: SocketAddr,
        identity: Option<&Identity>,
        more: &str,
    ) -> io::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let files = directory(address)?;
        let listen = match identity {
            None => format!("{address}"),
            Some(identity) => {
                let (cert, key) = identity.write(&files)?;
                let (cert, key) = (cert.display(), key.display());
                format!("[{{ address: {address}, tls: {{ cert: {cert}, key: {key} }} }}]")
            }
        };
        let log = if more.contains("log:") {
            ""
        } else {
            "log: { access: false }\n"
        };
        let yaml = format!(
            "listen: {listen}\nupstream: http://{application}\nadmin: {{ listen: {admin} }}\n{log}{more}"
        );
        let config = files.join("onelane.yaml");
        fs::write(&config, yaml)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", WITH_FEW_FILES])
            .args(program)
            .args(["run", "-c"])
            .arg(&config)
            .env("TMPDIR", &files)
            .env("RUST_LOG", "warn");
        Ok(Self {
            process: Process::start(command, address, files)?,
            admin,
        })
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> io::Result<usize> {
        self.metric_where(name, "")
    }

    /// Where operators connect.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its id; that of the tool that executes it, if there is one.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What an operator gets: head and body.
    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        get(self.admin, path)
    }

    /// The sum of a metric over its labels, of those whose text contains `label`.
    pub(crate) fn metric_where(&self, name: &str, label: &str) -> io::Result<usize> {
        let text = self.get("/metrics")?;
        let values: Vec<&str> = text
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(label))
            })
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        if values.is_empty() {
            return Err(io::Error::other(format!(
                "there is no metric {name} {label}"
            )));
        }
        values
            .iter()
            .map(|value| value.parse::<usize>().map_err(io::Error::other))
            .sum()
    }

    /// Resident memory, bytes.
    pub(crate) fn resident(&self) -> io::Result<f64> {
        proc::memory(self.process.id(), "VmRSS")
    }

    /// The most resident memory that it ever had, bytes.
    pub(crate) fn peak(&self) -> io::Result<f64> {
        proc::memory(self.process.id(), "VmHWM")
    }

    /// Its threads.
    pub(crate) fn threads(&self) -> io::Result<Vec<Thread>> {
        proc::threads(self.process.id())
    }

    /// Processor time that all its threads have used.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        proc::used(self.process.id())
    }
}

impl Process {
    /// Starts it, and waits until it listens; `files` is its directory, removed with it.
    pub(crate) fn start(
        mut command: Command,
        address: SocketAddr,
        files: PathBuf,
    ) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut process = Self {
            child,
            address,
            files,
        };
        until("a proxy listens", || match process.child.try_wait()? {
            Some(status) => Err(io::Error::other(format!("a proxy did not start: {status}"))),
            None => Ok(TcpStream::connect(address).is_ok()),
        })?;
        Ok(process)
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    /// SIGTERM, since a master that is killed leaves its workers behind; then whatever is needed.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        drop(
            Command::new("sh")
                .args(["-c", r#"kill "$0""#, &id])
                .status(),
        );
        drop(until("a proxy ends", || {
            Ok(self.child.try_wait()?.is_some())
        }));
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.files));
    }
}

/// The program that was built with this one.
fn this_build() -> OsString {
    env!("CARGO_BIN_EXE_onelane").into()
}

/// Waits until something is so, looking every few milliseconds.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !so()? {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("waited in vain until {what}")));
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    Ok(())
}

/// What is at `path`: head and body.
pub(crate) fn get(from: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(from)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A directory for what listens on `address`.
pub(crate) fn directory(address: SocketAddr) -> io::Result<PathBuf> {
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("proxy-{}", address.port()));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Names the program of [`Onelane::start_base`].
const BASE: &str = "ONELANE_BENCH_BASE";
/// What most systems start a program with, though it may raise it.
const WITH_FEW_FILES: &str = r#"ulimit -S -n 1024; exec "$0" "$@""#;
