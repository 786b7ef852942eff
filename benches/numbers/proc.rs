//! What /proc says of processes and of the machine.
//!
//! Does not do: other systems than Linux.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

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

/// The threads of a process.
///
/// Processor time in nanoseconds is in the first field of `schedstat`; the ticks of `stat` are too coarse.
pub(crate) fn threads(pid: u32) -> io::Result<Vec<Thread>> {
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

/// Processor time that all threads of a process have used.
pub(crate) fn used(pid: u32) -> io::Result<Duration> {
    Ok(threads(pid)?.iter().map(|thread| thread.used).sum())
}

/// The numbers of a line after its first word; what is no number counts as 0.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(0))
        .collect()
}

/// The parent of a process: the second field after the name in brackets.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Memory of a process: `field` is one of those in its status that are sizes, such as VmRSS. Bytes.
pub(crate) fn memory(pid: u32, field: &str) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| {
            let rest = line.strip_prefix(field)?.strip_prefix(':')?;
            rest.trim().strip_suffix("kB")
        })
        .and_then(|number| number.trim().parse::<f64>().ok());
    kibibytes
        .map(|number| number * 1024.0)
        .ok_or_else(|| io::Error::other(format!("no {field} in /proc")))
}

/// Memory that the system holds for all TCP sockets of the machine, bytes.
pub(crate) fn tcp_memory() -> io::Result<f64> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let pages = sockets.lines().find_map(|line| {
        let mut fields = line.strip_prefix("TCP:")?.split_whitespace();
        fields.find(|field| *field == "mem")?;
        fields.next()?.parse::<f64>().ok()
    });
    pages
        .map(|pages| pages * PAGE)
        .ok_or_else(|| io::Error::other("no memory of TCP in /proc"))
}

/// What the kernel counts the memory of sockets in, on the machines that this is run on.
const PAGE: f64 = 4096.0;
