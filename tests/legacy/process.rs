//! A program of somebody else's, as a child process.
//!
//! Guarantees: it listens when its value is given out; it is ended when its value is dropped, and by the kernel when the
//! thread that started it is gone; a program that is not installed is an error that says how to install it.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A running program; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    said: fs::File,
    signal: &'static str,
}

/// A directory that is removed with its value.
pub(crate) type Directory = tempfile::TempDir;

impl Process {
    /// Starts `program` (a name on the PATH or in `/usr/sbin`, of the Debian package `package`) with what `prepare` adds
    /// to its command. It gets SIGTERM when the thread that calls this ends.
    ///
    /// # Errors
    /// When it is not installed, with the command that installs it.
    pub(crate) fn start(
        program: &str,
        package: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let path = find(program).ok_or_else(|| missing(program, package))?;
        let said = tempfile::tempfile()?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(path);
        command.stdin(Stdio::null());
        prepare(&mut command);
        let child = command
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()?;
        Ok(Self {
            name: program.to_owned(),
            child,
            said,
            signal: "TERM",
        })
    }

    /// Ends it by SIGKILL, for a program that has no children and takes its time.
    pub(crate) fn killed(mut self) -> Self {
        self.signal = "KILL";
        self
    }

    /// Waits until it takes connections at `address`.
    ///
    /// # Errors
    /// With all that it said, when it ends before, or takes longer than [`PATIENCE`].
    pub(crate) fn listens(&mut self, address: SocketAddr) -> io::Result<()> {
        self.until(|| TcpStream::connect(address).is_ok())
    }

    /// Waits until it takes connections at a Unix socket; errors as [`Process::listens`].
    pub(crate) fn listens_at(&mut self, socket: &Path) -> io::Result<()> {
        self.until(|| UnixStream::connect(socket).is_ok())
    }

    fn until(&mut self, ready: impl Fn() -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let (said, name) = (self.said()?, &self.name);
                let how = ended.map_or_else(
                    || "does not listen".to_owned(),
                    |status| format!("ended: {status}"),
                );
                return Err(io::Error::other(format!("{name} {how}; it said:\n{said}")));
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// All that it has written so far.
    pub(crate) fn said(&mut self) -> io::Result<String> {
        let mut said = Vec::new();
        self.said.seek(SeekFrom::Start(0))?;
        self.said.read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Process {
    /// SIGTERM at first, since a master that is killed leaves its workers behind; then whatever is needed.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        drop(Command::new("kill").args(["-s", self.signal, &id]).status());
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address that was free a moment ago, and is not given out again: neither here, nor by the system to those who take
/// any port (32768 and above), however long a program takes to start.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        // Tests of another process, at the same time, begin somewhere else.
        let next =
            std::process::id().wrapping_mul(97) % PORTS + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST_PORT + next % PORTS).map_err(io::Error::other)?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr();
        }
    }
    Err(io::Error::other("no port is free"))
}

const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

/// An empty directory; short, since the paths of Unix sockets are.
pub(crate) fn directory() -> io::Result<Directory> {
    tempfile::Builder::new().prefix("onelane-").tempdir()
}

/// Where a program is, if it is installed; `/usr/sbin` is not on the PATH of ordinary users.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// The error for a program that is not installed.
pub(crate) fn missing(program: &str, package: &str) -> io::Error {
    io::Error::other(format!(
        "{program} is not installed; install it with: apt-get install -y --no-install-recommends {package}"
    ))
}

/// How long a program may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
