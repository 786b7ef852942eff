//! The figures Onelane promises, measured on real sockets with the release binary in a process of its own.
//!
//! `cargo bench --bench numbers` measures everything in about twenty minutes; names of sections after `--` choose among
//! them, `--strict` makes a missed target the exit code 1. The application and the load are threads of this process,
//! much cheaper than a proxy, and share the machine with it. Guarantees: what is compared is measured in one run, in
//! turns; a request that fails is an error of its section, never a fast answer. Does not do: statistics over several
//! runs, other systems than Linux (memory and processor time are read from /proc).

#![expect(clippy::print_stdout, reason = "the report is the product")]

use std::env;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

mod addresses;
mod application;
mod browsers;
mod buffers;
mod callgrind;
mod cores;
mod dashboards;
mod flood;
mod handover;
mod identity;
mod load;
mod memory;
mod neighbours;
mod nginx;
mod operator;
mod proc;
mod process;
mod relay;
mod report;
mod sessions;
mod slow;
mod slowhttptest;
mod steady;
mod timing;
mod wire;

use application::Application;
use proc::Machine;
use report::Section;

/// What can be measured.
struct Measurement {
    name: &'static str,
    run: fn(&Application) -> io::Result<Section>,
}

impl Measurement {
    /// Whether this is its name, or the first word of it: `slow` is all slow attacks.
    fn is_called(&self, name: &str) -> bool {
        let rest = self.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// What to do when a target is missed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Report,
    Fail,
}

/// What the command line asks for.
enum Asked {
    /// Nothing: `cargo test` builds benchmarks and starts them, without `--bench`.
    Nothing,
    Measure(Vec<&'static Measurement>, Strictness),
    Unknown(String),
}

fn main() -> ExitCode {
    let (measurements, strictness) = match asked(env::args().skip(1)) {
        Asked::Nothing => {
            println!("A benchmark: run it with `cargo bench --bench numbers`.");
            return ExitCode::SUCCESS;
        }
        Asked::Unknown(word) => {
            let names: Vec<_> = MEASUREMENTS.iter().map(|known| known.name).collect();
            println!("`{word}` is not --strict, nor one of: {}", names.join(", "));
            return ExitCode::from(USAGE);
        }
        Asked::Measure(measurements, strictness) => (measurements, strictness),
    };
    match measure(&measurements, strictness) {
        Ok(code) => code,
        Err(error) => {
            println!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: impl Iterator<Item = String>) -> Asked {
    let (mut measurements, mut strictness, mut bench) = (Vec::new(), Strictness::Report, false);
    for word in words {
        match word.as_str() {
            "--bench" => bench = true,
            "--strict" => strictness = Strictness::Fail,
            name => {
                let before = measurements.len();
                measurements.extend(MEASUREMENTS.iter().filter(|known| known.is_called(name)));
                if measurements.len() == before {
                    return Asked::Unknown(word);
                }
            }
        }
    }
    if !bench && measurements.is_empty() {
        return Asked::Nothing;
    }
    if measurements.is_empty() {
        measurements.extend(&MEASUREMENTS);
    }
    Asked::Measure(measurements, strictness)
}

fn measure(measurements: &[&Measurement], strictness: Strictness) -> io::Result<ExitCode> {
    if proc::open_files()? < OPEN_FILES && env::var_os(RAISED).is_none() {
        return again_with_more_files();
    }
    let application = Application::start()?;
    println!(
        "onelane {} on {} cores",
        env!("CARGO_PKG_VERSION"),
        proc::cores()
    );
    let mut code = ExitCode::SUCCESS;
    for measurement in measurements {
        println!("\n{} ...", measurement.name);
        io::stdout().flush()?;
        let before = Machine::now()?;
        match (measurement.run)(&application) {
            Ok(section) => {
                print!("{section}");
                let others = Machine::now()?.others_since(before);
                println!("  (meanwhile other programs used {others} % of the machine)");
                if section.missed() && strictness == Strictness::Fail {
                    code = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                println!("  failed: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Runs this program once more, in a shell that has raised its limit of open files: children inherit it.
fn again_with_more_files() -> io::Result<ExitCode> {
    let status = Command::new("sh")
        .args(["-c", r#"ulimit -n "$(ulimit -H -n)"; exec "$0" "$@""#])
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(RAISED, "1")
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

const MEASUREMENTS: [Measurement; 16] = [
    Measurement {
        name: "handover",
        run: handover::run,
    },
    Measurement {
        name: "memory",
        run: memory::run,
    },
    Measurement {
        name: "steady",
        run: steady::run,
    },
    Measurement {
        name: "neighbours",
        run: neighbours::run,
    },
    Measurement {
        name: "relay",
        run: relay::run,
    },
    Measurement {
        name: "tls",
        run: relay::run_secure,
    },
    Measurement {
        name: "flood",
        run: flood::run,
    },
    Measurement {
        name: "addresses",
        run: addresses::run,
    },
    Measurement {
        name: "buffers",
        run: buffers::run,
    },
    Measurement {
        name: "operator",
        run: operator::run,
    },
    Measurement {
        name: "dashboards",
        run: dashboards::run,
    },
    Measurement {
        name: "sessions",
        run: sessions::run,
    },
    Measurement {
        name: "slow-headers",
        run: slow::headers,
    },
    Measurement {
        name: "slow-bodies",
        run: slow::bodies,
    },
    Measurement {
        name: "slow-ranges",
        run: slow::ranges,
    },
    Measurement {
        name: "slow-reads",
        run: slow::reads,
    },
];

/// 11,000 clients, 1,000 connections to the application, and some of our own; Onelane needs as many.
const OPEN_FILES: u64 = 13_000;
/// Set for the second start, so that there is no third.
const RAISED: &str = "ONELANE_BENCH_RAISED";
/// Exit code for a wrong command line (EX_USAGE).
const USAGE: u8 = 64;
