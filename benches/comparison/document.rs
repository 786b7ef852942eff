//! `docs/comparison.md`: the chart, the tables, what is promised, how it was measured and what it does not show.
//!
//! Guarantees: every figure of it comes from this run.

use std::fmt::Write as _;

use crate::machine::Machine;
use crate::plan::claim::{Claim, Kind};
use crate::plan::table::{Table, seconds};
use crate::plan::{Part, Series, Side};

/// The whole document.
pub(crate) fn render(machine: &Machine, parts: &[Part]) -> String {
    let mut text = String::new();
    text.push_str("# Applications alone and behind Onelane\n\n");
    text.push_str(&opening(parts));
    text.push_str(CHART);
    for part in parts {
        push_part(&mut text, part);
    }
    text.push_str("## What is promised\n\n");
    text.push_str(PROMISED);
    let claims: Vec<&Claim> = parts.iter().flat_map(|part| &part.claims).collect();
    text.push_str(&claims_of(&claims, Kind::Promise));
    text.push_str(CONTROLS);
    text.push_str(&claims_of(&claims, Kind::Control));
    text.push_str("## How it was measured\n\n");
    push(&mut text, format_args!("{machine}.\n\n"));
    text.push_str(HOW);
    text.push_str("## What it does not show\n\n");
    text.push_str(NOT);
    text
}

/// What a site's owner needs to know, in three sentences.
fn opening(parts: &[Part]) -> String {
    let value = |series, at_once| {
        let mut points = parts.iter().flat_map(|part| &part.points);
        let point = points.find(|p| p.series == series && [0, at_once].contains(&p.at_once));
        point.map_or_else(|| "?".to_owned(), |point| seconds(point.value))
    };
    let total = |side| value(Series::Total(side), 20);
    let others = |side| value(Series::Others(side), 0);
    format!(
        "Twenty requests of 50 ms that one user sends at once take an ASP.NET application {} when it locks the session \
         itself, and {} behind Onelane, which lets them in one after another. While one session floods PHP, the requests of all \
         other users take {} without Onelane and {} with it, on an idle server {}. Applications that do not lock their sessions \
         lose most of the updates that one user makes at once; behind Onelane they lose none, and no application was changed.\n\n",
        total(Side::Bare),
        total(Side::Behind),
        others(Side::Bare),
        others(Side::Behind),
        value(Series::OthersIdle, 0),
    )
}

fn claims_of(claims: &[&Claim], kind: Kind) -> String {
    let mut table = Table::new("", &["figure", "found", "bound", ""]);
    for claim in claims.iter().filter(|claim| claim.kind() == kind) {
        let verdict = if claim.holds() { "met" } else { "**missed**" };
        table.row([
            claim.what().to_owned(),
            claim.found(),
            claim.bound(),
            verdict.to_owned(),
        ]);
    }
    format!("{table}\n")
}

fn push_part(text: &mut String, part: &Part) {
    push(
        text,
        format_args!("## {}\n\n{}\n\n", part.heading, part.words),
    );
    for table in &part.tables {
        push(text, format_args!("{}:\n\n{table}\n", table.caption));
    }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece)
        .expect("writing to a string does not fail");
}

const CHART: &str = "\
![Four diagrams: time until the last answer, calls of the session store, lost updates, and other users' waiting time, each for \
the application alone and behind Onelane](comparison.svg)

";
const PROMISED: &str = "\
Each figure is of the application behind Onelane, and has a bound that the tests keep, too.

";
const CONTROLS: &str = "\
And the same applications alone, in the same run, so that it is seen that there was something to promise:

";
const HOW: &str = "\
One command measures everything and writes this page and its chart; on Debian as root it installs what it needs:

```
bash tests/run.sh comparison
```

`cargo bench --bench comparison -- --write` is its last step. Names choose among the chapters (`-- writes lost`), `--quick` is a short form, `--strict` makes a \
missed bound the exit code 1. `cargo test --test comparison` judges every one of the claims after every change: with the same bounds and without a leeway, on fewer sizes, with shorter floods and runs, and with the chapters that only count beside each other.

- The applications are real ones from Debian's packages, with their usual servers: ASP.NET WebForms on Mono behind nginx, PHP-FPM \
behind nginx, Django in gunicorn, Express on Node.js. Each is started anew for its chapter. Their pages read a counter from the \
session, wait for as long as the request says, and store the counter plus one, so that what is lost can be counted; \
`tests/legacy/applications` has all of them.
- Bare, the load goes to the application; otherwise to Onelane, which forwards it to the same running application. The load \
generator, the number of connections and the requests are the same. The two ways take turns, each with a new session.
- Before a clock runs, fifty users without contention have asked for each page on both ways, and the connections of the \
measurement are open: compiling a page, starting a worker and connecting are not part of any figure.
- What a bound of time is on is measured several times. Behind Onelane the best round is shown, as of the ideal and of the idle \
server: whatever else a machine does adds to a time, and takes nothing from it. Of the application alone the round in the middle is \
shown: what disturbs requests that poll can also spread them, so that they find the lock free sooner. The numbers are fixed, and \
the same in the tests: 5 rounds behind Onelane and 3 bare of 20 writes of 50 ms; 2 and 1 of 50 of 200 ms, and of the flood; 3 and 1 \
of the reads; 3 and 3 in the browser. What must not happen must not happen in any round.
- Load, Onelane and application share the machine.
- Onelane has its defaults, but for what a chapter says, with the session's preset and routes of each stack.

";
const NOT: &str = "\
- Windows and IIS. Mono runs the same kind of session module, and looks for a locked session each 500 ms as .NET does, but its \
threads and its pipeline are its own.
- Networks. Everything goes over loopback, so that Onelane's own cost is seen undiluted, and distance is not.
- Work that needs the processor. The pages wait instead of computing, as pages do that wait for a database; two that compute \
would share the cores, bare or not.
- Onelane's speed as a proxy: that is what `cargo bench --bench numbers` is for.
- That order makes anything faster where the application does not lock. It does not: requests that an unlocked application runs \
side by side, and partly loses, take their turns behind Onelane.
- A farm. Here is one machine, and one Onelane.
";
