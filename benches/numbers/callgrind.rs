//! Onelane under callgrind: how many instructions it executes, and which of them belong to which of its files.
//!
//! Instructions, unlike times, are the same beside other programs. callgrind counts those of all threads, outside of the
//! kernel. An instruction belongs to the innermost file of Onelane's in its chain of inlined functions, as binutils'
//! addr2line reads it from the debug information: callgrind itself gives inlined lines to the function around them.
//! Guarantees: what was executed before a count is not in it. Does not do: cycles, caches, the kernel.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::{NamedTempFile, TempDir};

use crate::process::Onelane;

/// Onelane, executed by callgrind.
#[derive(Debug)]
pub(crate) struct Callgrind {
    onelane: Onelane,
    /// Where callgrind writes.
    written: TempDir,
    times: u32,
}

/// What was executed while something was done.
#[derive(Debug, Default)]
pub(crate) struct Executed {
    /// Instructions.
    pub(crate) total: u64,
    /// Those of Onelane's program.
    by_address: HashMap<u64, Instruction>,
}

/// Whether what a file calls of other crates belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    Count,
    Leave,
}

/// One instruction.
#[derive(Clone, Copy, Debug, Default)]
struct Instruction {
    /// How often it was executed.
    itself: u64,
    /// What functions that are not Onelane's executed when it called them.
    called: u64,
}

impl Callgrind {
    /// Starts Onelane in front of the application; `more` is YAML.
    pub(crate) fn start(application: SocketAddr, more: &str) -> io::Result<Self> {
        let written = TempDir::new()?;
        let in_it = |option: &str, name| {
            let mut option = OsString::from(option);
            option.push(written.path().join(name));
            option
        };
        let out = in_it("--callgrind-out-file=", OUT);
        let pipes = in_it(PIPES, "");
        let tool = TOOL.map(OsString::from).into_iter().chain([out, pipes]);
        let tool: Vec<_> = tool.collect();
        Ok(Self {
            onelane: Onelane::start_under(&tool, application, more)?,
            written,
            times: 0,
        })
    }

    /// The process.
    pub(crate) fn onelane(&self) -> &Onelane {
        &self.onelane
    }

    /// What it executes while `work` is done.
    pub(crate) fn count(&mut self, work: impl FnOnce() -> io::Result<()>) -> io::Result<Executed> {
        self.control("--zero")?;
        work()?;
        self.control("--dump")?;
        self.times += 1;
        let file = format!("{OUT}.{}", self.times);
        Executed::parse(&fs::read_to_string(self.written.path().join(file))?)
    }

    fn control(&self, command: &str) -> io::Result<()> {
        let id = self.onelane.id().to_string();
        let mut pipes = OsString::from(PIPES);
        pipes.push(self.written.path().join(""));
        let mut control = Command::new(CONTROL);
        control.arg(pipes).args([command, &id]);
        let status = control
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other("callgrind_control cannot reach Onelane"))
        }
    }
}

impl Executed {
    /// Reads what callgrind writes, without compression: "Callgrind Format Specification" in valgrind's manual.
    fn parse(text: &str) -> io::Result<Self> {
        let mut executed = Self::default();
        let (mut object, mut file, mut callee, mut call) = ("", "", None, None);
        for line in text.lines() {
            if let Some(of) = line.strip_prefix("ob=") {
                object = of;
            } else if let Some(cost) = line.strip_prefix("0x") {
                let (address, cost) = position(cost)
                    .ok_or_else(|| io::Error::other(format!("callgrind wrote `{line}`")))?;
                let called: Option<&str> = call.take();
                if object != PROGRAM {
                    continue;
                }
                let instruction = executed.by_address.entry(address).or_default();
                match called {
                    None => instruction.itself += cost,
                    Some(callee) if callee.starts_with(SOURCES) => {} // counted where it is
                    Some(_) => instruction.called += cost,
                }
            } else if let Some((name, value)) = line.split_once('=') {
                match name {
                    "fl" | "fi" | "fe" => file = value,
                    "cfi" | "cfl" => callee = Some(value),
                    "calls" => call = Some(callee.take().unwrap_or(file)),
                    _ => {}
                }
            } else if let Some(total) = line.strip_prefix("totals: ") {
                executed.total = total.trim().parse().map_err(io::Error::other)?;
            }
        }
        Ok(executed)
    }

    /// How many of them belong to the files that `chosen` says, by their path in `src`: without what is called there,
    /// but with what is called there of other crates where that says so.
    pub(crate) fn of_files(&self, chosen: impl Fn(&str) -> Option<Calls>) -> io::Result<u64> {
        let addresses: Vec<u64> = self.by_address.keys().copied().collect();
        let mut sum = 0;
        for (address, file) in addresses.iter().zip(files(&addresses)?) {
            let instruction = self.by_address[address];
            sum += match chosen(&file) {
                None => 0,
                Some(Calls::Leave) => instruction.itself,
                Some(Calls::Count) => instruction.itself + instruction.called,
            };
        }
        Ok(sum)
    }
}

/// Whether callgrind, its control and addr2line are installed.
pub(crate) fn is_installed() -> bool {
    [TOOL[0], CONTROL, ADDR2LINE].iter().all(|program| {
        let mut probe = Command::new(program);
        probe
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        probe.status().is_ok()
    })
}

/// An instruction's address and cost, of `hexadecimal address, line, cost`.
fn position(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split(' ');
    let address = u64::from_str_radix(fields.next()?, 16).ok()?;
    Some((address, fields.nth(1)?.parse().ok()?))
}

/// The innermost file of Onelane's in the chain of inlined functions at each address, as its path in `src`; empty when
/// there is none.
fn files(addresses: &[u64]) -> io::Result<Vec<String>> {
    let (asked, said) = (NamedTempFile::new()?, NamedTempFile::new()?);
    let lines: Vec<String> = addresses
        .iter()
        .map(|address| format!("{address:#x}\n"))
        .collect();
    fs::write(&asked, lines.concat())?;
    let mut addr2line = Command::new(ADDR2LINE);
    addr2line.args(["--addresses", "--inlines", "--exe", PROGRAM]);
    let status = addr2line
        .stdin(asked.reopen()?)
        .stdout(said.reopen()?)
        .status()?;
    let mut files: Vec<String> = Vec::with_capacity(addresses.len());
    for line in fs::read_to_string(&said)?.lines() {
        match (line.strip_prefix(SOURCES), files.last_mut()) {
            (Some(place), Some(last)) if last.is_empty() => {
                let (file, _) = place.split_once(':').unwrap_or((place, "")); // its line
                file.clone_into(last);
            }
            _ if line.starts_with("0x") => files.push(String::new()),
            _ => {}
        }
    }
    if status.success() && files.len() == addresses.len() {
        Ok(files)
    } else {
        Err(io::Error::other(
            "addr2line does not say what belongs where",
        ))
    }
}

/// What is executed.
const PROGRAM: &str = env!("CARGO_BIN_EXE_onelane");
/// Where what is Onelane's comes from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
/// Every instruction by itself, with its file, in full: it is to be read by a program.
const TOOL: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--tool=callgrind",
    "--dump-instr=yes",
    "--compress-pos=no",
    "--compress-strings=no",
];
/// The file that it writes; that of each time has a number behind it.
const OUT: &str = "callgrind.out";
/// Where callgrind and its control meet.
const PIPES: &str = "--vgdb-prefix=";
const CONTROL: &str = "callgrind_control";
const ADDR2LINE: &str = "addr2line";
/// What installs them.
pub(crate) const INSTALL: &str = "apt-get install valgrind binutils";
