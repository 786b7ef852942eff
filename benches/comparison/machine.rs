//! What it was measured on: cores, versions, the date.
//!
//! Guarantees: a program that is not there has no version, and that is no error.

use std::fmt;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;

/// The machine and what is installed on it.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    system: String,
    date: String,
    /// Name and version.
    programs: Vec<(&'static str, String)>,
    /// Processes that were running on average in the last minute.
    load: String,
}

impl Machine {
    /// Now.
    pub(crate) fn look() -> io::Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: value(&cpu, "model name", ':')
                .unwrap_or("unknown")
                .to_owned(),
            system: value(&system, "PRETTY_NAME", '=')
                .unwrap_or("Linux")
                .trim_matches('"')
                .to_owned(),
            date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_default(),
            programs: PROGRAMS
                .iter()
                .filter_map(|(name, program, arguments)| {
                    Some((*name, version(&said(program, arguments)?)?))
                })
                .collect(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let programs: Vec<String> = self
            .programs
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        write!(
            f,
            "{}; {} cores of {}; {}; Onelane {}{}, {}; load average at the start {}",
            self.date,
            self.cores,
            self.processor,
            self.system,
            env!("CARGO_PKG_VERSION"),
            BUILD,
            programs.join(", "),
            self.load
        )
    }
}

fn value<'a>(text: &'a str, name: &str, separator: char) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (known, value) = line.split_once(separator)?;
        (known.trim() == name).then_some(value.trim())
    })
}

/// What a program says, on either stream; nothing when it is not there.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let path = crate::process::find(program)?;
    let output = Command::new(path).args(arguments).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&said).trim().to_owned())
}

/// The first word that has a version's form.
fn version(said: &str) -> Option<String> {
    said.split([' ', '/', '(', ')', ',', '=', '\n'])
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

/// A release build is what `cargo bench` makes.
const BUILD: &str = if cfg!(debug_assertions) {
    " (a debug build)"
} else {
    ""
};
/// Name, program, and the arguments with which it says its version.
const PROGRAMS: [(&str, &str, &[&str]); 9] = [
    ("Mono", "mono", &["--version"]),
    ("nginx", "nginx", &["-v"]),
    ("PHP", "php-fpm8.2", &["-v"]),
    ("Redis", "redis-server", &["--version"]),
    ("Python", "python3", &["--version"]),
    (
        "Django",
        "python3",
        &["-c", "import django; print(django.get_version())"],
    ),
    ("gunicorn", "gunicorn", &["--version"]),
    ("Node.js", "node", &["--version"]),
    ("Chromium", "chromium", &["--version"]),
];
