//! Real applications, bare and behind Onelane, under the same load.
//!
//! `cargo bench --bench comparison` measures everything in about a quarter of an hour and prints it; names of chapters after
//! `--` choose among them, `--quick` is the form that the tests have, `--strict` makes a missed claim the exit code 1,
//! `--write` writes `docs/comparison.md` and its chart. It starts the applications itself, from Debian's packages. The
//! scenarios and their bounds are the tests' own (`tests/legacy`). Does not do: other systems than Linux.

#![expect(clippy::print_stdout, reason = "the report is the product")]

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

#[path = "../../tests/legacy/applications/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod applications;
mod chart; // the figure, as SVG
mod document; // docs/comparison.md
#[path = "../../tests/legacy/http.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod http;
mod machine; // what it was measured on
#[path = "../../tests/legacy/onelane.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod onelane;
#[path = "../../tests/legacy/plan/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod plan;
#[path = "../../tests/legacy/process.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod process;
#[path = "../../tests/legacy/scenarios/mod.rs"]
mod scenarios;
mod svg; // shapes and their styles

use machine::Machine;
use plan::setting::Stage;
use plan::{CHAPTERS, Chapter, Extent, Part};

/// What the command line asks for.
#[derive(Debug)]
enum Asked {
    /// Nothing: `cargo test` builds benchmarks and starts them, without `--bench`.
    Nothing,
    Measure(Order),
    Wrong(String),
}

/// What is measured, and what is done with it.
#[derive(Debug)]
struct Order {
    chapters: Vec<Chapter>,
    extent: Extent,
    strictness: Strictness,
    output: Output,
}

/// What to do when a claim is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    Report,
    Fail,
}

/// Where the results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Terminal,
    /// The document and its chart as well.
    Document,
}

fn main() -> ExitCode {
    let order = match asked(env::args().skip(1)) {
        Asked::Nothing => {
            println!("A benchmark: run it with `cargo bench --bench comparison`.");
            return ExitCode::SUCCESS;
        }
        Asked::Wrong(why) => {
            println!("{why}");
            return ExitCode::from(USAGE);
        }
        Asked::Measure(order) => order,
    };
    match measure(&order) {
        Ok(code) => code,
        Err(error) => {
            println!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: impl Iterator<Item = String>) -> Asked {
    let (mut bench, mut named) = (false, Vec::new());
    let mut order = Order {
        chapters: CHAPTERS.into(),
        extent: Extent::Full,
        strictness: Strictness::Report,
        output: Output::Terminal,
    };
    for word in words {
        match word.as_str() {
            "--bench" => bench = true,
            "--quick" => order.extent = Extent::Short,
            "--strict" => order.strictness = Strictness::Fail,
            "--write" => order.output = Output::Document,
            name => match CHAPTERS.iter().find(|chapter| chapter.name == name) {
                Some(chapter) => named.push(*chapter),
                None => {
                    let names = CHAPTERS.map(|chapter| chapter.name).join(", ");
                    return Asked::Wrong(format!(
                        "`{name}` is not --quick, --strict, --write, nor one of: {names}"
                    ));
                }
            },
        }
    }
    if !named.is_empty() {
        order.chapters = named;
    } else if !bench {
        return Asked::Nothing;
    }
    let whole = order.extent == Extent::Full && order.chapters.len() == CHAPTERS.len();
    match order.output {
        Output::Document if !whole => {
            Asked::Wrong("--write needs all chapters at full size".to_owned())
        }
        Output::Document | Output::Terminal => Asked::Measure(order),
    }
}

fn measure(order: &Order) -> io::Result<ExitCode> {
    let machine = Machine::look()?;
    println!("{machine}");
    let (mut parts, mut code) = (Vec::new(), ExitCode::SUCCESS);
    let mut stage = Stage::new(progress);
    for chapter in &order.chapters {
        println!("\n{} ...", chapter.name);
        io::stdout().flush()?;
        let began = Instant::now();
        if order.extent == Extent::Full {
            stage = Stage::new(progress); // applications of its own
        }
        match (chapter.run)(&mut stage, order.extent) {
            Ok(part) => {
                show(&part);
                println!("({:.0} s)", began.elapsed().as_secs_f64());
                let missed = part.claims.iter().any(|claim| !claim.holds());
                if missed && order.strictness == Strictness::Fail {
                    code = ExitCode::FAILURE;
                }
                parts.push(part);
            }
            Err(error) => {
                println!("failed: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    if order.output == Output::Document {
        if parts.len() < order.chapters.len() {
            return Err(io::Error::other("a chapter failed; nothing was written"));
        }
        write(&machine, &parts)?;
    }
    Ok(code)
}

fn progress(application: &str) {
    println!("  {application}");
}

fn show(part: &Part) {
    for table in &part.tables {
        println!("\n{}\n\n{table}", table.caption);
    }
    for claim in &part.claims {
        println!("{claim}");
    }
}

fn write(machine: &Machine, parts: &[Part]) -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    fs::write(docs.join("comparison.md"), document::render(machine, parts))?;
    fs::write(docs.join("comparison.svg"), chart::draw(parts))?;
    println!("\nwritten: docs/comparison.md, docs/comparison.svg");
    Ok(())
}

/// Exit code for a wrong command line (EX_USAGE).
const USAGE: u8 = 64;
