//! The proxies as processes, and what /proc says of them.
//!
//! Guarantees: a proxy is ready when it is given out, and ended when its value is dropped.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Onelane in a process of its own.
#[derive(Debug)]
pub(crate) struct Onelane {
    process: Process,
    admin: SocketAddr,
}

/// nginx with one worker for each core.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
}

/// A child process and where clients connect.
#[derive(Debug)]
struct Process {
    child: Child,
    address: SocketAddr,
    files: PathBuf,
}

/// One thread of a process.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Its id.
    pub(crate) id: u32,
    /// Processor time it has used, user and system.
    pub(crate) used: Duration,
}

/// Processor time of the whole machine and of this program, in ticks since their start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    idle: u64,
    all: u64,
    /// This process and those of its children that have ended.
    own: u64,
}

impl Onelane {
    /// Starts it in front of `application`; `more` is YAML after listeners, upstream and log.
    pub(crate) fn start(application: SocketAddr, more: &str) -> io::Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let yaml = format!(
            "listen: {address}\nupstream: http://{application}\nadmin: {{ listen: {admin} }}\n\
             log: {{ access: false }}\n{more}"
        );
        let files = directory(address)?;
        let config = files.join("onelane.yaml");
        fs::write(&config, yaml)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_onelane"));
        command
            .args(["run", "-c"])
            .arg(&config)
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
        let text = get(self.admin, "/metrics")?;
        let values: Vec<&str> = text
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        if values.is_empty() {
            return Err(io::Error::other(format!("there is no metric {name}")));
        }
        values
            .iter()
            .map(|value| value.parse::<usize>().map_err(io::Error::other))
            .sum()
    }

    /// Resident memory, bytes.
    pub(crate) fn resident(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.child.id()))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"))
            .and_then(|number| number.trim().parse::<f64>().ok());
        kibibytes
            .map(|number| number * 1024.0)
            .ok_or_else(|| io::Error::other("no VmRSS in /proc"))
    }

    /// Its threads.
    pub(crate) fn threads(&self) -> io::Result<Vec<Thread>> {
        threads(self.process.child.id())
    }

    /// Processor time that all its threads have used.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        used(self.process.child.id())
    }
}

impl Nginx {
    /// Starts it in front of `application`; None when it is not installed.
    pub(crate) fn start(application: SocketAddr) -> io::Result<Option<Self>> {
        let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
            let mut probe = Command::new(program);
            probe.arg("-v").stderr(Stdio::null()).status().is_ok()
        });
        let Some(program) = program else {
            return Ok(None);
        };
        let address = free_address()?;
        let files = directory(address)?;
        let config = files.join("nginx.conf");
        fs::write(&config, nginx_config(&files, address, application))?;
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(&files)
            .arg("-e")
            .arg(files.join("log"));
        Ok(Some(Self {
            process: Process::start(command, address, files)?,
        }))
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Processor time that its workers have used.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if parent(pid) == Some(self.process.child.id()) {
                sum += used(pid)?;
            }
        }
        Ok(sum)
    }
}

impl Process {
    fn start(mut command: Command, address: SocketAddr, files: PathBuf) -> io::Result<Self> {
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

impl Machine {
    /// Now.
    pub(crate) fn now() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let all = numbers(stat.lines().next().unwrap_or_default());
        let stat = fs::read_to_string("/proc/self/stat")?;
        // User and system time are the fields 14 and 15, those of children 16 and 17; the fourth is the first here.
        let own = numbers(stat.rsplit(')').next().unwrap_or_default());
        match (all.get(3..5), own.get(10..14)) {
            (Some([idle, waiting]), Some(own)) => Ok(Self {
                idle: idle + waiting,
                all: all.iter().sum(),
                own: own.iter().sum(),
            }),
            _ => Err(io::Error::other("no processor times in /proc")),
        }
    }

    /// The share of its processors that was busy since `before`, per cent.
    pub(crate) fn busy_since(self, before: Self) -> u64 {
        self.share(before, self.busy() - before.busy())
    }

    /// The share of its processors that other programs used since `before`, per cent.
    pub(crate) fn others_since(self, before: Self) -> u64 {
        let own = self.own - before.own;
        self.share(before, (self.busy() - before.busy()).saturating_sub(own))
    }

    fn busy(self) -> u64 {
        self.all - self.idle
    }

    fn share(self, before: Self, ticks: u64) -> u64 {
        ticks * 100 / (self.all - before.all).max(1)
    }
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

/// Cores of this machine, as Onelane counts them.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Files that this process may have open.
pub(crate) fn open_files() -> io::Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let soft = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?
            .split_whitespace()
            .next()
    });
    match soft {
        Some("unlimited") => Ok(u64::MAX),
        Some(number) => number.parse().map_err(io::Error::other),
        None => Err(io::Error::other("no limit of open files in /proc")),
    }
}

/// Processor time in nanoseconds is in the first field of `schedstat`; the ticks of `stat` are too coarse.
fn threads(pid: u32) -> io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = entry?.path();
        let schedstat = fs::read_to_string(path.join("schedstat"))?;
        let nanos = schedstat
            .split(' ')
            .next()
            .and_then(|field| field.parse().ok());
        let id = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let (Some(nanos), Some(id)) = (nanos, id) else {
            return Err(io::Error::other("no processor time in /proc"));
        };
        threads.push(Thread {
            id,
            used: Duration::from_nanos(nanos),
        });
    }
    Ok(threads)
}

fn used(pid: u32) -> io::Result<Duration> {
    Ok(threads(pid)?.iter().map(|thread| thread.used).sum())
}

/// The numbers of a line after its first word; what is no number counts as 0.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0))
        .collect()
}

/// The second field after the name in brackets.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn get(from: SocketAddr, path: &str) -> io::Result<String> {
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
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn directory(address: SocketAddr) -> io::Result<PathBuf> {
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("proxy-{}", address.port()));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// The same work as Onelane does: keep-alive on both sides, the same headers set, no log.
fn nginx_config(files: &Path, address: SocketAddr, application: SocketAddr) -> String {
    let (files, cores) = (files.display(), cores());
    format!(
        "daemon off; worker_processes {cores}; pid {files}/pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {files}/body; proxy_temp_path {files}/proxy; fastcgi_temp_path {files}/fastcgi;
  uwsgi_temp_path {files}/uwsgi; scgi_temp_path {files}/scgi;
  upstream application {{
    server {application}; keepalive 256; keepalive_requests 1000000000;
  }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection '';
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"
    )
}
